"""Each clause of each law, on a transition that breaks it; the rightful transition breaks none."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from spec.heap import Object
from spec.ops import (
    Cause,
    Census,
    Cleared,
    Contents,
    Counters,
    Hit,
    Key,
    Left,
    Miss,
    Ref,
    Refused,
    Seen,
    SlotId,
    Stored,
)
from spec.pool import Entry
from tests.support.pool_transitions import (
    CLEAR,
    COPY_CENSUS,
    COPY_HIT,
    COPY_SET,
    COPY_WRITE,
    EVERY,
    EVICT,
    HELD,
    HIT,
    INSERT,
    INSPECT,
    LRU_HIT,
    LRU_UPDATE,
    MISS,
    O0,
    O1,
    PEEK,
    RANKED,
    RANKED_LOW,
    REFUSED,
    RERANK,
    REREAD,
    RESET,
    REWRITE,
    SEAL,
    SEALED_HIT,
    SEALED_WRITE,
    SECOND,
    UPDATE,
    A,
    B,
    C,
    Case,
)


@pytest.mark.parametrize("name", EVERY)
def test_rightful_transitions_break_nothing(name: str) -> None:
    assert EVERY[name].broken() == ()


def entry(key: Key, slot: int, ref: Ref = O0, as_set: int = 0, priority: int = 0) -> Entry:
    return Entry(key, SlotId(slot), ref, Contents(as_set), priority)


def told_twice(case: Case) -> tuple[str, ...]:
    assert isinstance(case.response, Stored)
    return case.broken(Stored(case.response.slot, case.response.left * 2))


def told_as(case: Case, cause: Cause) -> tuple[str, ...]:
    assert isinstance(case.response, Stored)
    (one,) = case.response.left
    return case.broken(Stored(case.response.slot, (replace(one, cause=cause),)))


def left(key: Key, slot: int) -> Left:
    assert isinstance(EVICT.response, Stored)
    return Left(key, SlotId(slot), O0, EVICT.response.left[0].cause)


WRONG: dict[str, tuple[str, Callable[[], tuple[str, ...]]]] = {
    "one entry too many": (
        "P1",
        lambda: EVICT.broken(after=EVICT.entries(*EVICT.before.pool.entries, entry(C, 0))),
    ),
    "a key twice": (
        "P2",
        lambda: SECOND.broken(after=SECOND.entries(entry(A, 0), entry(B, 1), entry(A, 1))),
    ),
    "a slot twice": (
        "P2",
        lambda: SECOND.broken(after=SECOND.entries(entry(A, 0), entry(B, 0))),
    ),
    "a slot beyond the last": (
        "P2",
        lambda: SECOND.broken(after=SECOND.entries(entry(A, 0), entry(B, 2))),
    ),
    "a negative slot": (
        "P2",
        lambda: SECOND.broken(after=SECOND.entries(entry(A, 0), entry(B, -1))),
    ),
    "nobody left a full pool": (
        "P3",
        lambda: EVICT.broken(after=EVICT.entries(*EVICT.before.pool.entries, entry(C, 0))),
    ),
    "both left": ("P3", lambda: EVICT.broken(after=EVICT.entries(entry(C, 0)))),
    "the newer left": (
        "P3",
        lambda: EVICT.broken(Stored(SlotId(1)), EVICT.entries(entry(A, 0), entry(C, 1))),
    ),
    "who left did not hand over its slot": (
        "P3",
        lambda: EVICT.broken(Stored(SlotId(1)), EVICT.entries(entry(B, 0), entry(C, 1))),
    ),
    "somebody left a pool with room": (
        "P3",
        lambda: SECOND.broken(after=SECOND.entries(entry(B, 1))),
    ),
    "of equals the younger left": (
        "P3",
        lambda: RANKED.broken(
            Stored(SlotId(1)), RANKED.entries(entry(A, 0, priority=1), entry(C, 1, priority=5))
        ),
    ),
    "the higher priority left": (
        "P3",
        lambda: RANKED_LOW.broken(
            Stored(SlotId(0)), RANKED_LOW.entries(entry(B, 1, priority=1), entry(C, 0, priority=5))
        ),
    ),
    "the newcomer goes first": (
        "P3",
        lambda: SECOND.broken(after=SECOND.entries(*SECOND.now[::-1])),
    ),
    "an LRU hit refreshes nothing": (
        "P3",
        lambda: LRU_HIT.broken(after=LRU_HIT.entries(*LRU_HIT.now[::-1])),
    ),
    "an LRU set refreshes nothing": (
        "P3",
        lambda: LRU_UPDATE.broken(after=LRU_UPDATE.entries(*LRU_UPDATE.now[::-1])),
    ),
    "not the lowest free slot": (
        "P4",
        lambda: INSERT.broken(Stored(SlotId(1)), INSERT.entries(entry(A, 1))),
    ),
    "another slot told": ("P4", lambda: INSERT.broken(Stored(SlotId(1)))),
    "a good insert refused": ("P4", lambda: INSERT.broken(Refused(), INSERT.before)),
    "a good eviction refused": ("P3", lambda: EVICT.broken(Refused(), EVICT.before)),
    "an update takes another slot": (
        "P5",
        lambda: UPDATE.broken(Stored(SlotId(1)), UPDATE.entries(entry(A, 1, O1, 1), UPDATE.now[1])),
    ),
    "an update changes the order": (
        "P5",
        lambda: UPDATE.broken(after=UPDATE.entries(*UPDATE.now[::-1])),
    ),
    "an update of a ranked entry renews its age": (
        "P5",
        lambda: RERANK.broken(after=RERANK.entries(*RERANK.now[::-1])),
    ),
    "an update keeps the old priority": (
        "P5",
        lambda: RERANK.broken(after=RERANK.entries(*RERANK.before.pool.entries)),
    ),
    "an update evicts": ("P5", lambda: UPDATE.broken(after=UPDATE.entries(UPDATE.now[0]))),
    "a good update refused": ("P5", lambda: UPDATE.broken(Refused(), UPDATE.before)),
    "a get removes": ("P6", lambda: HIT.broken(after=HIT.entries(HIT.now[1]))),
    "a get writes": ("P6", lambda: HIT.broken(after=HIT.object(O0, Object(Contents(9))))),
    "a get of a resident misses": ("P6", lambda: HIT.broken(Miss())),
    "a get of a resident is refused": ("P6", lambda: HIT.broken(Refused(), HIT.before)),
    "a get of a stranger hits": ("P6", lambda: MISS.broken(Hit(O0, Contents(0)))),
    "a clear leaves one": (
        "P7",
        lambda: CLEAR.broken(after=CLEAR.entries(CLEAR.before.pool.entries[0])),
    ),
    "a clear forgets the hits": ("P7", lambda: CLEAR.broken(after=CLEAR.counters(hits=0))),
    "after a clear slot 1": (
        "P7",
        lambda: INSERT.broken(Stored(SlotId(1)), INSERT.entries(entry(A, 1))),
    ),
    "a refusal that evicts": (
        "P8",
        lambda: REFUSED.broken(after=REFUSED.entries(REFUSED.now[1])),
    ),
    "a refusal that counts": ("P8", lambda: REFUSED.broken(after=REFUSED.counters(misses=1))),
    "bad input taken": ("P8", lambda: REFUSED.broken(Stored(SlotId(0)))),
    "a hit not counted": ("P9", lambda: HIT.broken(after=HIT.counters(hits=0))),
    "a hit counted as a miss": ("P9", lambda: HIT.broken(after=HIT.counters(hits=0, misses=1))),
    "a miss not counted": ("P9", lambda: MISS.broken(after=MISS.counters(misses=0))),
    "an insert not counted": ("P9", lambda: INSERT.broken(after=INSERT.counters(insertions=0))),
    "an eviction not counted": ("P9", lambda: EVICT.broken(after=EVICT.counters(evictions=0))),
    "an update not counted": ("P9", lambda: UPDATE.broken(after=UPDATE.counters(updates=0))),
    "a clear not counted": ("P9", lambda: CLEAR.broken(after=CLEAR.counters(cleared=0))),
    "a peek counted": ("P9", lambda: PEEK.broken(after=PEEK.counters(hits=1))),
    "a reset forgets who is carried": ("P9", lambda: RESET.broken(after=RESET.counters(carried=0))),
    "a reset keeps a count": ("P9", lambda: RESET.broken(after=RESET.counters(updates=1))),
    "a peek refreshes": ("P10", lambda: PEEK.broken(after=PEEK.entries(*PEEK.now[::-1]))),
    "a peek misses a resident": ("P10", lambda: PEEK.broken(Miss())),
    "an inspection invents a key": (
        "P10",
        lambda: INSPECT.broken(Census(frozenset({A, B}), frozenset({O0}), 0, Counters())),
    ),
    "an inspection counts": ("P10", lambda: INSPECT.broken(after=INSPECT.counters(misses=1))),
    "a hit on another object": ("R1", lambda: HIT.broken(Hit(O1, Contents(0)))),
    "a peek at another object": ("R1", lambda: PEEK.broken(Hit(O1, Contents(0)))),
    "another object stored": ("R1", lambda: INSERT.broken(after=INSERT.entries(entry(A, 0, O1)))),
    "a set writes": ("R2", lambda: INSERT.broken(after=INSERT.object(O1, Object(Contents(9))))),
    "a clear writes": ("R2", lambda: CLEAR.broken(after=CLEAR.object(O1, Object(Contents(9))))),
    "what is held changes": ("R3", lambda: HELD.broken(after=HELD.hand(9))),
    "what is held reads differently": ("R3", lambda: REREAD.broken(Seen(Contents(9)))),
    "the hand gets something else": ("R3", lambda: COPY_HIT.broken(after=COPY_HIT.hand(9))),
    "a sealed hit with other contents": ("R4", lambda: SEALED_HIT.broken(Hit(O0, Contents(9)))),
    "a copied hit with other contents": ("R4", lambda: COPY_HIT.broken(Hit(None, Contents(9)))),
    "an intact hit with other contents": ("R4", lambda: HIT.broken(Hit(O0, Contents(9)))),
    "a peek with other contents": ("R4", lambda: PEEK.broken(Hit(O0, Contents(9)))),
    "a write into a sealed object": (
        "R4",
        lambda: SEALED_WRITE.broken(
            Stored(SlotId(0)), SEALED_WRITE.object(O0, Object(Contents(9), True))
        ),
    ),
    "a write into a delivered copy": ("R4", lambda: REWRITE.broken(Seen(Contents(9)))),
    "a set that does not seal": (
        "R4",
        lambda: SEAL.broken(after=SEAL.object(O0, Object(Contents(0)))),
    ),
    "a set that seals another": (
        "R4",
        lambda: SEAL.broken(after=SEAL.object(O1, Object(Contents(1), True))),
    ),
    "a reference that is sealed": (
        "R4",
        lambda: INSERT.broken(after=INSERT.object(O0, Object(Contents(0), True))),
    ),
    "a copy that follows its original": (
        "R4",
        lambda: COPY_WRITE.broken(after=COPY_WRITE.entries(entry(A, 0, as_set=9))),
    ),
    "a copy of something else": (
        "R4",
        lambda: COPY_SET.broken(after=COPY_SET.entries(entry(A, 0, as_set=1))),
    ),
    "an object kept for no entry": (
        "R5",
        lambda: INSPECT.broken(
            Census(frozenset({A}), frozenset({O0, O1}), 0, INSPECT.after.pool.counters)
        ),
    ),
    "an object not kept": (
        "R5",
        lambda: INSPECT.broken(Census(frozenset({A}), frozenset(), 0, INSPECT.after.pool.counters)),
    ),
    "a copy too many": (
        "R5",
        lambda: COPY_CENSUS.broken(
            Census(frozenset({A}), frozenset(), 2, COPY_CENSUS.after.pool.counters)
        ),
    ),
    "a departure not told": ("P12", lambda: EVICT.broken(Stored(SlotId(0)))),
    "a departure told of a resident": (
        "P12",
        lambda: INSERT.broken(Stored(SlotId(0), (left(A, 0),))),
    ),
    "a replaced object not told": ("P12", lambda: UPDATE.broken(Stored(SlotId(0)))),
    "a clear that tells of one": ("P12", lambda: CLEAR.broken(Cleared((left(A, 0),)))),
    "a departure told twice": ("P12", lambda: told_twice(EVICT)),
    "an eviction told as a clear": ("P12", lambda: told_as(EVICT, Cause.CLEARED)),
    "an update told as an eviction": ("P12", lambda: told_as(UPDATE, Cause.EVICTED)),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_clause_is_broken_by_its_transition(name: str) -> None:
    law, evaluate = WRONG[name]
    assert law in evaluate()


def test_every_pool_law_is_broken_by_some() -> None:
    codes = [f"P{n}" for n in (*range(1, 11), 12)] + [f"R{n}" for n in range(1, 6)]
    assert {law for law, _ in WRONG.values()} == set(codes)
