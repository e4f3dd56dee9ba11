"""What an implementation under test must offer, and how it answers the specification's operations.

A subject is driven by `perform(op)`. `PoolSubject` does the client's side of that (its objects,
their contents, who holds what), so that an adapter has only `start`, `get`, `set` and `clear`
to write.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from math import nan
from typing import ClassVar, Protocol, TypeVar, assert_never, runtime_checkable

from spec.ops import (
    Census,
    Clear,
    Cleared,
    Counters,
    Done,
    Get,
    Hit,
    Inspect,
    Key,
    Left,
    Miss,
    Op,
    Peek,
    PoolOp,
    Read,
    Ref,
    Refused,
    Reread,
    ResetStats,
    Response,
    Rewrite,
    Set,
    SlotId,
    Stored,
    Write,
)
from spec.profile import KVREF, Ownership, Profile
from stateful_models.subjects.aspects import EVERYTHING, Aspect
from stateful_models.subjects.client import Client

O_contra = TypeVar("O_contra", contravariant=True)
S_co = TypeVar("S_co", covariant=True)


@runtime_checkable
class Subject(Protocol[O_contra]):
    """One cache under test. `reports` names the aspects that its responses fill in."""

    reports: frozenset[Aspect]

    def perform(self, op: O_contra) -> Response: ...


@runtime_checkable
class Transparent(Protocol[S_co]):
    """A subject that can show its state as the specification's."""

    def abstract(self) -> S_co: ...


@runtime_checkable
class Retaining(Protocol):
    """A subject of which it can be told, at any time, what it keeps alive."""

    def retained(self) -> tuple[frozenset[Ref], int]: ...


NO_KEY = "no key"  # what stands for a key that must be refused


class SubjectError(Exception):
    """A subject that cannot be driven at all; one line says why."""


class PoolSubject(ABC):
    """A pool under test: write `start`, `get`, `set` and `clear`; add what else it can tell.

    Values are `Box` objects, with `clone()`, `seal()` and `write()`. To store others (tensors,
    say) override `make_client`. Each aspect named in `reports` is then held to the specification:

    - SLOTS: `set` returns the slot.
    - DEPARTURES: during `set` and `clear`, `self.departed` receives a `spec.ops.Left` for every
      object that leaves: evicted, replaced by an update, or cleared (these in slot order).
    - INSPECTION: `peek` and `keys`. COUNTERS: `counters` and `reset_counters`.
    - RETENTION: nothing to write; reference counts tell what the cache keeps alive.
    - REFUSALS: bad input raises: a key that is a string, None as a value, NaN as a priority
      (whatever the policy). `rank` is 0 where the policy is not PRIORITY.
    """

    reports: frozenset[Aspect] = frozenset({Aspect.RETENTION})
    profiles: ClassVar[tuple[Profile, ...]] = KVREF
    """The profiles that this cache claims to refine."""

    def __init__(self, profile: Profile, capacity: int, objects: int) -> None:
        self.profile = profile
        self.client = self.make_client(objects)
        self.private = profile.ownership is Ownership.COPY
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
        raise NotImplementedError("Aspect.INSPECTION needs peek")

    def keys(self) -> Iterable[int]:
        raise NotImplementedError("Aspect.INSPECTION needs keys")

    def counters(self) -> Counters:
        raise NotImplementedError("Aspect.COUNTERS needs counters")

    def reset_counters(self) -> None:
        raise NotImplementedError("Aspect.COUNTERS needs reset_counters")

    def perform(self, op: Op) -> Response:
        """One operation; whatever the cache raises is a refusal, kept in `error`."""
        self.departed.clear()
        self.error = None
        try:
            if isinstance(op, (Read, Write, Reread, Rewrite)):
                return self.client.perform(op)
            return self.on_pool(op)
        except (Exception, SystemExit) as error:
            self.error = error.with_traceback(None)  # frames would keep objects alive
            return Refused()

    def on_pool(self, op: PoolOp) -> Response:
        match op:
            case Set():
                value = None if op.ref is None else self.client.objects[op.ref]
                slot = self.set(operand(op.key), value, rank(op.priority))
                return Stored(SlotId(slot or 0), tuple(self.departed))
            case Get():
                return found(self.client, self.get(operand(op.key)), self.private, self.private)
            case Peek():
                return found(self.client, self.peek(operand(op.key)), self.private, hold=False)
            case Clear():
                self.clear()
                return Cleared(tuple(self.departed))
            case Inspect():
                return self.census()
            case ResetStats():
                self.reset_counters()
                return Done()
            case _:
                assert_never(op)

    def census(self) -> Census:
        tells = self.reports
        everything = tells is EVERYTHING  # Enum hashing is slow, and this is a hot path
        inspected = everything or Aspect.INSPECTION in tells
        keys = frozenset(map(Key, self.keys())) if inspected else frozenset()
        counters = self.counters() if everything or Aspect.COUNTERS in tells else Counters()
        if not everything and Aspect.RETENTION not in tells:
            return Census(keys, frozenset(), 0, counters)
        return Census(keys, *self.retained(), counters)

    def retained(self) -> tuple[frozenset[Ref], int]:
        """The client's objects that the cache keeps alive, and how many copies of its own."""
        return self.client.kept(), self.client.live_copies()


def operand(key: Key | None) -> int:
    return NO_KEY if key is None else key  # type: ignore[return-value]  # bad input on purpose


def rank(priority: int | None) -> float:
    """A priority for the cache; NaN stands for one that must be refused."""
    return nan if priority is None else priority


def found(client: Client, value: object | None, private: bool, hold: bool) -> Response:
    """What a get answers; under COPY (`private`) the client may hold on to what it got."""
    if value is None:
        return Miss()
    if hold:
        client.hand = value
    return Hit(None if private else client.ref_of(value), client.read(value))
