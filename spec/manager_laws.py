"""M1, M3, M4, M6, M7, P12 on one transition of a manager. M2, M5 speak of two runs: history.py."""

from collections.abc import Iterator
from typing import Final, NamedTuple, assert_never

from spec.law import Law
from spec.manager import Lookups, ManagerState, pool_index, tier_of
from spec.ops import (
    Cause,
    Clear,
    ClearAll,
    Cleared,
    ClearTier,
    Get,
    Left,
    Lookup,
    ManagerOp,
    Miss,
    On,
    Op,
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
from spec.pool import Pool, PoolState, deliver, find, leave
from spec.profile import Profile, lends
from spec.sizing import Config, capacities
from spec.transition import CLIENT_OPS, Transition, observed


class ManagerTransition(NamedTuple):
    before: ManagerState
    op: ManagerOp
    response: Response
    after: ManagerState


class Part(NamedTuple):
    """What an operation on a manager is to one of its pools, and what that pool answers."""

    pool: int
    op: Op
    response: Response


def parts(t: ManagerTransition) -> tuple[Part, ...]:
    """A lookup is a get in init and, if that misses, one in recur; a clear of several, each."""
    match t.op:
        case On(_, _, op) | (Read() | Write() | Reread() | Rewrite() as op):
            return tuple([Part(index, op, t.response) for index in addressed(t) or client(t)])
        case Lookup(env, key):
            init, recur = (pool_index(t.before, tier, env) for tier in (Tier.INIT, Tier.RECUR))
            if asked(t, Tier.INIT) is None or init is None or recur is None:
                return ()
            if found_in(t, Tier.INIT):
                return (Part(init, Get(key), t.response),)
            return Part(init, Get(key), Miss()), Part(recur, Get(key), t.response)
        case ClearTier() | ClearAll():
            return tuple([Part(index, Clear(), told) for index, told in told_by_pool(t)])
        case ResetAllStats():
            return tuple([Part(index, ResetStats(), t.response) for index in addressed(t)])
        case _:
            assert_never(t.op)


def client(t: ManagerTransition) -> set[int]:
    """What a client does by itself is judged beside any pool."""
    return set() if isinstance(t.op, On) else {0}


def cut(response: Response, start: int, end: int) -> Response:
    return Cleared(response.left[start:end]) if isinstance(response, Cleared) else response


def told_by_pool(t: ManagerTransition) -> Iterator[tuple[int, Response]]:
    """What a clear of several pools answered, cut into what each of them had to tell."""
    told = 0
    for index in sorted(addressed(t)):
        here, told = told, told + len(t.before.pools[index].entries)
        yield index, cut(t.response, here, told)


def projected(t: ManagerTransition) -> Iterator[Transition]:
    """Each part as a transition of its pool, the heap's change in that of the pool it concerns."""
    every = parts(t) if len(t.before.pools) == len(t.after.pools) else ()
    heap = concerned(t, every)
    for number, (index, op, response) in enumerate(every):
        earlier = t.before.heap if number <= heap else t.after.heap
        later = t.before.heap if number < heap else t.after.heap
        before = PoolState(t.before.pools[index], earlier)
        yield observed(before, op, response, PoolState(t.after.pools[index], later))


def concerned(t: ManagerTransition, every: tuple[Part, ...]) -> int:
    """The part that may change the heap: where what is in hand is cleared, else the last.

    LENT: the first clear takes back what was lent, whosever it is.
    """
    if lends(t.before.profile) and isinstance(t.op, (ClearTier, ClearAll)):
        return 0
    hand = t.before.heap.hand
    home = None if hand is None or hand.home is None else hand.home[0]
    at_home = (
        number
        for number, part in enumerate(every)
        if isinstance(part.op, Clear) and t.before.pools[part.pool].name == home
    )
    return next(at_home, len(every) - 1)


def addressed(t: ManagerTransition) -> set[int]:
    """The pools that the operation may touch at all."""
    every = range(len(t.before.pools))
    match t.op:
        case On(tier, env):
            named = {pool_index(t.before, tier, env)}
        case Lookup(env):
            named = {pool_index(t.before, Tier.INIT, env), pool_index(t.before, Tier.RECUR, env)}
        case ClearTier(tier):
            named = {index for index in every if tier_of(t.before, index) is tier}
        case ClearAll() | ResetAllStats():
            named = set(every)
        case _:
            named = set()
    return {index for index in named if index is not None}


def untouched(t: ManagerTransition, but: set[int]) -> bool:
    pairs = zip(t.before.pools, t.after.pools, strict=False)
    same = (index in but or before == after for index, (before, after) in enumerate(pairs))
    return len(t.before.pools) == len(t.after.pools) and all(same)


def frame(t: ManagerTransition) -> bool:
    """An operation on one pool leaves every other pool as it was; on no pool, it is refused."""
    named = addressed(t)
    return untouched(t, named) and (bool(named) or not isinstance(t.op, On) or refused(t))


def refused(t: ManagerTransition) -> bool:
    return isinstance(t.response, Refused) and t.after == t.before


def asked(t: ManagerTransition, tier: Tier) -> Pool | None:
    """The pool of that tier which serves a proper lookup, before it."""
    if not isinstance(t.op, Lookup) or t.op.key is None:
        return None
    index = pool_index(t.before, tier, t.op.env)
    return None if index is None else t.before.pools[index]


def found_in(t: ManagerTransition, tier: Tier) -> bool:
    pool = asked(t, tier)
    return pool is not None and isinstance(t.op, Lookup) and find(pool, t.op.key) is not None


def lookup_order(t: ManagerTransition) -> bool:
    """Init, then recur: a hit in init leaves recur untouched, counters included."""
    if not isinstance(t.op, Lookup):
        return True
    if asked(t, Tier.INIT) is None:
        return refused(t)
    in_init = found_in(t, Tier.INIT)
    recur = pool_index(t.before, Tier.RECUR, t.op.env)
    may = {index for index in addressed(t) if not (in_init and index == recur)}
    return t.response == due(t) and untouched(t, may)


def due(t: ManagerTransition) -> Response:
    """What a proper lookup answers: init's entry, else recur's, else a miss."""
    for tier in (Tier.INIT, Tier.RECUR):
        pool = asked(t, tier)
        entry = find(pool, t.op.key) if pool is not None and isinstance(t.op, Lookup) else None
        if pool is not None and entry is not None:
            return deliver(pool, t.before.heap, entry)
    return Miss()


def tiers(t: ManagerTransition) -> bool:
    """Clearing one tier empties it and leaves the others."""
    if not isinstance(t.op, (ClearTier, ClearAll)):
        return True
    cleared = addressed(t)
    return untouched(t, cleared) and not any(t.after.pools[index].entries for index in cleared)


def announcement(t: ManagerTransition) -> bool:
    """A clear of several pools tells each entry of each of them once, and nothing else."""
    if not isinstance(t.op, (ClearTier, ClearAll)):
        return True
    due: list[Left] = []
    for pool in [t.before.pools[index] for index in sorted(addressed(t))]:
        by_slot = sorted(pool.entries, key=lambda entry: entry.slot)
        due += [leave(pool, entry, Cause.CLEARED) for entry in by_slot]
    return isinstance(t.response, Cleared) and list(t.response.left) == due


def logical_lookups(t: ManagerTransition) -> bool:
    """A lookup counts once: init hit, recur hit or miss. Nothing else counts as a lookup."""
    if isinstance(t.op, ResetAllStats) or not t.after.profile.counting:
        return t.after.lookups == Lookups()
    before, after = t.before.lookups, t.after.lookups
    if asked(t, Tier.INIT) is None:
        return after == before
    if found_in(t, Tier.INIT):
        return after == before._replace(init_hits=before.init_hits + 1)
    if found_in(t, Tier.RECUR):
        return after == before._replace(recur_hits=before.recur_hits + 1)
    return after == before._replace(misses=before.misses + 1)


def shape(state: ManagerState) -> tuple[Profile, Config, int, int]:
    """What no operation changes."""
    return state.profile, state.config, state.envs, len(state.pools)


def sized(t: ManagerTransition) -> bool:
    """Capacities follow the configuration, in every state; no operation changes it."""
    state = t.after
    if shape(state) != shape(t.before):
        return False
    profile = state.profile
    sizes = capacities(profile.sizing, state.config, state.envs, profile.recur_scope)
    if sizes is None:
        return False
    recurs = len(state.pools) - state.envs - 1
    want = [sizes.init] * state.envs + [sizes.recur] * recurs + [sizes.wm]
    return [pool.capacity for pool in state.pools] == want


def init_operation(t: ManagerTransition) -> bool:
    """With something in another pool that could be disturbed."""
    others = (pool for i, pool in enumerate(t.before.pools) if i not in addressed(t))
    on_init = isinstance(t.op, On) and t.op.tier is Tier.INIT
    return on_init and t.after != t.before and any(pool.entries for pool in others)


def hit_in_both(t: ManagerTransition) -> bool:
    return found_in(t, Tier.INIT) and found_in(t, Tier.RECUR)


def clears_one_of_two(t: ManagerTransition) -> bool:
    before = t.before.pools
    full_tiers = {tier_of(t.before, i) for i, pool in enumerate(before) if pool.entries}
    return isinstance(t.op, ClearTier) and t.op.tier in full_tiers and len(full_tiers) > 1


def clears_two(t: ManagerTransition) -> bool:
    return isinstance(t.op, ClearAll) and sum(bool(pool.entries) for pool in t.before.pools) > 1


def found_in_recur(t: ManagerTransition) -> bool:
    return found_in(t, Tier.RECUR) and not found_in(t, Tier.INIT)


def any_full(t: ManagerTransition) -> bool:
    return any(len(pool.entries) == pool.capacity for pool in t.after.pools)


EVERY: Final = (On, Lookup, ClearTier, ClearAll, ResetAllStats, *CLIENT_OPS)

MANAGER: Final[tuple[Law[ManagerTransition], ...]] = (
    Law("M1", "frame", (On, *CLIENT_OPS), frame, init_operation),
    Law("M3", "lookup order", (Lookup,), lookup_order, hit_in_both),
    Law("M4", "tiers", (ClearTier, ClearAll), tiers, clears_one_of_two),
    Law("P12", "announcement", (ClearTier, ClearAll), announcement, clears_two),
    Law("M6", "logical lookups", EVERY, logical_lookups, found_in_recur),
    Law("M7", "sizing", EVERY, sized, any_full),
)
