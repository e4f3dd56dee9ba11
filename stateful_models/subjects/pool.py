"""A pool under test: what an adapter's author writes."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from spec.ops import Counters, Left, Op, Ref, Response
from spec.profile import USUAL, Profile, copies, lends
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.client import Client
from stateful_models.subjects.driver import drive_pool
from stateful_models.subjects.naming import PLAIN
from stateful_models.subjects.protocol import SubjectError


class PoolSubject(ABC):
    """A pool under test: write `start`, `get`, `set` and `clear`; add what else it can tell.

    Values are `Box` objects, with `clone()`, `seal()` and `write()`. To store others (tensors,
    say) override `make_client`. Each aspect named in `reports` is then held to the specification:

    - SLOTS: `set` returns the slot.
    - DEPARTURES: during `set` and `clear`, `self.departed` receives a `Left` for every
      object that leaves: evicted, replaced by an update, or cleared (these in slot order).
    - INSPECTION: `peek` and `keys`. COUNTERS: `counters` and `reset_counters`.
    - RETENTION: nothing to write; reference counts tell what the cache keeps alive.
    - REFUSALS: bad input raises: a key that is a string, None as a value, NaN as a priority
      (whatever the policy). `rank` is 0 where the policy is not PRIORITY.
    """

    reports: frozenset[Aspect] = frozenset({Aspect.RETENTION})
    profiles: ClassVar[tuple[Profile, ...]] = USUAL
    """The profiles that this cache claims to refine."""

    def __init__(self, profile: Profile, capacity: int, objects: int) -> None:
        self.profile = profile
        self.client = self.make_client(objects)
        self.client.borrows = lends(profile)
        self.private = copies(profile)
        self.naming = PLAIN
        self.departed: list[Left] = []
        self.error: BaseException | None = None
        self.start(profile, capacity)

    def make_client(self, objects: int) -> Client:
        return Client(objects)

    @abstractmethod
    def start(self, profile: Profile, capacity: int) -> None:
        """Make the cache, empty."""

    @abstractmethod
    def get(self, key: int) -> object | None:
        """The stored object, or None."""

    @abstractmethod
    def set(self, key: int, value: object, rank: float) -> int | None:
        """Store an object; the slot, if the cache has slots (Aspect.SLOTS)."""

    @abstractmethod
    def clear(self) -> None: ...

    def peek(self, key: int) -> object | None:
        raise SubjectError("Aspect.INSPECTION is among `reports`: that needs peek()")

    def keys(self) -> Iterable[int]:
        raise SubjectError("Aspect.INSPECTION is among `reports`: that needs keys()")

    def counters(self) -> Counters:
        raise SubjectError("Aspect.COUNTERS is among `reports`: that needs counters()")

    def reset_counters(self) -> None:
        raise SubjectError("Aspect.COUNTERS is among `reports`: that needs reset_counters()")

    def retained(self) -> tuple[frozenset[Ref], int]:
        """The client's objects that the cache keeps alive, and how many copies of its own."""
        return self.client.kept(), self.client.live_copies()

    def perform(self, op: Op) -> Response:
        """For the engines: one operation, by way of the methods above."""
        return drive_pool(self, op)
