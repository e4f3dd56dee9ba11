"""Small universes of pools and managers, every transition of which is listed."""

from collections.abc import Callable, Hashable, Iterator
from typing import Final, TypeVar

from spec import manager, pool
from spec.manager import ManagerState, new_manager
from spec.ops import (
    Clear,
    ClearAll,
    ClearTier,
    Contents,
    EnvId,
    Get,
    Inspect,
    Key,
    Lookup,
    ManagerOp,
    On,
    Op,
    Peek,
    PoolOp,
    Read,
    Ref,
    Reread,
    ResetAllStats,
    ResetStats,
    Response,
    Rewrite,
    Set,
    Tier,
    Write,
)
from spec.pool import PoolState, new_pool
from spec.profile import CLASSIC, Ownership, Policy, Profile, RecurScope
from spec.sizing import Config, capacities

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states

A, B, C = Key(0), Key(1), Key(2)
MINE, YOURS = Ref(0), Ref(1)
WRITTEN: Final = Contents(9)
CLIENT: Final = (Read(MINE), Write(MINE, WRITTEN), Reread(), Rewrite(WRITTEN))
REFUSED: Final[tuple[PoolOp, ...]] = (Get(None), Peek(None), Set(A, None), Set(None, MINE))
LOOKS: Final[tuple[PoolOp, ...]] = (Peek(A), Inspect(), ResetStats(), Clear())
POOLS: Final = (
    *(Profile(policy, ownership) for policy in CLASSIC for ownership in Ownership),
    Profile(Policy.FIFO_RENEWING),
    Profile(counting=False),
)
MANAGERS: Final = (
    Profile(),
    Profile(Policy.LRU, Ownership.COPY),
    Profile(recur_scope=RecurScope.PER_ENV),
)


FIRST: Final = (On(Tier.RECUR, EnvId(0), Set(A, Ref(2))),)
REST: Final = (
    On(Tier.INIT, EnvId(0), Set(A, Ref(0))),
    On(Tier.INIT, EnvId(1), Set(B, Ref(1))),
    On(Tier.WM, None, Set(A, Ref(3))),
    Lookup(EnvId(0), A),
)


def transitions(
    start: S,
    ops: tuple[O, ...],
    step: Callable[[S, O], tuple[S, Response]],
    longest: int,
    state: Callable[[S], Hashable],
) -> Iterator[tuple[S, O, Response, S]]:
    """Every operation in every state that so many lead to."""
    seen, states = {state(start)}, [start]
    for depth in range(longest + 1):
        waiting, states = states, []
        for before in waiting:
            for op in ops:
                after, response = step(before, op)
                yield before, op, response, after
                if state(after) not in seen and depth < longest:
                    seen.add(state(after))
                    states.append(after)


def uncounted(state: PoolState) -> Hashable:
    return state.pool.entries, state.heap


def of_small_pool(profile: Profile) -> Iterator[tuple[PoolState, Op, Response, PoolState]]:
    ops: tuple[Op, ...] = (
        *(Set(A, MINE), Set(A, YOURS), Set(B, MINE), Get(A)),
        *(*LOOKS, *REFUSED, *CLIENT),
    )
    yield from transitions(new_pool(profile, 1, 2), ops, pool.step, 2, uncounted)


def of_pool(profile: Profile) -> Iterator[tuple[PoolState, Op, Response, PoolState]]:
    """FIFO, one slot and a client that writes; two slots and three keys: after two operations."""
    if profile.policy == Policy.FIFO:
        yield from of_small_pool(profile)
    ranked = (Set(A, MINE, 1), Set(C, MINE, 1)) if profile.policy.ranked else ()
    ops: tuple[Op, ...] = (
        *(Set(A, MINE), Set(B, MINE), Set(C, MINE), *ranked),
        *(Get(A), Get(B), *LOOKS, Set(A, MINE, None), Read(MINE)),
    )
    yield from transitions(new_pool(profile, 2, 1), ops, pool.step, 2, uncounted)


def on_each(envs: int, own: bool) -> Iterator[ManagerOp]:
    """Operations on every pool, each with an object of its own, and on none."""
    recurs = range(envs) if own else (None,)
    places = [(Tier.INIT, env) for env in range(envs)] + [(Tier.RECUR, env) for env in recurs]
    for number, (tier, env) in enumerate([*places, (Tier.WM, None)]):
        name = None if env is None else EnvId(env)
        yield from (On(tier, name, op) for op in (Set(A, Ref(number)), Get(A)))
    yield from (On(Tier.INIT, EnvId(0), op) for op in (Set(B, MINE), Clear(), Inspect()))
    yield from (On(Tier.INIT, EnvId(0), op) for op in (Peek(A), ResetStats(), Set(A, None)))
    yield On(Tier.INIT, EnvId(envs), Get(A))


def of_manager(
    profile: Profile,
) -> Iterator[tuple[ManagerState, ManagerOp, Response, ManagerState]]:
    """Two environments: with nothing in any pool, with an entry in recur, with one in each."""
    config, own = Config(1, 1), profile.recur_scope is RecurScope.PER_ENV
    sizes = capacities(profile.sizing, config, 2, profile.recur_scope)
    assert sizes is not None
    ops: tuple[ManagerOp, ...] = (
        *on_each(2, own),
        *(Lookup(EnvId(0), A), Lookup(EnvId(1), A), Lookup(EnvId(2), A), Lookup(EnvId(0), None)),
        *(ClearTier(tier) for tier in Tier),
        *(ClearAll(), ResetAllStats(), *CLIENT),
    )
    state = new_manager(profile, config, sizes, 2, 5)
    yield from transitions(state, ops, manager.step, 0, hash)
    for filling in (FIRST, REST):
        for op in filling:
            state, _ = manager.step(state, op)
        yield from transitions(state, ops, manager.step, 0, hash)
