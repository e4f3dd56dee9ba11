"""Tiers and environments: one init pool each, the recur pool, the wm pool, and the lookup order."""

from typing import NamedTuple, assert_never

from spec.heap import Heap, client_step, new_heap
from spec.ops import (
    Clear,
    ClearAll,
    Cleared,
    ClearTier,
    Done,
    EnvId,
    Get,
    Hit,
    Key,
    Left,
    Lookup,
    ManagerOp,
    Miss,
    On,
    PoolOp,
    Read,
    Refused,
    Reread,
    ResetAllStats,
    ResetStats,
    Response,
    Rewrite,
    Tier,
    Write,
)
from spec.pool import Pool, empty_pool, pool_step
from spec.profile import Profile, RecurScope
from spec.sizing import Capacities, Config


class Lookups(NamedTuple):
    """M6: each lookup counts once, as one of these."""

    init_hits: int = 0
    recur_hits: int = 0
    misses: int = 0


class ManagerState(NamedTuple):
    """`pools` in the order init:0 .. init:n-1, recur (one, or one per environment), wm."""

    profile: Profile
    config: Config
    envs: int
    pools: tuple[Pool, ...]
    heap: Heap
    lookups: Lookups = Lookups()


def new_manager(
    profile: Profile, config: Config, sizes: Capacities, envs: int, objects: int
) -> ManagerState:
    recurs = range(envs) if profile.recur_scope is RecurScope.PER_ENV else (None,)
    pools = (
        *(empty_pool(profile, sizes.init, f"init:{env}") for env in range(envs)),
        *(empty_pool(profile, sizes.recur, "recur" if e is None else f"recur:{e}") for e in recurs),
        empty_pool(profile, sizes.wm, "wm"),
    )
    return ManagerState(profile, config, envs, pools, new_heap(objects))


def tier_of(state: ManagerState, index: int) -> Tier:
    if index < state.envs:
        return Tier.INIT
    return Tier.WM if index == len(state.pools) - 1 else Tier.RECUR


def pool_index(state: ManagerState, tier: Tier, env: EnvId | None) -> int | None:
    """Which pool a tier and an environment name; None if they name none."""
    per_env = state.profile.recur_scope is RecurScope.PER_ENV
    match tier:
        case Tier.WM:
            return len(state.pools) - 1
        case Tier.RECUR if not per_env:
            return state.envs if env is None or 0 <= env < state.envs else None
        case Tier.INIT | Tier.RECUR:
            if env is None or not 0 <= env < state.envs:
                return None
            return env if tier is Tier.INIT else state.envs + env
        case _:
            assert_never(tier)


def on_pool(state: ManagerState, index: int, op: PoolOp) -> tuple[ManagerState, Response]:
    """M1: one pool takes the step; every other pool stays as it was."""
    pool, heap, response = pool_step(state.pools[index], state.heap, op)
    pools = (*state.pools[:index], pool, *state.pools[index + 1 :])
    return state._replace(pools=pools, heap=heap), response


def lookup(
    state: ManagerState, env: EnvId | None, key: Key | None
) -> tuple[ManagerState, Response]:
    """M3: init first; recur is asked, and counts, only if init misses."""
    init = pool_index(state, Tier.INIT, env)
    recur = pool_index(state, Tier.RECUR, env)
    if key is None or init is None or recur is None:
        return state, Refused()
    seen, count = state.lookups, state.profile.counting
    state, response = on_pool(state, init, Get(key))
    if isinstance(response, Hit):
        counted = seen._replace(init_hits=seen.init_hits + 1)
        return state._replace(lookups=counted if count else seen), response
    state, response = on_pool(state, recur, Get(key))
    if isinstance(response, Miss):
        counted = seen._replace(misses=seen.misses + 1)
    else:
        counted = seen._replace(recur_hits=seen.recur_hits + 1)
    return state._replace(lookups=counted if count else seen), response


def clear_pools(state: ManagerState, tiers: tuple[Tier, ...]) -> tuple[ManagerState, Response]:
    left: tuple[Left, ...] = ()
    for index in range(len(state.pools)):
        if tier_of(state, index) in tiers:
            state, response = on_pool(state, index, Clear())
            left += response.left if isinstance(response, Cleared) else ()
    return state, Cleared(left)


def reset_all(state: ManagerState) -> tuple[ManagerState, Response]:
    for index in range(len(state.pools)):
        state, _ = on_pool(state, index, ResetStats())
    return state._replace(lookups=Lookups()), Done()


def step(state: ManagerState, op: ManagerOp) -> tuple[ManagerState, Response]:
    """One operation on one manager and its client: total, pure; what is refused changes nothing."""
    match op:
        case On(tier, env, pool_op):
            index = pool_index(state, tier, env)
            return (state, Refused()) if index is None else on_pool(state, index, pool_op)
        case Lookup(env, key):
            return lookup(state, env, key)
        case ClearTier(tier):
            return clear_pools(state, (tier,))
        case ClearAll():
            return clear_pools(state, tuple(Tier))
        case ResetAllStats():
            return reset_all(state)
        case Read() | Write() | Reread() | Rewrite():
            heap, response = client_step(state.heap, op)
            return state._replace(heap=heap), response
        case _:
            assert_never(op)
