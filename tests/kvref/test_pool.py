"""kvref's pool as its users meet it; the laws themselves are the explorer's business."""

import copy
import math
import pickle
import random
from collections.abc import Callable
from fractions import Fraction
from typing import cast

import numpy as np
import pytest

from kvref import (
    Cause,
    Departure,
    EvictionStrategy,
    KVCacheAttributeError,
    KVCacheError,
    KVCachePool,
    KVCacheReentryError,
    KVCacheTypeError,
    KVCacheValueError,
    Ownership,
    Resident,
)

POLICIES = list(EvictionStrategy)


def filled(
    strategy: EvictionStrategy = EvictionStrategy.FIFO, size: int = 3, count: int = 3
) -> KVCachePool[str]:
    pool: KVCachePool[str] = KVCachePool(size, strategy)
    for key in range(count):
        pool.set(key, f"v{key}")
    return pool


def everything(pool: KVCachePool[str]) -> object:
    stats = pool.stats
    return pool.residents(), tuple(pool), len(pool), None if stats is None else stats.as_dict()


def test_slots_fill_from_the_lowest() -> None:
    pool: KVCachePool[str] = KVCachePool(2)
    assert [pool.set(10, "a"), pool.set(20, "b"), pool.set(30, "c"), pool.set(20, "d")] == [
        0,
        1,
        0,
        1,
    ]
    assert pool.get(10) is None
    assert pool.get(20) == "d"


@pytest.mark.parametrize(
    ("strategy", "gone"),
    [(EvictionStrategy.FIFO, 0), (EvictionStrategy.LRU, 1), (EvictionStrategy.PRIORITY, 0)],
)
def test_a_hit_refreshes_only_lru(strategy: EvictionStrategy, gone: int) -> None:
    pool = filled(strategy)
    pool.get(0)
    pool.set(9, "new")
    assert gone not in pool


def test_priority_lowest_goes_first_ties_by_age() -> None:
    pool: KVCachePool[str] = KVCachePool(3, EvictionStrategy.PRIORITY)
    for key, priority in ((1, 5), (2, 1), (3, 1)):
        pool.set(key, "v", priority=priority)
    pool.set(2, "again", priority=1)
    pool.set(4, "v", priority=9)
    assert tuple(pool) == (3, 1, 4), "2 was the older of the two lowest, and updating kept its age"


def test_priority_survives_many_updates() -> None:
    """The heap drops outdated items, and never the live ones."""
    pool: KVCachePool[int] = KVCachePool(4, EvictionStrategy.PRIORITY)
    for turn in range(500):
        pool.set(turn % 4, turn, priority=-turn)
    assert len(pool._order._heap) <= 2 * 4 + 8 + 1  # type: ignore[attr-defined]  # of PriorityOrder
    assert tuple(pool) == (3, 2, 1, 0)
    pool.set(7, 7, priority=0)
    assert 3 not in pool


def test_a_priority_that_returns_does_not_revive_an_older_item() -> None:
    """Set, lowered, raised again: the heap holds outdated items with the right rank, or age."""
    pool: KVCachePool[int] = KVCachePool(2, EvictionStrategy.PRIORITY)
    for key, priority in ((4, 1), (3, 1), (4, 0), (0, 0), (4, 1), (1, 0)):
        pool.set(key, key, priority=priority)
    assert tuple(pool) == (1, 4)


def test_victims_after_the_heap_was_rebuilt() -> None:
    """Against a plain minimum over priority and age, through many updates and evictions."""
    rng = random.Random(1)
    for _ in range(40):
        pool: KVCachePool[int] = KVCachePool(3, EvictionStrategy.PRIORITY)
        known: dict[int, tuple[int, int]] = {}
        for age in range(60):
            key, priority = rng.randrange(5), rng.randrange(-2, 3)
            if key not in known and len(known) == 3:
                del known[min(known, key=lambda one: known[one])]
            known[key] = (priority, known[key][1] if key in known else age)
            pool.set(key, age, priority=priority)
            assert tuple(pool) == tuple(sorted(known, key=lambda one: known[one]))
            assert pool._order.victim() == next(iter(pool))


def test_the_usual_priority_is_zero() -> None:
    pool: KVCachePool[str] = KVCachePool(2, EvictionStrategy.PRIORITY)
    pool.set(1, "a", priority=0.5)
    pool.set(2, "b")
    pool.set(3, "c", priority=-0.5)
    assert tuple(pool) == (3, 1)


def test_a_refused_reentrant_set_does_not_seal() -> None:
    class Seals(Plain):
        sealed = False

        def seal(self) -> None:
            self.sealed = True

    pool: KVCachePool[Seals] = KVCachePool(1, ownership=Ownership.SEALED)
    pool.set(1, Seals())
    late = Seals()
    pool.on_evict = lambda departure: pool.set(3, late)
    with pytest.raises(KVCacheReentryError):
        pool.set(2, Seals())
    assert not late.sealed


@pytest.mark.parametrize(
    "priority", [0, -3, 2**70, 1.5, -1.5, math.inf, Fraction(1, 2), np.float32(2.5)]
)
def test_any_ordered_number_is_a_priority(priority: float) -> None:
    pool: KVCachePool[str] = KVCachePool(2, EvictionStrategy.PRIORITY)
    pool.set(1, "a", priority=priority)
    assert pool.residents()[0].priority == priority


def test_large_integer_priorities_are_not_rounded() -> None:
    pool: KVCachePool[str] = KVCachePool(2, EvictionStrategy.PRIORITY)
    pool.set(1, "higher", priority=2**60 + 1)
    pool.set(2, "lower", priority=2**60)
    pool.set(3, "new", priority=2**61)
    assert tuple(pool) == (1, 3)


def test_on_evict_tells_what_left_and_why() -> None:
    told: list[Departure[str]] = []
    pool: KVCachePool[str] = KVCachePool(2, name="init:0", on_evict=told.append)
    pool.set(1, "a")
    pool.set(1, "b")
    pool.set(2, "c")
    pool.set(3, "d")
    pool.clear()
    assert told == [
        Departure("init:0", 1, 0, "a", Cause.UPDATED),
        Departure("init:0", 1, 0, "b", Cause.EVICTED),
        Departure("init:0", 3, 0, "d", Cause.CLEARED),
        Departure("init:0", 2, 1, "c", Cause.CLEARED),
    ]


def test_setting_the_same_object_again_is_no_departure() -> None:
    told: list[Departure[str]] = []
    pool: KVCachePool[str] = KVCachePool(2, on_evict=told.append)
    pool.set(1, "a")
    pool.set(1, "a")
    assert told == []
    assert pool.stats is not None
    assert pool.stats.updates == 1


@pytest.mark.parametrize("strategy", POLICIES)
@pytest.mark.parametrize(
    "operation",
    [lambda pool: pool.set(0, "u"), lambda pool: pool.set(9, "n"), lambda pool: pool.clear()],
    ids=["update", "insert", "clear"],
)
def test_a_raising_on_evict_vetoes(
    strategy: EvictionStrategy, operation: Callable[[KVCachePool[str]], object]
) -> None:
    pool = filled(strategy)

    def veto(departure: Departure[str]) -> None:
        raise RuntimeError("stay")

    pool.on_evict = veto
    before = everything(pool)
    with pytest.raises(RuntimeError, match="stay"):
        operation(pool)
    assert everything(pool) == before


@pytest.mark.parametrize(
    "inner", [lambda pool: pool.set(5, "x"), lambda pool: pool.clear()], ids=["set", "clear"]
)
def test_on_evict_may_not_change_its_caller(inner: Callable[[KVCachePool[str]], object]) -> None:
    pool = filled()
    pool.on_evict = lambda departure: inner(pool)
    before = everything(pool)
    with pytest.raises(KVCacheReentryError):
        pool.set(9, "n")
    assert everything(pool) == before
    pool.on_evict = None
    pool.set(9, "n")
    assert 9 in pool, "the pool works on after the refusal"


def test_on_evict_may_look() -> None:
    pool = filled()
    seen: list[object] = []
    pool.on_evict = lambda departure: seen.append((pool.get(departure.key), len(pool)))
    pool.set(9, "n")
    assert seen == [("v0", 3)], "the entry is still there while its departure is announced"


class Stubborn:
    """A value whose clone, or whose seal, fails."""

    def __init__(self, cloning: bool) -> None:
        self.cloning = cloning

    def clone(self) -> "Stubborn":
        if self.cloning:
            raise MemoryError("no room for a copy")
        return self

    def seal(self) -> None:
        raise MemoryError("cannot be sealed")


class Plain:
    """A value that can be cloned and sealed."""

    def clone(self) -> "Plain":
        return Plain()

    def seal(self) -> None:
        pass


@pytest.mark.parametrize("ownership", [Ownership.SEALED, Ownership.COPY])
@pytest.mark.parametrize("cloning", [True, False])
@pytest.mark.parametrize("key", [0, 9], ids=["update", "insert"])
def test_a_value_that_fails_to_copy_or_seal_changes_nothing(
    ownership: Ownership, cloning: bool, key: int
) -> None:
    pool: KVCachePool[Plain | Stubborn] = KVCachePool(2, ownership=ownership)
    pool.set(0, Plain())
    pool.set(1, Plain())
    before = pool.residents()
    with pytest.raises(MemoryError):
        pool.set(key, Stubborn(cloning))
    assert pool.residents() == before
    assert pool.stats is not None
    assert (pool.stats.insertions, pool.stats.evictions, pool.stats.updates) == (2, 0, 0)


@pytest.mark.parametrize("ownership", [Ownership.SEALED, Ownership.COPY_BOTH])
def test_ownership_names_what_a_value_lacks(ownership: Ownership) -> None:
    pool: KVCachePool[int] = KVCachePool(2, ownership=ownership)
    with pytest.raises(KVCacheTypeError, match=r"12345 \(int\)"):
        pool.set(1, 12345)
    assert len(pool) == 0


ODD_VALUES = [0, 0.0, False, "", b"", (), [], {}, float("nan"), np.zeros(0), np.zeros((2, 2))]


class NeverEqual:
    def __eq__(self, other: object) -> bool:
        raise AssertionError("a pool has no business comparing values")

    __hash__ = None  # type: ignore[assignment]  # unhashable on purpose

    def __bool__(self) -> bool:
        raise AssertionError("nor asking whether they are true")


@pytest.mark.parametrize("value", [*ODD_VALUES, NeverEqual()], ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("strategy", POLICIES)
def test_a_hit_on_an_odd_value_is_no_miss(value: object, strategy: EvictionStrategy) -> None:
    pool: KVCachePool[object] = KVCachePool(1, strategy, on_evict=lambda departure: None)
    pool.set(1, value)
    assert pool.get(1) is value
    assert pool.peek(1) is value
    pool.set(1, value)
    pool.set(2, "next")
    assert pool.stats is not None
    assert (pool.stats.hits, pool.stats.misses) == (1, 0)


class Index:
    def __index__(self) -> int:
        return 7


def test_anything_with_an_index_is_a_key() -> None:
    pool: KVCachePool[str] = KVCachePool(4)
    pool.set(Index(), "seven")
    pool.set(np.int64(-3), "minus three")
    pool.set(2**64 - 1, "large")
    assert (pool.get(7), pool.get(-3), pool.get(np.uint64(2**64 - 1))) == (
        "seven",
        "minus three",
        "large",
    )
    assert all(type(key) is int for key in pool)


def test_statistics_can_be_off() -> None:
    pool: KVCachePool[str] = KVCachePool(1, enable_stats=False)
    pool.set(1, "a")
    pool.get(1)
    pool.set(2, "b")
    pool.clear()
    assert pool.stats is None
    assert "stats=None" in repr(pool)


def test_looking_changes_nothing() -> None:
    """P10, `repr` included, which the explorer leaves out for speed."""
    for strategy in POLICIES:
        pool = filled(strategy)
        before = everything(pool)
        repr(pool), str(pool), list(pool), 0 in pool, 99 in pool, len(pool), pool.peek(0)
        assert everything(pool) == before


def test_iterating_over_a_pool_that_changes_is_safe() -> None:
    pool = filled()
    for key in pool:
        pool.set(key + 100, "more")
    assert len(pool) == 3


def test_residents_come_in_eviction_order() -> None:
    pool = filled(EvictionStrategy.LRU)
    pool.get(0)
    assert pool.residents() == (
        Resident(1, 1, "v1", None),
        Resident(2, 2, "v2", None),
        Resident(0, 0, "v0", None),
    )


def test_rates_without_queries() -> None:
    stats = filled().stats
    assert stats is not None
    assert (stats.hit_rate, stats.miss_rate, stats.total_queries) == (0.0, 1.0, 0)


def test_reset_keeps_the_balance() -> None:
    """Twice over, with something in between."""
    pool = filled(size=2, count=3)
    stats = pool.stats
    assert stats is not None
    stats.reset()
    assert stats.carried == 2
    pool.set(7, "n")
    stats.reset()
    assert stats.carried == 2
    pool.set(9, "n")
    pool.clear()
    assert stats.insertions + stats.carried == len(pool) + stats.evictions + stats.cleared
    assert stats.as_dict()["cleared"] == 2


def pickled(pool: KVCachePool[str]) -> KVCachePool[str]:
    again: KVCachePool[str] = pickle.loads(pickle.dumps(pool))
    return again


@pytest.mark.parametrize("strategy", POLICIES)
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
def test_a_copied_pool_lives_its_own_life(
    strategy: EvictionStrategy, duplicate: Callable[[KVCachePool[str]], KVCachePool[str]]
) -> None:
    """World models are deep-copied into target models, their caches with them."""
    pool = filled(strategy)
    other = duplicate(pool)
    assert everything(other) == everything(pool)
    before = everything(pool)
    other.get(0)
    other.set(9, "n")
    other.clear()
    assert everything(pool) == before
    pool.set(9, "n")
    assert len(pool) == 3
    assert len(other) == 0


def test_on_evict_must_be_callable() -> None:
    with pytest.raises(KVCacheTypeError, match="on_evict"):
        KVCachePool(1, on_evict=cast(Callable[[Departure[str]], object], 3))


class Unruly:
    def __index__(self) -> int:
        raise ValueError("not today")


BAD_KEYS = [
    Unruly(),
    "a",
    1.0,
    None,
    True,
    b"k",
    (),
    [],
    {},
    object(),
    np.bool_(True),
    float("nan"),
]


@pytest.mark.parametrize("bad", BAD_KEYS, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("strategy", POLICIES)
def test_a_bad_key_is_refused_everywhere(bad: object, strategy: EvictionStrategy) -> None:
    pool = filled(strategy)
    pool.set(1, "one")
    before = everything(pool)
    key = cast(int, bad)
    for operation in (
        lambda: pool.get(key),
        lambda: pool.set(key, "v"),
        lambda: pool.peek(key),
        lambda: key in pool,
    ):
        with pytest.raises(KVCacheTypeError) as caught:
            operation()
        assert type(bad).__name__ in str(caught.value)
    assert everything(pool) == before


@pytest.mark.parametrize("strategy", POLICIES)
@pytest.mark.parametrize("key", [0, 9], ids=["resident", "new"])
def test_none_is_no_value(strategy: EvictionStrategy, key: int) -> None:
    pool = filled(strategy)
    before = everything(pool)
    with pytest.raises(KVCacheValueError, match="None"):
        pool.set(key, cast(str, None))
    assert everything(pool) == before


@pytest.mark.parametrize("size", [0, -1, True, False, 1.0, "3", None, math.nan])
def test_bad_capacity(size: object) -> None:
    with pytest.raises(KVCacheError) as caught:
        KVCachePool(cast(int, size))
    assert str(size) in str(caught.value)
    assert isinstance(caught.value, ValueError if type(size) is int else TypeError)


@pytest.mark.parametrize("strategy", ["fifo", "mru", None, 1, Ownership.COPY])
def test_unknown_policy(strategy: object) -> None:
    with pytest.raises(KVCacheValueError, match="no EvictionStrategy"):
        KVCachePool(3, cast(EvictionStrategy, strategy))


def test_unknown_ownership() -> None:
    with pytest.raises(KVCacheValueError, match="'borrowed'"):
        KVCachePool(3, ownership=cast(Ownership, "borrowed"))


@pytest.mark.parametrize(
    ("priority", "kind"),
    [
        (math.nan, ValueError),
        (True, TypeError),
        ("1", TypeError),
        (1j, TypeError),
        (np.array([1.0, 2.0]), TypeError),
    ],
)
@pytest.mark.parametrize("key", [0, 9], ids=["resident", "new"])
def test_bad_priority(priority: object, kind: type[Exception], key: int) -> None:
    pool = filled(EvictionStrategy.PRIORITY)
    before = everything(pool)
    with pytest.raises(kind, match="priority") as caught:
        pool.set(key, "v", priority=cast(float, priority))
    assert isinstance(caught.value, KVCacheError)
    assert everything(pool) == before


@pytest.mark.parametrize("strategy", [EvictionStrategy.FIFO, EvictionStrategy.LRU])
def test_priority_where_none_is_taken(strategy: EvictionStrategy) -> None:
    pool = filled(strategy)
    before = everything(pool)
    with pytest.raises(KVCacheValueError, match="does not evict by PRIORITY"):
        pool.set(9, "v", priority=1)
    assert everything(pool) == before


def test_configuration_is_read_only() -> None:
    """What a pool says of itself is what it does."""
    pool: KVCachePool[str] = KVCachePool(2, EvictionStrategy.LRU, name="mine")
    for name, value in (
        ("pool_size", 1),
        ("eviction_strategy", EvictionStrategy.FIFO),
        ("ownership", Ownership.SEALED),
        ("verify", True),
        ("name", "yours"),
        ("stats", None),
        ("enable_stats", False),
    ):
        before = getattr(pool, name)
        with pytest.raises(AttributeError):
            setattr(pool, name, value)
        assert getattr(pool, name) is before
    with pytest.raises(KVCacheAttributeError, match=r"pool_size .* cannot become 1 "):
        pool.pool_size = 1
    with pytest.raises(KVCacheAttributeError, match="cannot be deleted"):
        del pool.pool_size
