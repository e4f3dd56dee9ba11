"""Scopes of isolation: what several environments do beside each other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from spec.manager import ManagerState, new_manager
from spec.ops import (
    Clear,
    ClearAll,
    ClearTier,
    EnvId,
    Get,
    Inspect,
    Key,
    Lookup,
    ManagerOp,
    On,
    Peek,
    PoolOp,
    Ref,
    ResetAllStats,
    ResetStats,
    Set,
    Tier,
)
from spec.profile import Profile
from spec.sizing import Config, capacities
from stateful_models.scopes.scope import Reports
from stateful_models.subjects.aspects import EVERYTHING, Aspect, counts

NAMED = Tier.INIT, Tier.RECUR


@dataclass(frozen=True)
class IsolationScope:
    """Environments that do all that names one, in init and in recur, and what names none.

    Each has an object of its own for each key, so that contents tell whose they are. Recur pools
    have room for `simulations` of each environment that uses them; `recur_keys` are used there
    (None: as many as in init). wm, which is common, is used if `wm` says so.
    """

    profile: Profile
    envs: int = 2
    keys: int = 2
    capacity: int = 2
    simulations: int = 1
    recur_keys: int | None = None
    wm: bool = False
    tiers: tuple[Tier, ...] = tuple(Tier)

    @property
    def config(self) -> Config:
        return Config(self.capacity, self.simulations, self.capacity)

    @property
    def recurring(self) -> int:
        return self.keys if self.recur_keys is None else self.recur_keys

    @property
    def span(self) -> int:
        return max(self.keys, self.recurring)

    @property
    def objects(self) -> int:
        return self.envs * self.span

    @property
    def label(self) -> str:
        room = capacities(self.profile.sizing, self.config, self.envs, self.profile.recur_scope)
        assert room is not None
        return f"{self.keys} in {room.init}, recur {self.recurring} in {room.recur}"

    def initial(self) -> ManagerState:
        sizes = capacities(self.profile.sizing, self.config, self.envs, self.profile.recur_scope)
        assert sizes is not None
        return new_manager(self.profile, self.config, sizes, self.envs, self.objects)

    def on_pool(self, env: EnvId, keys: int, reports: Reports) -> Iterator[PoolOp]:
        """Every operation on a pool."""
        for number in range(keys):
            yield Get(Key(number))
            yield Set(Key(number), Ref(env * self.span + number))
        yield Clear()
        if Aspect.INSPECTION in reports:
            yield from (Peek(Key(number)) for number in range(keys))
        if Aspect.INSPECTION in reports or counts(reports):
            yield Inspect()
        if Aspect.COUNTERS in reports:
            yield ResetStats()

    def operations(self, env: EnvId, reports: Reports = EVERYTHING) -> Iterator[ManagerOp]:
        """All that names an environment, of a tier that can be its own."""
        yield from (Lookup(env, Key(number)) for number in range(self.span))
        for tier, keys in zip(NAMED, (self.keys, self.recurring), strict=True):
            if tier in self.tiers:
                yield from (On(tier, env, op) for op in self.on_pool(env, keys, reports))

    def common(self, reports: Reports = EVERYTHING) -> Iterator[ManagerOp]:
        """What names no environment, and wm, which is nobody's."""
        yield from (ClearTier(tier) for tier in self.tiers if self.wm or tier is not Tier.WM)
        yield ClearAll()
        if Aspect.COUNTERS in reports:
            yield ResetAllStats()
        if self.wm and Tier.WM in self.tiers:
            for env in (None, *map(EnvId, range(self.envs))):
                ops = self.on_pool(env or EnvId(0), self.keys, reports)
                yield from (On(Tier.WM, env, op) for op in ops)

    def alphabet(self, reports: Reports = EVERYTHING) -> tuple[ManagerOp, ...]:
        every = [op for e in range(self.envs) for op in self.operations(EnvId(e), reports)]
        return (*every, *self.common(reports))

    def ranked(self, op: ManagerOp, rank: int) -> ManagerOp:
        """A set with this priority, where the policy looks at priorities."""
        match op:
            case On(tier, env, Set() as inner) if self.profile.policy.ranked:
                return On(tier, env, replace(inner, priority=rank))
            case _:
                return op
