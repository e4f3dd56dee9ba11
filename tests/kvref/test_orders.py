"""Eviction orders of anyone's own: what a pool asks and tells them, and what it bears from them."""

from collections.abc import Callable
from copy import copy, deepcopy
from types import SimpleNamespace
from typing import cast

import pytest

import kvref
from kvref import (
    Departure,
    EvictionOrder,
    EvictionStrategy,
    KVCacheManager,
    KVCacheOrderError,
    KVCachePool,
    KVCacheTypeError,
    KVCacheValueError,
    Rank,
)


class Newest(EvictionOrder):
    """Last in, first out; it writes down what it is told."""

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.told: list[tuple[str, int]] = []

    def inserted(self, key: int, rank: Rank) -> None:
        self.keys.append(key)
        self.told.append(("inserted", key))

    def updated(self, key: int, rank: Rank) -> None:
        self.told.append(("updated", key))

    def hit(self, key: int) -> None:
        self.told.append(("hit", key))

    def victim(self) -> int:
        return self.keys[-1]

    def left(self, key: int) -> None:
        self.keys.remove(key)
        self.told.append(("left", key))


def order_of(pool: KVCachePool[str]) -> Newest:
    return cast(Newest, getattr(pool._order, "order"))  # noqa: B009 - an attribute of one kind


def test_an_order_is_told_of_every_key_and_chooses_who_leaves() -> None:
    pool: KVCachePool[str] = KVCachePool(2, Newest)
    for key in (1, 2, 1, 3):
        pool.set(key, "v")
    pool.get(1)
    pool.get(2)
    assert list(pool) == [1, 3]
    told = [("inserted", 1), ("inserted", 2), ("updated", 1), ("left", 2), ("inserted", 3)]
    assert order_of(pool).told == [*told, ("hit", 1)]
    assert "Newest" in repr(pool)


def test_a_clear_makes_a_new_order_and_a_peek_tells_it_nothing() -> None:
    pool: KVCachePool[str] = KVCachePool(2, Newest)
    pool.set(1, "v")
    pool.clear()
    pool.set(2, "v")
    pool.peek(2)
    assert order_of(pool).told == [("inserted", 2)]


@pytest.mark.parametrize("duplicate", [copy, deepcopy])
def test_copies_have_orders_of_their_own(
    duplicate: Callable[[KVCachePool[str]], KVCachePool[str]],
) -> None:
    pool: KVCachePool[str] = KVCachePool(2, Newest)
    pool.set(1, "v")
    other = duplicate(pool)
    other.set(2, "v")
    other.set(3, "v")
    assert (list(pool), list(other)) == ([1], [1, 3])
    pool.set(4, "v")
    assert list(pool) == [1, 4]


class Ranked(Newest):
    ranked = True

    def victim(self) -> int:
        return self.keys[0]


def test_priorities_are_for_orders_that_take_them() -> None:
    pool: KVCachePool[str] = KVCachePool(2, Ranked)
    pool.set(1, "v", priority=3)
    assert pool.residents()[0].priority == 3
    with pytest.raises(KVCacheValueError, match="Newest, which takes none"):
        KVCachePool[str](2, Newest).set(1, "v", priority=3)


class Faulty(Newest):
    """Fails in the function that is named, once there are two keys."""

    fails = ""

    def fail(self, where: str) -> None:
        if where == self.fails and len(self.keys) > 1:
            raise OSError("disk")

    def inserted(self, key: int, rank: Rank) -> None:
        self.fail("inserted")
        super().inserted(key, rank)

    def updated(self, key: int, rank: Rank) -> None:
        self.fail("updated")
        super().updated(key, rank)

    def hit(self, key: int) -> None:
        self.fail("hit")

    def victim(self) -> int:
        self.fail("victim")
        return super().victim()

    def left(self, key: int) -> None:
        super().left(key)
        if self.fails == "left":
            raise OSError("disk")


class Full(Faulty):
    """Fails when it is told of a key for whom another left."""

    def inserted(self, key: int, rank: Rank) -> None:
        if len(self.told) > 2:
            raise OSError("disk")
        super().inserted(key, rank)


class Stranger(Newest):
    def victim(self) -> int:
        return 7


class Nobody(Newest):
    def victim(self) -> int:
        return cast(int, None)


def failing(name: str) -> type[Faulty]:
    return type("Faulty", (Faulty,), {"fails": name})


OPERATIONS: dict[str, Callable[[KVCachePool[str]], object]] = {
    "insert": lambda pool: pool.set(3, "new"),
    "update": lambda pool: pool.set(1, "new"),
    "hit": lambda pool: pool.get(1),
}


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize(
    ("order", "operation", "words"),
    [
        (failing("victim"), "insert", "Faulty: victim raised OSError: disk"),
        (failing("left"), "insert", "left raised OSError"),
        (Full, "insert", "inserted raised OSError"),
        (failing("updated"), "update", "updated raised OSError"),
        (failing("hit"), "hit", "hit raised OSError"),
        (Stranger, "insert", "Stranger: victim named 7, which is not resident"),
        (Nobody, "insert", "victim named None"),
    ],
)
def test_a_bad_order_changes_nothing_and_is_named(
    order: type[EvictionOrder], operation: str, words: str, observed: bool
) -> None:
    pool: KVCachePool[str] = KVCachePool(2, order)
    if observed:
        pool.observe(lambda event: None)
    pool.set(1, "one")
    pool.set(2, "two")
    before = [*pool.residents()], pool.stats and str(pool.stats)
    with pytest.raises(KVCacheOrderError, match=words):
        OPERATIONS[operation](pool)
    assert ([*pool.residents()], pool.stats and str(pool.stats)) == before
    assert (pool.peek(1), pool.peek(2), pool.peek(3)) == ("one", "two", None)
    for again in OPERATIONS.values():
        with pytest.raises(KVCacheOrderError, match=r"clear\(\) the pool"):
            again(pool)
    pool.clear()
    assert pool.set(5, "five") == 0


def test_a_veto_leaves_the_books_as_they_were() -> None:
    def veto(departure: Departure[str]) -> None:
        raise RuntimeError("stay")

    pool: KVCachePool[str] = KVCachePool(1, Newest, on_evict=veto)
    pool.set(1, "one")
    with pytest.raises(RuntimeError, match="stay"):
        pool.set(2, "two")
    assert (list(pool), pool.peek(1), order_of(pool).told) == ([1], "one", [("inserted", 1)])


def make_nothing() -> EvictionOrder:
    return cast(EvictionOrder, 3)


def make_trouble() -> EvictionOrder:
    raise OSError("disk")


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (make_nothing, KVCacheTypeError, "make_nothing makes 3"),
        (make_trouble, KVCacheOrderError, "OSError: disk .make_trouble"),
        (cast(EvictionStrategy, "mru"), KVCacheValueError, "nor makes an order"),
    ],
)
def test_what_makes_no_order_is_refused(
    made: kvref.EvictionStrategy, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        KVCachePool[str](2, made)


def test_a_manager_gives_each_pool_an_order_of_its_own_and_cannot_be_recorded(
    tmp_path: object,
) -> None:
    config = SimpleNamespace(game_segment_length=2, num_simulations=2)
    manager: KVCacheManager[str] = KVCacheManager(config, 1, eviction_strategy=Newest)
    for key in (1, 2, 3):
        manager.set_init_cache(0, key, "v")
        manager.set_recur_cache(key, "v")
    assert [list(pool) for pool in (manager.init_pools[0], manager.recur_pool)] == [[1, 3]] * 2
    with pytest.raises(KVCacheValueError, match="not by Newest"):
        kvref.Recorder(manager, f"{tmp_path}/run.jsonl")
