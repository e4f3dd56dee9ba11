"""Pools and managers under UniZero's names: its arguments, its defaults, its private fields."""

import copy
import logging
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import numpy as np
import pytest

import kvref
from kvref import (
    KVCacheAttributeError,
    KVCacheReentryError,
    KVCacheTypeError,
    KVCacheValueError,
    Ownership,
    RecurScope,
    SizingProfile,
)
from kvref.compat.lightzero import kv_cache_manager
from kvref.compat.lightzero.kv_cache_manager import (
    CacheStats,
    EvictionStrategy,
    KVCacheManager,
    KVCachePool,
)
from kvref.compat.lightzero.kv_caching import KeysValues


class Compared:
    """A value that can be compared and not be cloned, as its tests have them."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Compared) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]  # equal by what can be written


def manager(**config: object) -> KVCacheManager[Any]:
    return KVCacheManager(config=SimpleNamespace(**config), env_num=3, enable_stats=True)


@pytest.mark.parametrize(
    ("config", "sizes"),
    [
        ({}, (256, 150, 3)),
        ({"num_simulations": 200}, (400, 600, 3)),
        ({"max_cache_size": 100}, (100, 150, 3)),
        ({"num_simulations": 10, "max_cache_size": 7}, (7, 30, 3)),
        ({"game_segment_length": 20}, (256, 150, 3)),
    ],
)
def test_sizes_by_default_are_safe_for_a_search(
    config: dict[str, int], sizes: tuple[int, int, int]
) -> None:
    made = manager(**config)
    pools = made.init_pools[0], made.recur_pool, made.wm_pool
    assert tuple(pool.pool_size for pool in pools) == sizes
    assert [pool.ownership for pool in made.pools] == [Ownership.COPY] * 5


def test_a_config_that_says_something_else_is_not_overruled() -> None:
    for wrong in ("many", None, 1.5):
        with pytest.raises(KVCacheTypeError, match=r"config\.num_simulations"):
            manager(num_simulations=wrong)
    with pytest.raises(KVCacheValueError, match=r"config\.max_cache_size"):
        manager(max_cache_size=0)


class Dynamic:
    """A config that looks its names up."""

    def __getattr__(self, name: str) -> int:
        return {"num_simulations": 4, "max_cache_size": 300}[name]


def test_a_config_that_answers_to_every_name_says_what_are_numbers() -> None:
    answers = Mock(num_simulations=200, game_segment_length=9)
    made = KVCacheManager[Any](config=answers, env_num=3)
    assert [pool.pool_size for pool in made.pools] == [400] * 3 + [600, 3]
    made = KVCacheManager[Any](Dynamic(), 3)
    assert [pool.pool_size for pool in made.pools] == [256] * 3 + [12, 3]


def test_kvrefs_own_settings_can_be_had() -> None:
    made = KVCacheManager[Any](
        SimpleNamespace(game_segment_length=7),
        2,
        False,
        eviction_strategy=EvictionStrategy.LRU,
        ownership=Ownership.REFERENCE,
        sizing=SizingProfile.SEED,
        recur_scope=RecurScope.PER_ENV,
    )
    assert [pool.pool_size for pool in made.pools] == [7, 7, 50, 50, 2]
    assert {pool.ownership for pool in made.pools} == {Ownership.REFERENCE}
    assert {pool.eviction_strategy for pool in made.pools} == {EvictionStrategy.LRU}
    assert made.get_stats_summary()["stats_enabled"] is False
    with pytest.raises(KVCacheValueError, match="game_segment_length"):
        KVCacheManager[Any](SimpleNamespace(), 2, sizing=SizingProfile.SEED)


def test_all_that_its_module_has() -> None:
    assert set(kv_cache_manager.__all__) == {
        *("CacheStats", "EvictionStrategy", "KVCacheManager", "KVCachePool")
    }
    assert (CacheStats, EvictionStrategy) == (kvref.CacheStats, kvref.EvictionStrategy)
    assert issubclass(KVCacheManager, kvref.KVCacheManager)
    assert all(type(pool) is KVCachePool for pool in manager().pools)


def test_values_that_only_compare_are_stored() -> None:
    made, value = manager(), Compared(1)
    made.set_init_cache(env_id=1, cache_key=3, kv_cache=value)
    made.set_recur_cache(cache_key=3, kv_cache=Compared(2))
    made.set_wm_cache(cache_key=np.int64(3), kv_cache=Compared(3))
    value.value = 9
    assert made.get_init_cache(env_id=1, cache_key=3) == Compared(1)
    assert made.hierarchical_get(1, 3) == Compared(1)
    assert made.hierarchical_get(0, 3) == made.get_recur_cache(3) == Compared(2)
    assert made.get_wm_cache(3) == Compared(3)
    made.clear_all()
    assert sum(map(len, made.pools)) == 0


def test_a_pool_of_its_own_copies_too() -> None:
    pool, value = KVCachePool[Compared](pool_size=2, name="test"), Compared(1)
    assert pool.set(7, value) == 0
    assert pool.get(7) == value
    assert pool.get(7) is not value
    kept = KVCachePool[Compared](2, ownership=Ownership.REFERENCE)
    kept.set(7, value)
    assert kept.get(7) is value


def test_the_working_lists_stay_the_same_objects() -> None:
    """Its world model keeps references to them."""
    made = manager()
    values, sizes = made.keys_values_wm_list, made.keys_values_wm_size_list
    values.append(Compared(1))
    sizes.append(3)
    made.clear_all()
    assert (values, sizes) == ([], [])
    assert made.keys_values_wm_list is values
    assert made.keys_values_wm_size_list is sizes


def test_its_init_pools_are_a_list() -> None:
    """Which it joins with the other pools."""
    made = manager()
    others = [made.recur_pool, made.wm_pool]
    assert made.init_pools + others == list(made.pools)
    made.init_pools.clear()
    assert [pool.name for pool in made.init_pools] == ["init:0", "init:1", "init:2"]
    with pytest.raises(KVCacheAttributeError, match="init_pools"):
        made.init_pools = []


def test_slots_by_key() -> None:
    pool = KVCachePool[int](2)
    index = pool._key_to_index
    assert dict(index) == {}
    pool.set(5, 50)
    pool.set(6, 60)
    pool.set(7, 70)
    assert dict(pool._key_to_index) == {6: 1, 7: 0}
    assert (6 in pool._key_to_index, 5 in pool._key_to_index) == (True, False)
    with pytest.raises(TypeError):
        cast("dict[int, int]", pool._key_to_index)[8] = 1
    pool.clear()
    assert len(pool._key_to_index) == 0


def test_the_strategy_may_be_assigned_while_a_pool_is_empty() -> None:
    pool = KVCachePool[int](2)
    pool.eviction_strategy = EvictionStrategy.LRU
    for key in (1, 2):
        pool.set(key, key)
    pool.get(1)
    pool.set(3, 3)
    assert (1 in pool, 2 in pool) == (True, False)
    pool.eviction_strategy = EvictionStrategy.LRU
    with pytest.raises(KVCacheAttributeError, match=r"holds 2 entries: clear\(\) it"):
        pool.eviction_strategy = EvictionStrategy.FIFO
    assert (pool.eviction_strategy, list(pool)) == (EvictionStrategy.LRU, [1, 3])
    pool.clear()
    pool.eviction_strategy = EvictionStrategy.PRIORITY
    pool.set(1, 1, priority=3)
    assert pool.residents()[0].priority == 3
    for wrong in ("lru", None):
        with pytest.raises(KVCacheValueError, match="EvictionStrategy"):
            pool.eviction_strategy = wrong


def test_nor_while_it_changes() -> None:
    def meddle(departure: object) -> None:
        pool.eviction_strategy = EvictionStrategy.LRU

    pool = KVCachePool[int](1, on_evict=meddle)
    pool.set(1, 1)
    with pytest.raises(KVCacheReentryError):
        pool.clear()
    assert (pool.eviction_strategy, list(pool)) == (EvictionStrategy.FIFO, [1])


@pytest.mark.parametrize(
    "way", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_copies_are_of_the_same_kind(way: Callable[[Any], Any]) -> None:
    """A world model is deep-copied into its target, and its manager with it."""
    made: Any = manager()
    made.recur_pool.eviction_strategy = EvictionStrategy.LRU
    made.set_recur_cache(1, KeysValues(1, 1, 4, 2, 1))
    other: Any = way(made)
    made.clear_all()
    assert (type(other), type(other.recur_pool)) == (KVCacheManager, KVCachePool)
    assert dict(other.recur_pool._key_to_index) == {1: 0}
    assert other.recur_pool.eviction_strategy is EvictionStrategy.LRU
    assert other.get_recur_cache(1).shape == (1, 1, 0, 2)
    other.clear_recur_cache()
    assert (other.clear_recur_log_freq, other._recur_clears, made._recur_clears) == (1000, 1, 0)


def test_one_clear_in_so_many_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    made = KVCacheManager[int](SimpleNamespace(), 2, True, 3, 2)
    never = KVCacheManager[int](SimpleNamespace(), 2, clear_recur_log_freq=0, clear_all_log_freq=0)
    with caplog.at_level(logging.INFO, logger=kv_cache_manager.__name__):
        for _ in range(7):
            for one in (made, never):
                one.clear_recur_cache()
                one.clear_all()
    told = [record.getMessage() for record in caplog.records]
    assert [one for one in told if "recur" in one] == [
        f"cleared recur caches, for the {n}-th time" for n in (3, 6)
    ]
    assert [one for one in told if "every" in one] == [
        f"cleared every cache, for the {n}-th time" for n in (2, 4, 6)
    ]
    with pytest.raises(KVCacheValueError, match="clear_all_log_freq"):
        KVCacheManager[int](SimpleNamespace(), 2, clear_all_log_freq=-1)
