"""P12 where the listener acts: a manager whose `on_evict` demotes what leaves recur.

What leaves the shared recur pool, evicted or cleared, is stored in the init pool of environment 0
while its departure is told. That happens after the books of a clear are closed: the entry stays,
and what it pushes out leaves as evicted. An eviction touches no pool but its own, so it comes to
the same whether the listener acts before or after it.
"""

from collections import Counter
from typing import Final

from spec.law import Law
from spec.manager import ManagerState, on_pool, pool_index
from spec.manager import step as plain_step
from spec.manager_laws import EVERY, ManagerTransition
from spec.ops import (
    Cause,
    ClearAll,
    Cleared,
    ClearTier,
    EnvId,
    Key,
    Left,
    ManagerOp,
    On,
    Ref,
    Response,
    Set,
    SlotId,
    Stored,
    Tier,
)
from spec.pool import Pool


def from_recur(state: ManagerState, op: ManagerOp, left: tuple[Left, ...]) -> range:
    """Which of those that left in this state were in recur."""
    match op:
        case On(Tier.RECUR) | ClearTier(Tier.RECUR):
            return range(len(left))
        case ClearAll():
            before = sum(len(pool.entries) for pool in state.pools[: state.envs])
            return range(before, before + len(state.pools[state.envs].entries))
        case _:
            return range(0)


def step(state: ManagerState, op: ManagerOp) -> tuple[ManagerState, Response]:
    """As `manager.step`, with a listener that demotes. Total and pure."""
    after, response = plain_step(state, op)
    if not isinstance(response, (Stored, Cleared)):
        return after, response
    home, told = pool_index(state, Tier.INIT, EnvId(0)), list[Left]()
    demoted = from_recur(state, op, response.left)
    for place, left in enumerate(response.left):
        told.append(left)
        if home is None or place not in demoted or left.cause is Cause.UPDATED:
            continue
        after, nested = on_pool(after, home, Set(left.key, left.ref))
        told += nested.left if isinstance(nested, Stored) else ()
    if isinstance(response, Stored):
        return after, Stored(response.slot, tuple(told))
    return after, Cleared(tuple(told))


Position = tuple[Key, SlotId, Ref | None]


def places(pool: Pool) -> Counter[Position]:
    return Counter((entry.key, entry.slot, entry.ref) for entry in pool.entries)


def announcement(t: ManagerTransition) -> bool:
    """Nothing leaves unannounced, and nothing is announced twice.

    More is told only of what came from recur: it may come and go within one operation.
    """
    pairs = zip(t.before.pools, t.after.pools, strict=True)
    gone = sum((places(one) - places(other) for one, other in pairs), Counter[Position]())
    left = t.response.left if isinstance(t.response, (Stored, Cleared)) else ()
    told: Counter[Position] = Counter((one.key, one.slot, one.ref) for one in left)
    recur = {entry.ref for entry in t.before.pools[t.before.envs].entries}
    passing = all(ref in recur for _, _, ref in told - gone)
    return not gone - told and passing and demoted_or_told(t, left)


def demoted_or_told(t: ManagerTransition, left: tuple[Left, ...]) -> bool:
    """What left recur is in the init pool that took it, or was told to leave that one too."""
    recur, told = t.before.envs, Counter(one.ref for one in left if one.cause is not Cause.UPDATED)
    gone = {e.ref for e in t.before.pools[recur].entries} - {
        e.ref for e in t.after.pools[recur].entries
    }
    taken = {entry.ref for entry in t.after.pools[0].entries}
    return all(told[ref] + (ref in taken) >= 2 for ref in gone if told[ref])


def demotes_into_cleared(t: ManagerTransition) -> bool:
    """A clear of several pools in which what left one stays in another."""
    kept = any(pool.entries for pool in t.after.pools)
    return isinstance(t.op, ClearAll) and kept and bool(t.before.pools[0].entries)


LISTENING: Final = Law("P12", "announcement", EVERY, announcement, demotes_into_cleared)
