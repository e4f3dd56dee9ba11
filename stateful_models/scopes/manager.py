"""Scopes of a manager."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from spec import manager
from spec.laws import manager_broken
from spec.manager import ManagerState, new_manager, pool_index
from spec.manager_laws import MANAGER, ManagerTransition
from spec.ops import (
    ClearAll,
    ClearTier,
    EnvId,
    Get,
    Key,
    Lookup,
    ManagerOp,
    On,
    Peek,
    Ref,
    ResetAllStats,
    Response,
    Set,
    Tier,
)
from spec.pool import retained
from spec.profile import Profile, RecurScope
from spec.sizing import Capacities, Config, capacities
from stateful_models.scopes.pool import pool_ops
from stateful_models.scopes.scope import Reports, idle, position
from stateful_models.scopes.symmetry import plain_manager, renamed_manager
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.protocol import ManagerFactory, Subject


@dataclass(frozen=True, slots=True)
class ManagerScope:
    """A manager: every pool with an object of its own under each key; no client writes.

    Looking (peek, inspect) and the refusals of single pools are the business of `PoolScope`.
    """

    profile: Profile
    config: Config
    envs: int
    keys: int

    @property
    def sizes(self) -> Capacities:
        profile = self.profile
        sizes = capacities(profile.sizing, self.config, self.envs, profile.recur_scope)
        assert sizes is not None, f"{self.config} lacks what {self.profile.sizing} needs"
        return sizes

    @property
    def label(self) -> str:
        return f"manager, {self.envs} envs, capacities {self.capacities}, {self.keys} keys"

    @property
    def capacities(self) -> str:
        """Of init, recur and wm."""
        return "/".join(map(str, self.sizes))

    @property
    def objects(self) -> int:
        return self.keys * len(self.places())

    def places(self) -> tuple[tuple[Tier, EnvId | None], ...]:
        envs = tuple(EnvId(env) for env in range(self.envs))
        per_env = self.profile.recur_scope is RecurScope.PER_ENV
        recurs = envs if per_env else (None,)
        return (
            *((Tier.INIT, env) for env in envs),
            *((Tier.RECUR, env) for env in recurs),
            (Tier.WM, None),
        )

    def initial(self) -> ManagerState:
        return new_manager(self.profile, self.config, self.sizes, self.envs, self.objects)

    def alphabet(self, reports: Reports) -> tuple[ManagerOp, ...]:
        ops: list[ManagerOp] = []
        for place, (tier, env) in enumerate(self.places()):
            refs = tuple((Ref(place * self.keys + key),) for key in range(self.keys))
            ops += [On(tier, env, op) for op in pool_ops(self.keys, refs, 1, frozenset())]
        keys = [Key(key) for key in range(self.keys)]
        ops += [Lookup(EnvId(env), key) for env in range(self.envs) for key in keys]
        ops += [ClearTier(tier) for tier in Tier]
        ops.append(ClearAll())
        if Aspect.COUNTERS in reports:
            ops.append(ResetAllStats())
        if Aspect.REFUSALS in reports:
            ops += [Lookup(EnvId(-1), keys[0]), Lookup(EnvId(0), None)]
            ops += [On(Tier.INIT, bad, Get(keys[0])) for bad in (None, EnvId(-1), EnvId(self.envs))]
            ops += [On(tier, env, Set(keys[0], None)) for tier, env in self.places()]
        return tuple(ops)

    def writes(self, state: ManagerState) -> tuple[ManagerOp, ...]:
        return ()

    def aftermath(self, response: Response) -> ManagerOp | None:
        return None

    def retained(self, state: ManagerState) -> tuple[frozenset[Ref], int]:
        kept = [retained(pool) for pool in state.pools]
        return frozenset().union(*(refs for refs, _ in kept)), sum(copies for _, copies in kept)

    def probes(self, reports: Reports) -> tuple[ManagerOp, ...]:
        keys = [Key(key) for key in range(self.keys)]
        gets: list[ManagerOp] = [On(*place, Get(key)) for place in self.places() for key in keys]
        return (*gets, *(Lookup(EnvId(env), key) for env in range(self.envs) for key in keys))

    def trail(self, op: ManagerOp, after: ManagerState) -> Hashable:
        if not isinstance(op, (On, Lookup)):
            return repr(op)
        tier, inner = (op.tier, op.op) if isinstance(op, On) else (Tier.INIT, op)
        key = inner.key if isinstance(inner, (Get, Set, Peek, Lookup)) else None
        index = pool_index(after, tier, op.env)
        place = None if index is None else position(after.pools[index], key)
        return type(inner).__name__, tier, op.env, place

    def step(self, state: ManagerState, op: ManagerOp) -> tuple[ManagerState, Response]:
        return manager.step(state, op)

    def same_but_counters(self, one: ManagerState, other: ManagerState) -> bool:
        pairs = zip(one.pools, other.pools, strict=True)
        return one.heap == other.heap and all(p.entries == q.entries for p, q in pairs)

    def broken(
        self, before: ManagerState, op: ManagerOp, response: Response, after: ManagerState
    ) -> tuple[str, ...]:
        return manager_broken(ManagerTransition(before, op, response, after))

    def unsound(self, state: ManagerState) -> tuple[str, ...]:
        return self.broken(state, *idle(state.heap), state)

    def situations(
        self,
    ) -> dict[str, Callable[[ManagerState, ManagerOp, Response, ManagerState], bool]]:
        return {law.code: lambda *t, law=law: law.occurs(ManagerTransition(*t)) for law in MANAGER}

    def canonical(self, state: ManagerState, symmetric: bool) -> tuple[Hashable, int]:
        return renamed_manager(state, self.keys) if symmetric else (plain_manager(state), 1)

    def build(self, factory: ManagerFactory) -> Subject[ManagerOp]:
        return factory(self.profile, self.config, self.envs, self.objects)
