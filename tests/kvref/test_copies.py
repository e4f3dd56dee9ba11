"""Copies and pickles of pools and managers: equal in everything, bound to nothing."""

import copy
import pickle
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from kvref import (
    Departure,
    EvictionStrategy,
    IntegrityError,
    KVCacheManager,
    KVCachePool,
    Ownership,
    RecurScope,
    SizingProfile,
)

POLICIES = list(EvictionStrategy)


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


Duplicate = Callable[[Any], Any]
WAYS: list[Duplicate] = [copy.copy, copy.deepcopy, pickled]
ways = pytest.mark.parametrize("duplicate", WAYS, ids=lambda way: way.__name__)
policies = pytest.mark.parametrize("strategy", POLICIES)
HEARD: list[Departure[Any]] = []


def hear(departure: Departure[Any]) -> None:
    HEARD.append(departure)


class Value:
    """Contents, and how often they were written; equal by contents."""

    def __init__(self, data: int) -> None:
        self.data, self.writes = data, 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value) and self.data == other.data

    __hash__ = None  # type: ignore[assignment]  # it can be written

    def __reduce__(self) -> tuple[object, ...]:
        """A deep copy counts its own writes."""
        return Value, (self.data,)

    def clone(self) -> "Value":
        return Value(self.data)

    def seal(self) -> None: ...

    def write(self) -> None:
        self.data, self.writes = -1, self.writes + 1

    def mark(self) -> object:
        return self.writes

    def written_since(self, mark: object) -> str | None:
        return None if mark == self.writes else "layer 0 K"


def lived(pool: KVCachePool[Value], rng: random.Random, steps: int) -> list[object]:
    """Random operations; all that is answered, and the state after each."""
    told: list[object] = []
    ranked = pool.eviction_strategy is EvictionStrategy.PRIORITY
    for _ in range(steps):
        key, kind = rng.randrange(8), rng.randrange(12)
        rank = rng.choice([None, 1, 2, 2, 3]) if ranked else None
        if kind < 4:
            told.append(pool.get(key))
        elif kind < 11:
            told.append(pool.set(key, Value(rng.randrange(1000)), priority=rank))
        else:
            pool.stats.reset() if pool.stats else None
        told.append(shown(pool))
    return told


def shown(pool: KVCachePool[Value]) -> object:
    return pool.residents(), pool.by_age(), tuple(pool), repr(pool), pool.stats


@ways
@policies
@pytest.mark.parametrize("seed", range(4))
def test_a_copy_goes_on_as_its_original_does(
    strategy: EvictionStrategy, duplicate: Duplicate, seed: int
) -> None:
    """Whatever was before: slots out of order, ties, updates, counters that were reset."""
    pool: KVCachePool[Value] = KVCachePool(4, strategy, name="one")
    lived(pool, random.Random(seed), 40)
    other = duplicate(pool)
    assert shown(other) == shown(pool)
    before = shown(pool)
    after = lived(other, random.Random(seed + 9), 60)
    assert shown(pool) == before, "the copy's life is its own"
    assert lived(pool, random.Random(seed + 9), 60) == after
    other = duplicate(pool)
    before = shown(other)
    lived(pool, random.Random(seed + 5), 60)
    pool.clear()
    assert shown(other) == before, "and so is the original's"


@ways
@policies
@pytest.mark.parametrize("stats", [True, False])
def test_a_copy_is_set_up_as_its_original_is(
    strategy: EvictionStrategy, duplicate: Duplicate, stats: bool
) -> None:
    pool: KVCachePool[Value] = KVCachePool(
        3, strategy, stats, "mine", ownership=Ownership.COPY, on_evict=hear, verify=True
    )
    other = duplicate(pool)
    for name in ("pool_size", "eviction_strategy", "enable_stats", "name", "ownership", "verify"):
        assert getattr(other, name) == getattr(pool, name), name
    assert other.on_evict is hear
    given = Value(1)
    other.set(1, given)
    assert other.peek(1) is not given, "COPY stores a copy"


@ways
def test_a_copy_announces_what_leaves_it_and_nothing_else(duplicate: Duplicate) -> None:
    pool: KVCachePool[Value] = KVCachePool(1, name="mine", on_evict=hear)
    pool.set(1, Value(1))
    other = duplicate(pool)
    HEARD.clear()
    other.set(2, Value(2))
    assert [(one.pool, one.key, one.value) for one in HEARD] == [("mine", 1, Value(1))]
    pool.set(3, Value(3))
    assert [one.key for one in HEARD] == [1, 1]
    other.on_evict = None
    assert pool.on_evict is hear
    pool.clear()
    other.clear()
    assert [one.key for one in HEARD] == [1, 1, 3]


@ways
def test_observers_stay_behind(duplicate: Duplicate) -> None:
    pool: KVCachePool[Value] = KVCachePool(2)
    mine: list[object] = []
    its: list[object] = []
    pool.set(1, Value(1))
    pool.observe(mine.append)
    other = duplicate(pool)
    other.observe(its.append)
    other.get(1)
    assert (len(mine), len(its)) == (0, 1)
    pool.get(1)
    assert (len(mine), len(its)) == (1, 1)
    pool.unobserve(mine.append)
    other.get(1)
    assert len(its) == 2


@ways
@policies
def test_values_are_shared_by_copy_and_by_nothing_else(
    strategy: EvictionStrategy, duplicate: Duplicate
) -> None:
    pool: KVCachePool[Value] = KVCachePool(3, strategy)
    value = Value(1)
    pool.set(1, value)
    pool.set(2, value)
    pool.set(3, Value(1))
    other = duplicate(pool)
    assert (other.peek(1) is value) == (duplicate is copy.copy)
    assert other.peek(1) is other.peek(2), "one object stays one"
    assert other.peek(1) is not other.peek(3)


@ways
def test_what_was_written_before_and_after_a_copy_is_noticed(duplicate: Duplicate) -> None:
    pool: KVCachePool[Value] = KVCachePool(3, verify=True)
    written, clean, later = Value(1), Value(-1), Value(3)
    clean.write()
    for key, value in enumerate((written, clean, later)):
        pool.set(key, value)
    written.write()
    other = duplicate(pool)
    for one in (pool, other, duplicate(other)):
        with pytest.raises(IntegrityError, match="key 0"):
            one.get(0)
        assert one.get(1) == Value(-1)
    other.peek(2).write()
    with pytest.raises(IntegrityError, match="key 2"):
        other.get(2)
    other.set(0, Value(9))
    assert other.get(0) == Value(9), "set anew, it is as it should be"
    with pytest.raises(IntegrityError, match="key 0"):
        pool.get(0)
    if duplicate is not copy.copy:
        assert pool.get(2) is later


@ways
def test_a_copy_made_while_something_leaves_is_a_pool_like_any(duplicate: Duplicate) -> None:
    """By an `on_evict`, whose own pool may not change meanwhile: the copy may."""
    pool: KVCachePool[Value] = KVCachePool(1)
    pool.set(1, Value(1))
    made: list[Any] = []

    def take(departure: Departure[Value]) -> None:
        pool.on_evict = None  # which could not be pickled
        made.append(duplicate(pool))

    pool.on_evict = take
    pool.set(2, Value(2))
    (other,) = made
    assert tuple(other) == (1,)
    assert other.get(1) == Value(1)
    assert other.stats.hits == 1
    assert other.set(5, Value(5)) == 0
    assert tuple(other) == (5,)
    other.clear()
    assert tuple(pool) == (2,)


def manager(scope: RecurScope, **options: Any) -> KVCacheManager[Value]:
    config = SimpleNamespace(game_segment_length=2, num_simulations=2)
    m: KVCacheManager[Value] = KVCacheManager(config, 3, recur_scope=scope, **options)
    for env in range(3):
        for key in range(3):
            m.set_init_cache(env, key + env, Value(10 * env + key))
            m.set_recur_cache(key + 7, Value(env), env_id=env)
    m.set_wm_cache(3, Value(5))
    for env, key in ((0, 1), (1, 8), (2, 77)):
        m.hierarchical_get(env, key)
    kept = Value(4)
    m.keys_values_wm_list.extend([kept, kept])
    m.keys_values_wm_size_list.extend([3, 1])
    return m


def all_of(m: KVCacheManager[Value]) -> object:
    lists = list(m.keys_values_wm_list), list(m.keys_values_wm_size_list)
    pools = [(pool.name, shown(pool)) for pool in m.pools]
    return pools, m.lookup_stats and m.lookup_stats.as_dict(), lists, m.get_stats_summary()


CALLS: list[Callable[[KVCacheManager[Value]], object]] = [
    lambda m: m.set_init_cache(1, 50, Value(1)),
    lambda m: m.set_recur_cache(50, Value(1), env_id=2),
    lambda m: m.set_wm_cache(50, Value(1)),
    lambda m: m.get_init_cache(0, 1),
    lambda m: m.hierarchical_get(0, 1),
    lambda m: m.hierarchical_get(2, 99),
    lambda m: m.clear_init_caches(),
    lambda m: m.clear_recur_cache(),
    lambda m: m.clear_wm_cache(),
    lambda m: m.clear_all(),
    lambda m: m.reset_stats(),
    lambda m: m.keys_values_wm_list.append(Value(3)),
    lambda m: m.keys_values_wm_size_list.pop(),
]


@ways
@pytest.mark.parametrize("scope", RecurScope)
@pytest.mark.parametrize("call", range(len(CALLS)))
def test_a_manager_and_its_copy_change_one_by_one(
    scope: RecurScope, duplicate: Duplicate, call: int
) -> None:
    m = manager(scope)
    other = duplicate(m)
    before = all_of(m)
    assert all_of(other) == before
    CALLS[call](other)
    assert all_of(m) == before
    CALLS[call](m)
    assert all_of(other) == all_of(m)
    other = duplicate(m)
    before = all_of(other)
    m.clear_all()
    m.reset_stats()
    assert all_of(other) == before


@ways
@pytest.mark.parametrize("scope", RecurScope)
def test_a_manager_s_copy_has_as_many_pools_set_up_alike(
    scope: RecurScope, duplicate: Duplicate
) -> None:
    m = manager(scope, ownership=Ownership.COPY, sizing=SizingProfile.SEED, on_evict=hear)
    other = duplicate(m)
    assert other.recur_scope is scope
    assert len(other.init_pools) == 3
    assert len(other.recur_pools) == len(m.recur_pools)
    assert [one.name for one in other.pools] == [one.name for one in m.pools]
    assert all(one.on_evict is hear for one in other.pools)
    assert not {id(one) for one in other.pools} & {id(one) for one in m.pools}
    assert len(set(map(id, other.pools))) == len(other.pools)


@ways
@pytest.mark.parametrize("scope", RecurScope)
def test_a_manager_s_observers_stay_behind(scope: RecurScope, duplicate: Duplicate) -> None:
    """The copy's pools, all of them, tell the copy's observers, in order, and no other's."""
    m = manager(scope)
    mine: list[Any] = []
    its: list[Any] = []
    m.observe(mine.append)
    other = duplicate(m)
    other.observe(its.append)
    for pool in other.pools:
        pool.get(1000)
    assert [event.pool for event in its] == [pool.name for pool in m.pools]
    assert mine == []
    other.hierarchical_get(0, 1000)
    assert [type(event).__name__ for event in its[-3:]] == ["Got", "Got", "LookedUp"]
    heard = len(its)
    for pool in m.pools:
        pool.get(1000)
    assert (len(mine), len(its)) == (len(m.pools), heard)


@pytest.mark.parametrize("scope", RecurScope)
def test_a_copied_manager_shares_values_and_a_deep_one_none(scope: RecurScope) -> None:
    m = manager(scope)
    for duplicate in WAYS:
        other = duplicate(m)
        for one, its in zip(m.pools, other.pools, strict=True):
            for key in one:
                assert (one.peek(key) is its.peek(key)) == (duplicate is copy.copy)
        first, second = other.keys_values_wm_list
        assert first is second, "one object stays one"
