"""Scopes of a manager."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from itertools import chain

from spec import manager
from spec.laws import manager_broken
from spec.manager import ManagerState, new_manager, pool_index
from spec.manager_laws import MANAGER, ManagerTransition
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
    Response,
    Set,
    Stored,
    Tier,
)
from spec.pool import retained
from spec.profile import Profile, RecurScope
from spec.sizing import Capacities, Config, capacities
from stateful_models.scopes.pool import pool_ops
from stateful_models.scopes.scope import Reports, called, completed_pool, idle, named
from stateful_models.scopes.symmetry import plain_manager, renamed_manager
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.naming import PLAIN, Naming
from stateful_models.subjects.policies import asked
from stateful_models.subjects.protocol import ManagerFactory, Subject


def evicts(tier: Tier) -> Callable[[ManagerState, ManagerOp, Response, ManagerState], bool]:
    """The situation that a full pool of this tier loses an entry to a newcomer."""

    def occurs(before: ManagerState, op: ManagerOp, told: Response, after: ManagerState) -> bool:
        if not (isinstance(op, On) and op.tier is tier and isinstance(op.op, Set)):
            return False
        index = pool_index(before, tier, op.env)
        if index is None or not isinstance(told, Stored):
            return False
        pool = before.pools[index]
        new = all(entry.key != op.op.key for entry in pool.entries)
        return new and len(pool.entries) == pool.capacity

    return occurs


@dataclass(frozen=True, slots=True)
class ManagerScope:
    """A manager: every operation in every tier; no client writes, which pools' scopes have.

    With `shared` 0 each pool has one object of its own, under every key and, where the policy is
    PRIORITY, with priority 1; else every pool is set every one of so many, under every key and
    with priorities 0 and 1. What is not among `tiers` is never asked for.
    """

    profile: Profile
    config: Config
    envs: int
    keys: int
    shared: int = 0
    tiers: tuple[Tier, ...] = tuple(Tier)
    naming: Naming = PLAIN

    @property
    def sizes(self) -> Capacities:
        profile = self.profile
        sizes = capacities(profile.sizing, self.config, self.envs, profile.recur_scope)
        assert sizes is not None, f"{self.config} lacks what {self.profile.sizing} needs"
        return sizes

    @property
    def label(self) -> str:
        objects = f"{self.shared} objects" if self.shared else "an object a pool"
        return (
            f"manager, {self.envs} envs, capacities {self.capacities}, {self.keys} keys, "
            f"{objects}{called(self.naming, self.keys)}"
        )

    @property
    def capacities(self) -> str:
        """Of init, recur and wm."""
        return "/".join(map(str, self.sizes))

    @property
    def objects(self) -> int:
        return self.shared or len(self.places())

    def places(self) -> tuple[tuple[Tier, EnvId | None], ...]:
        """Every pool, as it is asked for."""
        envs = tuple(EnvId(env) for env in range(self.envs))
        per_env = self.profile.recur_scope is RecurScope.PER_ENV
        recurs = envs if per_env else (None,)
        return (
            *((Tier.INIT, env) for env in envs),
            *((Tier.RECUR, env) for env in recurs),
            (Tier.WM, None),
        )

    def offered(self) -> list[tuple[int, tuple[Tier, EnvId | None]]]:
        """Those of the subject's tiers, each with its number."""
        return [one for one in enumerate(self.places()) if one[1][0] in self.tiers]

    def initial(self) -> ManagerState:
        return new_manager(self.profile, self.config, self.sizes, self.envs, self.objects)

    def on_one(self, number: int, reports: Reports) -> list[PoolOp]:
        """Every operation on one pool."""
        ranked = self.profile.policy.ranked
        every = tuple(Ref(ref) for ref in range(self.shared)) or (Ref(number),)
        ranks = range(2 if self.shared else 1) if ranked else range(1)
        ops = pool_ops(self.keys, (every,) * self.keys, len(ranks), reports)
        if self.shared or not ranked:
            return ops
        return [
            replace(op, priority=1) if isinstance(op, Set) and op.priority == 0 else op
            for op in ops
        ]

    def alphabet(self, reports: Reports) -> tuple[ManagerOp, ...]:
        ops: list[ManagerOp] = []
        keys = [Key(key) for key in range(self.keys)]
        envs = [EnvId(env) for env in range(self.envs)]
        for number, (tier, env) in self.offered():
            ops += [On(tier, env, op) for op in self.on_one(number, reports)]
            if tier is Tier.RECUR and env is None:  # the shared one, asked by an environment
                asked = self.on_one(number, reports - {Aspect.REFUSALS})
                ops += [On(tier, by, op) for by in envs for op in asked]
        ops += [Lookup(env, key) for env in envs for key in keys]
        ops += [ClearTier(tier) for tier in self.tiers]
        ops.append(ClearAll())
        if Aspect.COUNTERS in reports:
            ops.append(ResetAllStats())
        if Aspect.REFUSALS in reports:
            ops += [Lookup(EnvId(-1), keys[0]), Lookup(EnvId(0), None)]
            named = (Tier.INIT, Tier.RECUR) if self.apart else (Tier.INIT,)
            bad = (None, EnvId(-1), EnvId(self.envs))
            ops += [On(tier, env, Get(keys[0])) for tier in named for env in bad]
            ops += [On(Tier.INIT, EnvId(self.envs), op) for op in (Clear(), Set(keys[0], Ref(0)))]
        return tuple(ops)

    @property
    def apart(self) -> bool:
        """Each environment has a recur pool of its own."""
        return self.profile.recur_scope is RecurScope.PER_ENV

    def writes(self, state: ManagerState) -> tuple[ManagerOp, ...]:
        return ()

    def aftermath(self, response: Response) -> ManagerOp | None:
        return None

    def retained(self, state: ManagerState) -> tuple[frozenset[Ref], int]:
        kept = [retained(pool) for pool in state.pools]
        return frozenset().union(*(refs for refs, _ in kept)), sum(copies for _, copies in kept)

    def probes(self, reports: Reports) -> tuple[ManagerOp, ...]:
        keys = [Key(key) for key in range(self.keys)]
        places = [place for _, place in self.offered()]
        gets: list[ManagerOp] = [On(*place, Get(key)) for place in places for key in keys]
        looks: list[ManagerOp] = [Lookup(EnvId(e), key) for e in range(self.envs) for key in keys]
        told = Aspect.INSPECTION in reports
        peeks: list[ManagerOp] = [On(*place, Peek(key)) for place in places for key in keys if told]
        seen = told or bool(Aspect.COUNTERS in reports)
        inspected: list[ManagerOp] = [On(*place, Inspect()) for place in places if seen]
        return (*inspected, *peeks, *gets, *looks)

    def flushes(self, reports: Reports) -> tuple[tuple[ManagerOp, ...], ...]:
        """In every pool so many newcomers, for each number that leaves some entry in doubt."""
        deepest = max(max(1, self.room(tier) - 1) for tier in self.tiers)
        return tuple(
            tuple(chain(*(self.newcomers(number, place, n) for number, place in self.offered())))
            for n in range(1, deepest + 1)
        )

    def room(self, tier: Tier) -> int:
        return dict(zip(Tier, self.sizes, strict=True))[tier]

    def newcomers(
        self, number: int, place: tuple[Tier, EnvId | None], count: int
    ) -> tuple[ManagerOp, ...]:
        """Sets of keys that were never there, then a look at every key of the scope."""
        ref = Ref(number % self.objects)
        rank = 1 if self.profile.policy.ranked else 0
        new = [On(*place, Set(Key(self.keys + n), ref, rank)) for n in range(count)]
        return (*new, *(On(*place, Get(Key(key))) for key in range(self.keys)))

    def trail(self, op: ManagerOp, after: ManagerState) -> Hashable:
        return None

    def step(self, state: ManagerState, op: ManagerOp) -> tuple[ManagerState, Response]:
        return asked(self.profile.policy, lambda: manager.step(state, op))

    def same_but_counters(self, one: ManagerState, other: ManagerState) -> bool:
        pairs = zip(one.pools, other.pools, strict=True)
        return one.heap == other.heap and all(
            p.entries == q.entries and p.memo == q.memo for p, q in pairs
        )

    def completed(self, shown: ManagerState, due: ManagerState, reports: Reports) -> ManagerState:
        pairs = zip(shown.pools, due.pools, strict=False)
        pools = [
            completed_pool(one, other, self.naming, reports, self.objects) for one, other in pairs
        ]
        lookups = shown.lookups if Aspect.COUNTERS in reports else due.lookups
        heap = self.naming.heap(shown.heap)
        every = (*pools, *shown.pools[len(pools) :])
        return shown._replace(pools=every, heap=heap, lookups=lookups)

    def broken(
        self, before: ManagerState, op: ManagerOp, response: Response, after: ManagerState
    ) -> tuple[str, ...]:
        return manager_broken(ManagerTransition(before, op, response, after))

    def unsound(self, state: ManagerState) -> tuple[str, ...]:
        return self.broken(state, *idle(state.heap), state)

    def situations(
        self,
    ) -> dict[str, Callable[[ManagerState, ManagerOp, Response, ManagerState], bool]]:
        laws = {law.code: lambda *t, law=law: law.occurs(ManagerTransition(*t)) for law in MANAGER}
        return laws | {f"eviction in {tier.value}": evicts(tier) for tier in self.tiers}

    def canonical(self, state: ManagerState, symmetric: bool) -> tuple[Hashable, int]:
        if not symmetric:
            return plain_manager(state), 1
        return renamed_manager(state, self.keys, not self.shared)

    def build(self, factory: ManagerFactory) -> Subject[ManagerOp]:
        return named(factory(self.profile, self.config, self.envs, self.objects), self.naming)
