"""Two caches differ: the shortest history, who is right, and by which law."""

from collections.abc import Callable
from fractions import Fraction
from random import Random
from types import SimpleNamespace
from typing import TypeVar

import pytest

from kvref import EvictionStrategy, KVCacheManager, KVCachePool
from kvref.ranks import Priority
from kvref.shadow import (
    Asked,
    Divergence,
    Emptied,
    ManagerSide,
    Mode,
    OnDivergence,
    PoolSide,
    Put,
    Shadow,
    Side,
    Verdict,
)
from stateful_models import FIFO_REFERENCE, LRU_REFERENCE, PRIORITY_REFERENCE, Profile, SubjectError
from stateful_models.runtime import differing
from stateful_models.runtime.differing import Explanation, Right, explain
from tests.support.sides import DictAndRing

V = TypeVar("V")
Make = Callable[[], Side[object]]


def kvref_of(capacity: int, strategy: EvictionStrategy = EvictionStrategy.FIFO) -> Make:
    return lambda: PoolSide(KVCachePool[object](capacity, strategy, name="pool"))


def ring(capacity: int) -> Make:
    return lambda: DictAndRing[object](capacity)


def shadowed(primary: Make, candidate: Make, mode: Mode = Mode.COMPARE) -> Shadow[object]:
    return Shadow(primary(), candidate(), mode, on_divergence=OnDivergence.COUNT)


def driven(shadow: Shadow[object], seed: int, keys: int, ranked: bool = False) -> None:
    random = Random(seed)
    for number in range(500):
        key = random.randrange(keys)
        if random.random() < 0.5:
            shadow.get("pool", key)
        else:
            rank = Fraction(random.randrange(9), 7) if ranked else None
            shadow.set("pool", key, [number], rank)


@pytest.mark.parametrize("capacity", [2, 3, 5, 9])
@pytest.mark.parametrize("seed", range(3))
def test_a_stale_reverse_entry_is_told_in_a_few_operations(capacity: int, seed: int) -> None:
    """The old cache is wrong, whichever side it is, by P6: a get misses what is live, or hits."""
    for primary, candidate, right in (
        (ring, kvref_of, Right.CANDIDATE),
        (kvref_of, ring, Right.PRIMARY),
    ):
        old, new = primary(capacity), candidate(capacity)
        shadow = shadowed(old, new)
        driven(shadow, seed, 2 * capacity)
        assert {Verdict.MISSING, Verdict.UNEXPECTED} <= shadow.firsts.keys()
        for verdict in (Verdict.MISSING, Verdict.UNEXPECTED):
            told = explain(shadow.firsts[verdict], old, new, FIFO_REFERENCE, capacity)
            assert told is not None
            assert told.right is right
            assert told.laws == ("P6",)
            assert len(told.steps) == len(told.history) <= capacity + 4
            fault = told.primary or told.candidate
            assert fault is not None
            assert fault.at < len(told.history) - 1
            assert {"P3", "P5"} & set(fault.origin)
            again = shadowed(old, new)
            for step in told.steps:
                if isinstance(step, Put):
                    again.set("pool", step.key, [step.number])
                else:
                    again.get("pool", step.key if isinstance(step, Asked) else -1)
            assert again.counts[verdict] == 1


def test_where_an_origin_would_take_minutes_it_is_not_sought(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(differing, "ASKED", 0)
    shadow = shadowed(ring(3), kvref_of(3))
    driven(shadow, 0, 6)
    told = explain(shadow.firsts[Verdict.MISSING], ring(3), kvref_of(3), FIFO_REFERENCE, 3)
    assert told is not None
    assert told.primary is not None
    assert told.primary.origin == told.primary.laws == ("P6",)
    assert told.primary.at == len(told.history) - 1


def test_the_profile_says_who_is_right() -> None:
    fifo, lru = kvref_of(2), kvref_of(2, EvictionStrategy.LRU)
    shadow = shadowed(fifo, lru)
    driven(shadow, 0, 4)
    found = shadow.firsts[Verdict.MISSING]
    for profile, right in ((FIFO_REFERENCE, Right.PRIMARY), (LRU_REFERENCE, Right.CANDIDATE)):
        told = explain(found, fifo, lru, profile, {"pool": 2})
        assert told is not None
        assert told.right is right
        assert len(told.history) <= 6
        assert f"the {right.value} is right" in str(told)
    neither = explain(found, fifo, lru, PRIORITY_REFERENCE, 1)
    assert neither is not None
    assert neither.right is Right.NEITHER


def test_priorities_that_are_no_integers() -> None:
    ranked = kvref_of(2, EvictionStrategy.PRIORITY)
    shadow = shadowed(ranked, lambda: Unranked(2))
    driven(shadow, 0, 4, ranked=True)
    told = explain(
        shadow.firsts[Verdict.UNEXPECTED], ranked, lambda: Unranked(2), PRIORITY_REFERENCE, 2
    )
    assert told is not None
    assert told.right is Right.PRIMARY
    assert len(told.history) <= 6


class Unranked(PoolSide[object]):
    """FIFO, whatever the priority."""

    def __init__(self, capacity: int) -> None:
        super().__init__(KVCachePool[object](capacity, name="pool"))

    def set(self, pool: str, key: int, value: object, priority: Priority | None = None) -> int:
        return super().set(pool, key, value)


def test_what_a_client_wrote_is_in_no_journal() -> None:
    shadow = shadowed(kvref_of(2), kvref_of(2))
    value = [1]
    shadow.set("pool", 1, value)
    value.append(2)
    shadow.get("pool", 1)
    assert explained(shadow.firsts[Verdict.CONTENTS], kvref_of(2), kvref_of(2)) is None


def explained(
    found: Divergence, primary: Make, candidate: Make, profile: Profile = FIFO_REFERENCE
) -> Explanation | None:
    return explain(found, primary, candidate, profile, 2)


class Wrong(PoolSide[object]):
    """kvref, with one fault."""

    def __init__(self) -> None:
        super().__init__(KVCachePool[object](2, name="pool"))
        self.kept: object = None


class MiscountsAfterUpdate(Wrong):
    updates = 0

    def set(self, pool: str, key: int, value: object, priority: Priority | None = None) -> int:
        self.updates += self.slot(pool, key) is not None
        return super().set(pool, key, value, priority)

    def size(self, pool: str) -> int:
        return super().size(pool) + self.updates


class LastSlotFirst(Wrong):
    def set(self, pool: str, key: int, value: object, priority: Priority | None = None) -> int:
        return 1 - super().set(pool, key, value, priority)

    def slot(self, pool: str, key: int) -> int | None:
        slot = super().slot(pool, key)
        return None if slot is None else 1 - slot


class KeepsTheFirst(Wrong):
    """An update is forgotten."""

    def set(self, pool: str, key: int, value: object, priority: Priority | None = None) -> int:
        slot = self.slot(pool, key)
        return super().set(pool, key, value, priority) if slot is None else slot


class RefusesUpdates(Wrong):
    def set(self, pool: str, key: int, value: object, priority: Priority | None = None) -> int:
        if self.slot(pool, key) is not None:
            raise ValueError("there already")
        return super().set(pool, key, value, priority)


@pytest.mark.parametrize(
    ("wrong", "verdict", "laws", "longest"),
    [
        (MiscountsAfterUpdate, Verdict.SIZE, {"P2", "P1"}, 3),
        (LastSlotFirst, Verdict.SLOT, {"P4"}, 1),
        (KeepsTheFirst, Verdict.CONTENTS, {"R1"}, 3),
        (RefusesUpdates, Verdict.RAISED, {"P8"}, 2),
    ],
)
def test_every_verdict_is_judged(
    wrong: type[Wrong], verdict: Verdict, laws: set[str], longest: int
) -> None:
    for primary, candidate, right in (
        (kvref_of(2), wrong, Right.PRIMARY),
        (wrong, kvref_of(2), Right.CANDIDATE),
    ):
        if verdict is Verdict.RAISED and primary is wrong:
            continue  # a primary that raises is no matter of its shadow
        shadow = shadowed(primary, candidate)
        driven(shadow, 0, 3)
        told = explained(shadow.firsts[verdict], primary, candidate)
        assert told is not None
        assert told.right is right
        assert laws & set(told.laws), told
        assert len(told.history) <= longest


def test_a_primary_that_raises_where_it_only_shadows() -> None:
    shadow = shadowed(RefusesUpdates, kvref_of(2), Mode.SERVE)
    driven(shadow, 0, 3)
    told = explained(shadow.firsts[Verdict.RAISED], RefusesUpdates, kvref_of(2))
    assert told is not None
    assert told.right is Right.CANDIDATE
    assert "P8" in told.laws


def manager() -> ManagerSide[object]:
    config = SimpleNamespace(game_segment_length=2, num_simulations=2)
    return ManagerSide(KVCacheManager[object](config, 1))


class ClearsToo(ManagerSide[object]):
    """Clearing recur clears init:0 as well."""

    def __init__(self) -> None:
        config = SimpleNamespace(game_segment_length=2, num_simulations=2)
        super().__init__(KVCacheManager[object](config, 1))

    def clear(self, pool: str) -> None:
        super().clear(pool)
        if pool == "recur":
            super().clear("init:0")


def test_what_another_pool_was_told_is_part_of_the_history() -> None:
    """M1: the pool alone is right; what recur is told reaches it."""
    for primary, candidate, verdict, right in (
        (ClearsToo, manager, Verdict.UNEXPECTED, Right.CANDIDATE),
        (manager, ClearsToo, Verdict.MISSING, Right.PRIMARY),
    ):
        shadow = shadowed(primary, candidate)
        for key in (1, 2, 3):
            shadow.set("init:0", key, [key])
            shadow.set("recur", key, [key])
        shadow.clear("recur")
        shadow.get("init:0", 3)
        told = explained(shadow.firsts[verdict], primary, candidate)
        assert told is not None
        assert told.right is right
        assert {"M1", "P6"} <= set(told.laws)
        assert told.steps == (Put("init:0", 3, 1, None), Emptied("recur"), Asked("init:0", 3))


def test_the_pool_must_have_a_capacity() -> None:
    shadow = shadowed(ring(2), kvref_of(2))
    driven(shadow, 0, 4)
    with pytest.raises(SubjectError, match="no capacity of the pool 'pool'"):
        explain(shadow.firsts[Verdict.MISSING], ring(2), kvref_of(2), FIFO_REFERENCE, {"recur": 2})
