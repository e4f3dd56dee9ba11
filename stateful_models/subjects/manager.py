"""A manager under test: what an adapter writes, and how it answers operations."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, assert_never

from spec.ops import (
    Census,
    Clear,
    ClearAll,
    Cleared,
    ClearTier,
    Counters,
    Done,
    EnvId,
    Get,
    Inspect,
    Key,
    Left,
    Lookup,
    ManagerOp,
    On,
    Peek,
    PoolOp,
    Read,
    Refused,
    Reread,
    ResetAllStats,
    ResetStats,
    Response,
    Rewrite,
    Set,
    SlotId,
    Stored,
    Tier,
    Write,
)
from spec.profile import KVREF, Ownership, Profile
from spec.sizing import Config
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.client import Client
from stateful_models.subjects.pool import found, operand, rank


class ManagerSubject(ABC):
    """A manager under test: write `start`, `get`, `set`, `clear` and `lookup`.

    `env` is None for the tiers that all environments share. `reports` as in `PoolSubject`, without
    RETENTION; COUNTERS also wants `reset_counters(None, None)`, which resets every pool's and the
    lookups' own.
    """

    reports: frozenset[Aspect] = frozenset()
    profiles: ClassVar[tuple[Profile, ...]] = KVREF

    def __init__(self, profile: Profile, config: Config, envs: int, objects: int) -> None:
        self.profile = profile
        self.envs = envs
        self.client = self.make_client(objects)
        self.private = profile.ownership is Ownership.COPY
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
        raise NotImplementedError("Aspect.INSPECTION needs peek")

    def keys(self, tier: Tier, env: int | None) -> Iterable[int]:
        raise NotImplementedError("Aspect.INSPECTION needs keys")

    def counters(self, tier: Tier, env: int | None) -> Counters:
        raise NotImplementedError("Aspect.COUNTERS needs counters")

    def reset_counters(self, tier: Tier | None, env: int | None) -> None:
        raise NotImplementedError("Aspect.COUNTERS needs reset_counters")

    def perform(self, op: ManagerOp) -> Response:
        """One operation; whatever the manager raises is a refusal, kept in `error`."""
        self.departed.clear()
        self.error = None
        try:
            return self.answer(op)
        except (Exception, SystemExit) as error:
            self.error = error.with_traceback(None)
            return Refused()

    def answer(self, op: ManagerOp) -> Response:
        match op:
            case On(tier, env, pool_op):
                return self.on_pool(tier, env, pool_op)
            case Lookup(env, key):
                value = self.lookup(environment(env), operand(key))
                return found(self.client, value, self.private, self.private)
            case ClearTier(tier):
                self.clear(tier, None)
                return Cleared(tuple(self.departed))
            case ClearAll():
                self.clear(None, None)
                return Cleared(tuple(self.departed))
            case ResetAllStats():
                self.reset_counters(None, None)
                return Done()
            case Read() | Write() | Reread() | Rewrite():
                return self.client.perform(op)
            case _:
                assert_never(op)

    def on_pool(self, tier: Tier, env: EnvId | None, op: PoolOp) -> Response:
        where = environment(env) if tier is Tier.INIT else env
        match op:
            case Set(key, ref, priority):
                value = None if ref is None else self.client.objects[ref]
                slot = self.set(tier, where, operand(key), value, rank(priority))
                return Stored(SlotId(slot or 0), tuple(self.departed))
            case Get(key):
                value = self.get(tier, where, operand(key))
                return found(self.client, value, self.private, self.private)
            case Peek(key):
                value = self.peek(tier, where, operand(key))
                return found(self.client, value, self.private, hold=False)
            case Clear():
                self.clear(tier, where)
                return Cleared(tuple(self.departed))
            case Inspect():
                return self.census(tier, where)
            case ResetStats():
                self.reset_counters(tier, where)
                return Done()
            case _:
                assert_never(op)

    def census(self, tier: Tier, env: int | None) -> Census:
        """Keys and counters of one pool; what it alone keeps alive cannot be told from outside."""
        tells = self.reports
        inspected = Aspect.INSPECTION in tells
        keys = frozenset(map(Key, self.keys(tier, env))) if inspected else frozenset()
        counters = self.counters(tier, env) if Aspect.COUNTERS in tells else Counters()
        return Census(keys, frozenset(), 0, counters)


def environment(env: EnvId | None) -> int:
    return "no env" if env is None else env  # type: ignore[return-value]  # bad input on purpose
