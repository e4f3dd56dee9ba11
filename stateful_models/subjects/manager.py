"""A manager under test: what an adapter's author writes."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from spec.ops import Counters, Left, ManagerOp, Response, Tier
from spec.profile import USUAL, Profile, copies, lends
from spec.sizing import Config
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.client import Client
from stateful_models.subjects.driver import drive_manager
from stateful_models.subjects.naming import PLAIN
from stateful_models.subjects.protocol import SubjectError


class ManagerSubject(ABC):
    """A manager under test: write `start`, `get`, `set`, `clear` and `lookup`.

    `env` says who asks; a tier that all environments share is asked without, and with one too.
    A manager without some tier names those that it has in `tiers`, or raises NotImplementedError
    when the other is asked. `reports` as in `PoolSubject`, without
    RETENTION; COUNTERS also wants `reset_counters(None, None)`, which resets every pool's and the
    lookups' own.
    """

    reports: frozenset[Aspect] = frozenset()
    profiles: ClassVar[tuple[Profile, ...]] = USUAL

    def __init__(self, profile: Profile, config: Config, envs: int, objects: int) -> None:
        self.profile = profile
        self.envs = envs
        self.client = self.make_client(objects)
        self.client.borrows = lends(profile)
        self.private = copies(profile)
        self.naming = PLAIN
        self.departed: list[Left] = []
        self.error: BaseException | None = None
        self.start(profile, config, envs)

    def make_client(self, objects: int) -> Client:
        return Client(objects)

    @abstractmethod
    def start(self, profile: Profile, config: Config, envs: int) -> None:
        """Make the manager, every pool empty and sized by the configuration."""

    @abstractmethod
    def get(self, tier: Tier, env: int | None, key: int) -> object | None: ...

    @abstractmethod
    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int | None:
        """Store; the slot, if pools have slots (Aspect.SLOTS)."""

    @abstractmethod
    def clear(self, tier: Tier | None, env: int | None) -> None:
        """Clear one environment's pool of a tier, all of a tier (env None), or all (tier None)."""

    @abstractmethod
    def lookup(self, env: int, key: int) -> object | None:
        """Init, then recur."""

    def peek(self, tier: Tier, env: int | None, key: int) -> object | None:
        raise SubjectError("Aspect.INSPECTION is among `reports`: that needs peek()")

    def keys(self, tier: Tier, env: int | None) -> Iterable[int]:
        raise SubjectError("Aspect.INSPECTION is among `reports`: that needs keys()")

    def counters(self, tier: Tier, env: int | None) -> Counters:
        raise SubjectError("Aspect.COUNTERS is among `reports`: that needs counters()")

    def reset_counters(self, tier: Tier | None, env: int | None) -> None:
        raise SubjectError("Aspect.COUNTERS is among `reports`: that needs reset_counters()")

    def perform(self, op: ManagerOp) -> Response:
        """For the engines: one operation, by way of the methods above."""
        return drive_manager(self, op)
