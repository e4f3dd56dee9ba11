"""The behaviour that code written for the system specified relies on, under its module names.

A user's tree supplies them by one line each: `from kvref import *`, `from kvref.tensors import *`.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Final
from unittest.mock import Mock

import pytest
import torch

POOLS: Final = "lzero.model.unizero_world_models.kv_cache_manager"
WINDOWS: Final = "lzero.model.unizero_world_models.kv_caching"
RE_EXPORTS: Final = {
    POOLS: "from kvref import CacheStats, EvictionStrategy, KVCacheManager, KVCachePool",
    WINDOWS: "from kvref.tensors import Cache, KeysValues, KVCache",
}


@pytest.fixture(autouse=True)
def old_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("lzero", "lzero.model", "lzero.model.unizero_world_models"):
        package = ModuleType(path)
        package.__path__ = []
        monkeypatch.setitem(sys.modules, path, package)
    for path, line in RE_EXPORTS.items():
        module = ModuleType(path)
        exec(line, vars(module))
        monkeypatch.setitem(sys.modules, path, module)


def old(name: str) -> Any:
    return getattr(import_module(WINDOWS if name in ("Cache", "KeysValues") else POOLS), name)


class Stored:
    """A value that can be compared, and so not be hashed."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stored) and other.number == self.number


def manager(**config: int) -> Any:
    sizes = {"game_segment_length": 10, "num_simulations": 5, **config}
    return old("KVCacheManager")(config=Mock(**sizes), env_num=3, enable_stats=True)


def test_free_standing_statistics_can_be_filled_in() -> None:
    stats = old("CacheStats")()
    assert (stats.hits, stats.misses, stats.evictions, stats.total_queries) == (0, 0, 0, 0)
    assert (stats.hit_rate, stats.miss_rate) == (0.0, 1.0)
    stats.hits, stats.misses, stats.total_queries = 3, 1, 4
    assert (stats.hit_rate, stats.miss_rate) == (0.75, 0.25)
    stats.total_queries = 8
    assert stats.hit_rate == 0.375, "what was assigned counts"


def test_free_standing_statistics_are_reset() -> None:
    stats = old("CacheStats")(hits=10, misses=5, evictions=2, total_queries=15)
    assert (stats.hit_rate, stats.evictions) == (10 / 15, 2)
    stats.reset()
    assert (stats.hits, stats.misses, stats.evictions, stats.total_queries) == (0, 0, 0, 0)
    assert stats == old("CacheStats")()
    stats.hits += 2
    assert stats.total_queries == 2, "what was not assigned is their sum"


def test_a_pools_statistics_are_its_own() -> None:
    pool = old("KVCachePool")(2)
    pool.get(1)
    for name in ("hits", "misses", "total_queries", "evictions"):
        with pytest.raises(AttributeError, match="counts for itself"):
            setattr(pool.stats, name, 7)
    assert (pool.stats.misses, pool.stats.total_queries, pool.stats.hit_rate) == (1, 1, 0.0)
    assert pool.enable_stats
    assert not old("KVCachePool")(2, enable_stats=False).enable_stats


def test_sizes_and_environments_out_of_range_are_value_errors() -> None:
    for size in (0, -5):
        with pytest.raises(ValueError, match="pool_size"):
            old("KVCachePool")(pool_size=size)
    m = manager()
    for env in (-1, 3, 999, 10**5000):
        for call, arguments in (
            (m.set_init_cache, (env, 1, Stored(1))),
            (m.get_init_cache, (env, 1)),
            (m.hierarchical_get, (env, 1)),
            (m.clear_init_caches, (env,)),
        ):
            with pytest.raises(ValueError, match="env_id") as caught:
                call(*arguments)
            assert isinstance(caught.value, IndexError)


def test_every_tier_stores_values_that_only_compare() -> None:
    m = manager()
    m.set_init_cache(env_id=1, cache_key=3, kv_cache=Stored(1))
    m.set_recur_cache(cache_key=3, kv_cache=Stored(2))
    m.set_wm_cache(cache_key=3, kv_cache=Stored(3))
    got = m.get_init_cache(env_id=1, cache_key=3), m.get_recur_cache(cache_key=3)
    assert (*got, m.get_wm_cache(cache_key=3)) == (Stored(1), Stored(2), Stored(3))
    assert m.get_init_cache(env_id=0, cache_key=3) is None
    m.clear_init_caches()
    assert m.hierarchical_get(1, 3) == Stored(2)
    m.clear_all()
    assert m.hierarchical_get(1, 3) is None


def test_an_episode_and_a_search_overflow_as_they_should() -> None:
    m = manager(game_segment_length=4)
    for step in range(9):
        m.set_init_cache(0, hash((0, step)), Stored(step))
    for simulation in range(16):
        m.set_recur_cache(hash(("search", simulation)), Stored(simulation))
    found = [m.get_init_cache(0, hash((0, step))) for step in range(9)]
    assert found == [None] * 5 + [Stored(step) for step in range(5, 9)]
    assert len(m.recur_pool) == m.recur_pool.pool_size == 15
    summary = m.get_stats_summary()
    assert (summary["stats_enabled"], set(summary["init_pools"])) == (
        True,
        {"env_0", "env_1", "env_2"},
    )
    assert "env_num" not in repr(m)
    assert repr(m) == "KVCacheManager(init 3 x 4, recur 1 x 15, wm 3; holding 4, 15, 0)"
    m.reset_stats()
    assert m.init_pools[0].stats.misses == 0


def test_windows_under_their_old_name() -> None:
    kv = old("KeysValues")(
        num_samples=2, num_heads=3, max_tokens=4, embed_dim=6, num_layers=2, device="cpu"
    )
    with torch.no_grad():
        for layer in kv:
            layer.update(torch.ones(2, 3, 2, 2), torch.zeros(2, 3, 2, 2))
    assert (kv.size, len(kv), kv[1].shape) == (2, 2, (2, 3, 2, 2))
    kv.prune(torch.tensor([True, False]).numpy())
    assert kv[0].shape == (1, 3, 2, 2)
    kv.remove_register_tokens(1)
    assert kv.size == 1
    kv.reset()
    assert kv.size == 0
    cache = old("Cache")(1, 3, 4, 6, torch.device("cpu"))
    cache.update(torch.ones(1, 3, 1, 2))
    assert cache.shape == (1, 3, 1, 2)
