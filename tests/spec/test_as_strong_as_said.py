"""What a law's sentence forbids, its predicate rejects: transitions that once broke no law."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from spec.laws import broken, manager_broken
from spec.manager import ManagerState, new_manager
from spec.manager import step as manager_step
from spec.manager_laws import ManagerTransition
from spec.ops import (
    Cause,
    Census,
    Clear,
    ClearAll,
    Cleared,
    ClearTier,
    Contents,
    Counters,
    EnvId,
    Get,
    Inspect,
    Left,
    Lookup,
    ManagerOp,
    On,
    Peek,
    Read,
    Ref,
    Refused,
    ResetAllStats,
    ResetStats,
    Response,
    Seen,
    Set,
    SlotId,
    Stored,
    Tier,
    Write,
)
from spec.pool import Pool, PoolState, new_pool, step
from spec.profile import (
    FIFO_COPY,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_REFERENCE,
    PRIORITY_REFERENCE,
    Policy,
    Profile,
)
from spec.sizing import Capacities, Config
from spec.transition import observed
from tests.support.pool_transitions import FULL, O0, O1, SET_A, SET_B, A, B, C, Case

WIDE = new_pool(FIFO_REFERENCE, 3, 3)
for earlier in (SET_A, SET_B):
    WIDE, _ = step(WIDE, earlier)


def turned(case: Case) -> PoolState:
    return case.entries(*case.now[::-1])


def with_a(case: Case, **fields: object) -> PoolState:
    """As it should be, but for the entry of key A."""
    return case.entries(*(e._replace(**fields) if e.key == A else e for e in case.now))  # type: ignore[arg-type]  # fields of an entry


def of(case: Case, change: Callable[[Case], PoolState], told: Response | None = None) -> Case:
    case.after, case.response = change(case), told or case.response
    return case


def as_it_was(case: Case) -> PoolState:
    return case.before


def as_it_is(case: Case) -> PoolState:
    return case.after


def moved_elsewhere() -> tuple[str, ...]:
    """Of three slots the third is free."""
    after, response = step(WIDE, Set(B, O1))
    entries = tuple(e._replace(slot=SlotId(2)) if e.key == A else e for e in after.pool.entries)
    wrong = after._replace(pool=after.pool._replace(entries=entries))
    return broken(observed(WIDE, Set(B, O1), response, wrong))


def full(op: Get | Set | ResetStats | Inspect | Peek | Read | Write, profile: Profile) -> Case:
    return Case(op, profile, *FULL)


EVICTION = Set(C, O1)
LEFT_A = Left(A, SlotId(0), O0, Cause.EVICTED)
COUNTED = Census(frozenset({A, B}), frozenset({O0}), 0, Counters(hits=9))
WRONG: dict[str, tuple[str, Callable[[], Case]]] = {
    "FIFO: a hit reorders": ("P6", lambda: of(full(Get(A), FIFO_REFERENCE), turned)),
    "PRIORITY: a hit reorders": ("P6", lambda: of(full(Get(A), PRIORITY_REFERENCE), turned)),
    "LRU: a miss reorders": ("P6", lambda: of(full(Get(C), LRU_REFERENCE), turned)),
    "FIFO: a miss reorders": ("P6", lambda: of(full(Get(C), FIFO_REFERENCE), turned)),
    "LRU: a hit exchanges the object": (
        "P6",
        lambda: of(full(Get(A), LRU_REFERENCE), lambda c: with_a(c, ref=O1)),
    ),
    "a peek reorders": ("P10", lambda: of(full(Peek(A), LRU_REFERENCE), turned)),
    "a reset drops every entry": (
        "P9",
        lambda: of(
            full(ResetStats(), FIFO_REFERENCE),
            lambda c: PoolState(
                c.after.pool._replace(entries=(), counters=Counters()), c.after.heap
            ),
        ),
    ),
    "a reset reorders": ("P3", lambda: of(full(ResetStats(), FIFO_REFERENCE), turned)),
    "a reset is refused": (
        "P8",
        lambda: of(full(ResetStats(), FIFO_REFERENCE), as_it_was, Refused()),
    ),
    "a reset answers a miss": (
        "P9",
        lambda: of(full(ResetStats(), FIFO_REFERENCE), as_it_is, Cleared(())),
    ),
    "a client's read reorders": ("P3", lambda: of(full(Read(O0), FIFO_REFERENCE), turned)),
    "a client's write drops an entry": (
        "P3",
        lambda: of(full(Write(O0, Contents(9)), FIFO_REFERENCE), lambda c: c.entries(c.now[0])),
    ),
    "a set exchanges another's object": (
        "R1",
        lambda: of(full(Set(B, O1), FIFO_REFERENCE), lambda c: with_a(c, ref=O1)),
    ),
    "an insert exchanges another's object": (
        "R1",
        lambda: of(Case(Set(B, O1), FIFO_REFERENCE, SET_A), lambda c: with_a(c, ref=O1)),
    ),
    "a set overwrites another's copy": (
        "R4",
        lambda: of(full(Set(B, O1), FIFO_COPY), lambda c: with_a(c, as_set=Contents(1))),
    ),
    "a set ranks another anew": (
        "P3",
        lambda: of(full(Set(B, O1), PRIORITY_REFERENCE), lambda c: with_a(c, priority=7)),
    ),
    "an insert ignores its priority": (
        "P3",
        lambda: of(Case(Set(A, O0, 5), PRIORITY_REFERENCE), lambda c: with_a(c, priority=0)),
    ),
    "an update that renews, does not": (
        "P3",
        lambda: of(full(Set(A, O1), Profile(Policy.FIFO_RENEWING)), turned),
    ),
    "a set adds a slot": (
        "P1",
        lambda: of(
            full(Set(A, O1), FIFO_REFERENCE),
            lambda c: c.after._replace(pool=c.after.pool._replace(capacity=9)),
        ),
    ),
    "a get renames its pool": (
        "P1",
        lambda: of(
            full(Get(A), FIFO_REFERENCE),
            lambda c: c.after._replace(pool=c.after.pool._replace(name="other")),
        ),
    ),
    "wrong counters told": (
        "P10",
        lambda: of(full(Inspect(), FIFO_REFERENCE), as_it_is, COUNTED),
    ),
    "the wrong cause told": (
        "P12",
        lambda: told(replace(LEFT_A, cause=Cause.CLEARED)),
    ),
    "the wrong object told": ("P12", lambda: told(replace(LEFT_A, ref=O1))),
    "told twice": ("P12", lambda: told(LEFT_A, LEFT_A)),
    "a clear tells in another order": (
        "P12",
        lambda: of(Case(Clear(), FIFO_REFERENCE, *FULL), as_it_is, Cleared(backwards())),
    ),
    "a clear of an empty pool is refused": ("P8", lambda: of(Case(Clear()), as_it_is, Refused())),
    "a write into an object that is not sealed is refused": (
        "R4",
        lambda: of(full(Write(O0, Contents(9)), FIFO_REFERENCE), as_it_was, Refused()),
    ),
    "COPY: a write into the original is refused": (
        "R4",
        lambda: of(full(Write(O0, Contents(9)), FIFO_COPY), as_it_was, Refused()),
    ),
    "a read of something else": (
        "R2",
        lambda: of(full(Read(O0), FIFO_REFERENCE), as_it_is, Seen(Contents(9))),
    ),
    "a written object reads as before": (
        "R2",
        lambda: of(full(Write(O0, Contents(9)), FIFO_REFERENCE), as_it_was),
    ),
    "SEALED: a read unseals": (
        "R4",
        lambda: of(
            full(Read(O0), FIFO_SEALED),
            lambda c: c.object(O0, c.after.heap.objects[O0]._replace(sealed=False)),
        ),
    ),
}


def told(*left: Left) -> Case:
    return of(full(EVICTION, FIFO_REFERENCE), as_it_is, Stored(SlotId(0), left))


def backwards() -> tuple[Left, ...]:
    return tuple(Left(key, SlotId(key), O0, Cause.CLEARED) for key in (B, A))


@pytest.mark.parametrize("name", WRONG)
def test_what_the_sentence_forbids_is_rejected(name: str) -> None:
    law, wrong = WRONG[name]
    assert law in wrong().broken()


def test_a_set_moves_nobody_else() -> None:
    assert "P5" in moved_elsewhere()


E0, E1 = EnvId(0), EnvId(1)
FILLED = (
    On(Tier.INIT, E0, Set(A, Ref(0))),
    On(Tier.INIT, E0, Set(B, Ref(1))),
    On(Tier.RECUR, None, Set(A, Ref(2))),
    On(Tier.WM, None, Set(A, Ref(3))),
)
Pools = tuple[Pool, ...]


def manager(profile: Profile) -> ManagerState:
    state = new_manager(profile, Config(2, 1), Capacities(2, 2, 2), 2, 8)
    for op in FILLED:
        state, _ = manager_step(state, op)
    return state


def emptied(*which: int) -> Callable[[Pools, Pools], Pools]:
    def change(before: Pools, after: Pools) -> Pools:
        return tuple(p._replace(entries=()) if n in which else p for n, p in enumerate(after))

    return change


def untouched(before: Pools, after: Pools) -> Pools:
    return before


def unrefreshed(before: Pools, after: Pools) -> Pools:
    return (after[0]._replace(entries=after[0].entries[::-1]), *after[1:])


def recounted(before: Pools, after: Pools) -> Pools:
    return (*(pool._replace(counters=Counters()) for pool in after[:2]), *after[2:])


def all_dropped(before: Pools, after: Pools) -> Pools:
    return tuple(pool._replace(entries=(), counters=Counters()) for pool in after)


def right(before: Pools, after: Pools) -> Pools:
    return after


@pytest.mark.parametrize(
    ("law", "op", "change", "told"),
    [
        ("P6", Lookup(E0, A), emptied(0), None),
        ("P6", Lookup(E1, A), emptied(2), None),
        ("P6", Lookup(E0, C), emptied(2), None),
        ("P9", Lookup(E0, A), untouched, None),
        ("P9", Lookup(E1, A), untouched, None),
        ("P3", Lookup(E0, A), unrefreshed, None),
        ("P7", ClearTier(Tier.INIT), recounted, None),
        ("P9", ClearTier(Tier.INIT), recounted, None),
        ("P12", ClearTier(Tier.INIT), right, Cleared(())),
        ("P8", ClearTier(Tier.INIT), untouched, Refused()),
        ("P7", ClearAll(), untouched, None),
        ("P3", ResetAllStats(), all_dropped, None),
        ("P9", ResetAllStats(), all_dropped, None),
        ("P9", ResetAllStats(), untouched, None),
        ("P8", ResetAllStats(), untouched, Refused()),
        ("M1", Read(Ref(0)), emptied(3), None),
        ("M1", On(Tier.INIT, E1, Clear()), emptied(0), None),
    ],
)
def test_each_pool_of_a_manager_changes_as_its_laws_allow(
    law: str,
    op: ManagerOp,
    change: Callable[[Pools, Pools], Pools],
    told: Response | None,
) -> None:
    before = manager(LRU_REFERENCE if law == "P3" else FIFO_REFERENCE)
    after, response = manager_step(before, op)
    assert manager_broken(ManagerTransition(before, op, response, after)) == ()
    wrong = after._replace(pools=change(before.pools, after.pools))
    assert law in manager_broken(ManagerTransition(before, op, told or response, wrong))


def test_no_operation_changes_what_a_manager_is() -> None:
    before = manager(FIFO_REFERENCE)
    after, response = manager_step(before, Lookup(E0, A))
    for wrong in (
        after._replace(config=Config(2, 1, 7)),
        after._replace(profile=Profile(counting=False)),
        after._replace(pools=after.pools[:-1]),
    ):
        assert "M7" in manager_broken(ManagerTransition(before, Lookup(E0, A), response, wrong))


def test_a_copy_in_hand_leaves_with_its_pool() -> None:
    """Whichever of the pools that are cleared it was in."""
    for held in (
        On(Tier.INIT, E0, Get(A)),
        On(Tier.RECUR, None, Get(A)),
        On(Tier.WM, None, Get(A)),
    ):
        before, _ = manager_step(manager(FIFO_COPY), held)
        after, response = manager_step(before, ClearAll())
        assert manager_broken(ManagerTransition(before, ClearAll(), response, after)) == ()
        kept = after._replace(heap=before.heap)
        assert "R3" in manager_broken(ManagerTransition(before, ClearAll(), response, kept))
