"""The ledger that a guard asks is the specification: exhaustively, and beyond at random."""

from typing import ClassVar, cast

import pytest

from spec.heap import Heap, Object
from spec.ops import Contents, Counters, Key, SlotId
from spec.pool import Entry, Pool, PoolState
from spec.profile import Policy
from stateful_models import (
    FIFO_REFERENCE,
    LRU_REFERENCE,
    PRIORITY_REFERENCE,
    Aspect,
    PoolSubject,
    Profile,
    check,
)
from stateful_models.runtime import oracle
from stateful_models.runtime.oracle import Due, Oracle
from stateful_models.subjects.client import box

RENEWING = Profile(Policy.FIFO_RENEWING)


class Ledger(PoolSubject):
    """The oracle as a cache."""

    reports = frozenset({Aspect.SLOTS})
    profiles: ClassVar[tuple[Profile, ...]] = (
        FIFO_REFERENCE,
        LRU_REFERENCE,
        PRIORITY_REFERENCE,
        RENEWING,
    )

    def start(self, profile: Profile, capacity: int) -> None:
        self.capacity = capacity
        self.oracle: Oracle[object] = Oracle(profile, capacity)

    def get(self, key: int) -> object | None:
        due = self.oracle.get(key)
        return None if due is None else due.value

    def set(self, key: int, value: object, rank: float) -> int:
        return self.oracle.put(key, 0, value, box(value).contents, rank)

    def clear(self) -> None:
        self.oracle.clear()

    def abstract(self) -> PoolState:
        entries = self.oracle.entries
        order = sorted(entries, key=lambda key: entries[key].age) if self.oracle.ranked else entries
        shown = tuple(
            Entry(
                Key(key),
                SlotId(entries[key].slot),
                box(entries[key].value).ref,
                cast(Contents, entries[key].contents),
                cast(int, entries[key].rank),
            )
            for key in order
        )
        objects = tuple(Object(box(one).contents, box(one).sealed) for one in self.client.objects)
        return PoolState(
            Pool(self.profile, self.capacity, "pool", shown, Counters()), Heap(objects)
        )


def test_the_oracle_is_the_specification() -> None:
    report = check(Ledger, "small")
    assert report.conforms, report.statement


class GoesAnyway(Ledger):
    def set(self, key: int, value: object, rank: float) -> int:
        if len(self.oracle.entries) == self.capacity and key in self.oracle.entries:
            self.oracle.evict()
        return super().set(key, value, rank)


def test_a_wrong_oracle_would_be_told() -> None:
    assert not check(GoesAnyway, "small").conforms


def test_outdated_priorities_are_cleared_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "SLACK", 0)
    made: Oracle[str] = Oracle(PRIORITY_REFERENCE, 3)
    for rank in range(100):
        made.put(rank % 3, rank, "one", None, -rank)
        assert len(made.heap) <= 2 * len(made.entries)
    assert [made.put(3 + n, 0, "new", None, 1000) for n in range(3)] == [0, 2, 1]
    assert made.get(3) == Due(0, 0, "new", None, 1000, 4)


def test_the_oracle_is_the_specification_where_priorities_are_cleared_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oracle, "SLACK", 0)
    assert check(Ledger, "small").conforms
