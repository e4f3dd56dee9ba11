"""kvref's manager as its users meet it."""

import copy
import logging
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import spec.profile
from kvref import (
    Departure,
    EvictionStrategy,
    IntegrityError,
    KVCacheError,
    KVCacheIndexError,
    KVCacheManager,
    KVCacheTypeError,
    KVCacheValueError,
    Recorder,
    RecurScope,
    SizingProfile,
    pool_sizes,
)
from spec.profile import Profile, Sizing
from spec.sizing import Config, capacities
from stateful_models.reference.manager import KvrefManager
from stateful_models.scopes.manager import ManagerScope
from stateful_models.traces.judge import check_trace
from tests.support.exploring import explore_manager


def config(**changes: object) -> SimpleNamespace:
    given = {"game_segment_length": 2, "num_simulations": 2, "max_cache_size": 300}
    return SimpleNamespace(**{**given, **changes})


def manager(**changes: object) -> KVCacheManager[str]:
    return KVCacheManager(config(**changes), 3)


def everything(m: KVCacheManager[str]) -> object:
    seen = m.lookup_stats
    return (
        [(p.residents(), p.stats and p.stats.as_dict()) for p in m.pools],
        seen and seen.as_dict(),
        list(m.keys_values_wm_list),
        list(m.keys_values_wm_size_list),
    )


def full_manager() -> KVCacheManager[str]:
    m = manager()
    for env in range(3):
        m.set_init_cache(env, env, f"init {env}")
    m.set_recur_cache(7, "recur")
    m.set_wm_cache(8, "wm")
    m.keys_values_wm_list.append("kv")
    m.keys_values_wm_size_list.append(3)
    return m


def test_lookup_asks_init_then_recur() -> None:
    m = manager()
    m.set_recur_cache(1, "shared")
    assert m.hierarchical_get(0, 1) == "shared"
    m.set_init_cache(0, 1, "own")
    assert m.hierarchical_get(0, 1) == "own"
    assert m.hierarchical_get(1, 1) == "shared"
    assert m.hierarchical_get(1, 99) is None
    assert m.lookup_stats is not None
    assert m.lookup_stats.as_dict() == {"init_hits": 1, "recur_hits": 2, "misses": 1}
    assert m.lookup_stats.total == 4


def test_environments_are_cleared_singly() -> None:
    m = full_manager()
    m.clear_init_caches(1)
    assert [len(pool) for pool in m.pools] == [1, 0, 1, 1, 1]
    m.clear_init_caches()
    assert [len(pool) for pool in m.pools] == [0, 0, 0, 1, 1]


def test_clearing_wm_empties_the_working_lists_in_place() -> None:
    m = full_manager()
    lists = m.keys_values_wm_list, m.keys_values_wm_size_list
    m.clear_recur_cache()
    assert lists == (["kv"], [3])
    m.clear_wm_cache()
    assert lists == ([], []) == (m.keys_values_wm_list, m.keys_values_wm_size_list)
    assert len(m.wm_pool) == 0
    m = full_manager()
    m.clear_all()
    assert [len(pool) for pool in m.pools] == [0] * 5
    assert m.keys_values_wm_list == []


def test_clear_all_is_all_or_nothing() -> None:
    m = full_manager()

    def veto(departure: Departure[str]) -> None:
        if departure.pool == "recur":
            raise RuntimeError("not this one")

    for pool in m.pools:
        pool.on_evict = veto
    before = everything(m)
    with pytest.raises(RuntimeError, match="not this one"):
        m.clear_all()
    assert everything(m) == before


def test_clearing_every_environment_is_all_or_nothing() -> None:
    m = full_manager()

    def veto(departure: Departure[str]) -> None:
        if departure.pool == "init:2":
            raise RuntimeError("not this one")

    for pool in m.pools:
        pool.on_evict = veto
    before = everything(m)
    with pytest.raises(RuntimeError, match="not this one"):
        m.clear_init_caches()
    assert everything(m) == before
    m.wm_pool.on_evict = lambda departure: veto(departure._replace(pool="init:2"))
    with pytest.raises(RuntimeError):
        m.clear_wm_cache()
    assert everything(m) == before, "the working lists too"


def test_a_copied_manager_lives_its_own_life(tmp_path: Path) -> None:
    m = full_manager()
    with Recorder(m, tmp_path / "run.jsonl", hash):
        other = copy.deepcopy(m)
        before = everything(m)
        other.clear_all()
        other.set_init_cache(0, 5, "v")
        assert other.hierarchical_get(0, 5) == "v"
        assert everything(m) == before
    assert check_trace(tmp_path / "run.jsonl").counts["Get"] == 0


def test_summary_has_the_documented_shape() -> None:
    m = full_manager()
    m.hierarchical_get(0, 0)
    summary = m.get_stats_summary()
    assert list(summary) == ["stats_enabled", "init_pools", "recur_pool", "wm_pool"]
    assert summary["stats_enabled"] is True
    assert list(summary["init_pools"]) == ["env_0", "env_1", "env_2"]
    assert "hits=1" in summary["init_pools"]["env_0"]
    assert "hits=0" in summary["recur_pool"]


def test_summary_tells_each_pool_of_itself() -> None:
    m = full_manager()
    m.get_wm_cache(8)
    m.get_recur_cache(99)
    summary = m.get_stats_summary()
    assert "hits=1 misses=0" in summary["wm_pool"]
    assert "hits=0 misses=1" in summary["recur_pool"]


def test_priorities_reach_every_tier() -> None:
    m: KVCacheManager[str] = KVCacheManager(
        config(num_simulations=1), 2, eviction_strategy=EvictionStrategy.PRIORITY
    )
    for key, priority in ((1, 5), (2, 1)):
        m.set_init_cache(0, key, "v", priority=priority)
        m.set_recur_cache(key, "v", priority=priority)
        m.set_wm_cache(key, "v", priority=priority)
    for pool in (m.init_pools[0], m.recur_pool, m.wm_pool):
        assert tuple(pool) == (2, 1)


def test_summary_without_statistics() -> None:
    m: KVCacheManager[str] = KVCacheManager(config(), 1, enable_stats=False)
    m.set_init_cache(0, 1, "v")
    m.hierarchical_get(0, 1)
    m.reset_stats()
    assert m.lookup_stats is None
    assert m.get_stats_summary() == {
        "stats_enabled": False,
        "init_pools": {"env_0": "statistics are off"},
        "recur_pool": "statistics are off",
        "wm_pool": "statistics are off",
    }


def test_reset_stats_keeps_entries() -> None:
    m = full_manager()
    m.hierarchical_get(0, 0)
    m.reset_stats()
    assert [len(pool) for pool in m.pools] == [1] * 5
    assert all(pool.stats is not None and pool.stats.total_queries == 0 for pool in m.pools)
    assert m.lookup_stats is not None
    assert m.lookup_stats.total == 0


@pytest.mark.parametrize("sizing", list(SizingProfile))
def test_sizes_agree_with_the_specification(sizing: SizingProfile) -> None:
    """M7 over a grid that crosses every boundary: 256, 2 * simulations, max_cache_size."""
    grid = (1, 2, 20, 127, 128, 129, 255, 256, 257, 600)
    for length in grid:
        for simulations in grid:
            for limit in grid:
                given = Config(length, simulations, limit)
                for envs in (1, 3, 8):
                    ours = pool_sizes(given, envs, sizing)
                    due = capacities(Sizing[sizing.name], given, envs)
                    assert due is not None
                    assert tuple(ours) == tuple(due)


def test_sizing_reads_only_what_it_needs() -> None:
    seed = SimpleNamespace(game_segment_length=20, num_simulations=50)
    assert pool_sizes(seed, 8, SizingProfile.SEED) == (20, 400, 8)
    safe = SimpleNamespace(num_simulations=200, max_cache_size=1000)
    assert pool_sizes(safe, 8, SizingProfile.SEARCH_SAFE) == (400, 1600, 8)
    with pytest.raises(KVCacheValueError, match="max_cache_size"):
        pool_sizes(seed, 8, SizingProfile.SEARCH_SAFE)
    assert capacities(Sizing.SEARCH_SAFE, Config(20, 50), 8) is None


def test_only_rare_events_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "kvref")
    m = manager()
    assert "init 3 x 2, recur 1 x 6, wm 3" in caplog.text
    caplog.clear()
    for key in range(20):
        m.set_init_cache(0, key, "v")
        m.set_recur_cache(key, "v")
        m.hierarchical_get(0, key)
    m.clear_recur_cache()
    assert caplog.text == ""


BAD_ENVS = [-1, 3, 10**9, True, 0.0, "0", None, math.nan]


@pytest.mark.parametrize("bad", BAD_ENVS, ids=repr)
def test_a_bad_environment_is_refused_everywhere(bad: object) -> None:
    m = full_manager()
    before, env = everything(m), cast(int, bad)
    operations: list[Callable[[], object]] = [
        lambda: m.get_init_cache(env, 0),
        lambda: m.set_init_cache(env, 0, "v"),
        lambda: m.hierarchical_get(env, 0),
    ]
    if bad is not None:  # clear_init_caches(None) clears every environment
        operations.append(lambda: m.clear_init_caches(env))
    for operation in operations:
        with pytest.raises(KVCacheError, match="env_id") as caught:
            operation()
        assert str(bad) in str(caught.value)
        kind = KVCacheIndexError if type(bad) is int else KVCacheTypeError
        assert isinstance(caught.value, kind)
        assert isinstance(caught.value, IndexError if type(bad) is int else TypeError)
    assert everything(m) == before


def test_a_bad_key_counts_no_lookup() -> None:
    m = full_manager()
    before = everything(m)
    with pytest.raises(KVCacheTypeError):
        m.hierarchical_get(0, cast(int, "key"))
    assert everything(m) == before


@pytest.mark.parametrize("envs", [0, -2, True, 1.5, "2", None])
def test_bad_env_num(envs: object) -> None:
    with pytest.raises(KVCacheError, match="env_num") as caught:
        KVCacheManager(config(), cast(int, envs))
    assert str(envs) in str(caught.value)


@pytest.mark.parametrize("value", [0, -5, 2.0, "many", None, True])
def test_bad_configuration_is_named(value: object) -> None:
    with pytest.raises(KVCacheError, match=r"config\.num_simulations") as caught:
        manager(num_simulations=value)
    assert str(value) in str(caught.value)


def test_missing_configuration_is_named() -> None:
    with pytest.raises(KVCacheValueError, match="game_segment_length"):
        KVCacheManager(SimpleNamespace(num_simulations=2), 1)


def test_unknown_sizing() -> None:
    with pytest.raises(KVCacheValueError, match="'generous'"):
        KVCacheManager(config(), 1, sizing=cast(SizingProfile, "generous"))


@pytest.mark.parametrize("scope", RecurScope)
@pytest.mark.parametrize("bad", [-1, 3, 2**70, True, False, 0.0, 1.0, "", "0", (), object()])
def test_bad_environment_of_recur(bad: object, scope: RecurScope) -> None:
    """Who names an environment names one that there is, though all may share one pool."""
    m: KVCacheManager[str] = KVCacheManager(config(), 3, recur_scope=scope)
    m.set_recur_cache(7, "recur", env_id=2)
    before, env = everything(m), cast(int, bad)
    operations: list[Callable[[], object]] = [
        lambda: m.get_recur_cache(7, env_id=env),
        lambda: m.set_recur_cache(7, "v", env_id=env),
        lambda: m.clear_recur_cache(env),
    ]
    for operation in operations:
        with pytest.raises(KVCacheError, match="env_id") as caught:
            operation()
        assert isinstance(caught.value, IndexError if type(bad) is int else TypeError)
    assert everything(m) == before


def test_a_shared_recur_pool_is_every_environment_s() -> None:
    m = manager()
    for env in (0, 1, 2, None):
        m.clear_recur_cache(env)
        assert m.set_recur_cache(7, f"of {env}", env_id=env) == 0
        for other in (0, 1, 2, None):
            assert m.get_recur_cache(7, env_id=other) == f"of {env}"
        assert m.hierarchical_get(1, 7) == f"of {env}"


def test_the_one_environment_of_its_own_recur_pool_is_named() -> None:
    m: KVCacheManager[str] = KVCacheManager(config(), 1, recur_scope=RecurScope.PER_ENV)
    for attempt in (lambda: m.recur_pool, lambda: m.get_recur_cache(7)):
        with pytest.raises(KVCacheValueError, match="env_id, not None"):
            attempt()
    m.set_recur_cache(7, "mine", env_id=0)
    assert [pool.name for pool in m.recur_pools] == ["recur:0"]
    m.clear_recur_cache()
    assert len(m.recur_pools[0]) == 0


def test_recur_pools_of_their_own() -> None:
    """PER_ENV: sizes, names and statistics by environment; whoever names none is refused."""
    m: KVCacheManager[str] = KVCacheManager(
        config(num_simulations=3), 2, recur_scope=RecurScope.PER_ENV
    )
    assert [(pool.name, pool.pool_size) for pool in m.recur_pools] == [
        ("recur:0", 3),
        ("recur:1", 3),
    ]
    m.set_recur_cache(7, "mine", env_id=0)
    assert m.hierarchical_get(0, 7) == m.get_recur_cache(7, env_id=0) == "mine"
    assert m.hierarchical_get(1, 7) is None
    attempts: list[Callable[[], object]] = [
        lambda: m.recur_pool,
        lambda: m.get_recur_cache(7),
        lambda: m.set_recur_cache(7, "whose"),
    ]
    for attempt in attempts:
        with pytest.raises(KVCacheValueError, match="env_id, not None"):
            attempt()
    with pytest.raises(KVCacheIndexError):
        m.get_recur_cache(7, env_id=2)
    assert m.get_stats_summary()["recur_pool"].count("hits=") == 2
    m.clear_recur_cache(1)
    assert len(m.recur_pools[0]) == 1
    m.clear_recur_cache()
    assert len(m.recur_pools[0]) == 0
    with pytest.raises(KVCacheValueError, match="RecurScope"):
        KVCacheManager(config(), 1, recur_scope="per-env")  # type: ignore[arg-type]  # wrong on purpose


def test_recur_pools_of_their_own_refine_the_specification() -> None:
    profile = Profile(recur_scope=spec.profile.RecurScope.PER_ENV)
    scope = ManagerScope(profile, Config(1, 1), envs=2, keys=2)
    assert explore_manager(scope, KvrefManager).divergence is None


def test_a_lookup_that_fails_in_the_second_tier_counts_in_none() -> None:
    """P8, M6: a recur entry that was written into, behind a miss in init."""

    class Window:
        writes = 0

        def mark(self) -> object:
            return self.writes

        def written_since(self, mark: object) -> str | None:
            return None if mark == self.writes else "layer 0 K"

    m: KVCacheManager[Window] = KVCacheManager(config(), 1, verify=True)
    window = Window()
    m.set_recur_cache(5, window)
    window.writes += 1
    before = [pool.stats and pool.stats.as_dict() for pool in m.pools], m.lookup_stats
    with pytest.raises(IntegrityError, match="key 5"):
        m.hierarchical_get(0, 5)
    assert ([pool.stats and pool.stats.as_dict() for pool in m.pools], m.lookup_stats) == before


def test_a_manager_says_what_it_is_and_what_it_is_not_told() -> None:
    m = full_manager()
    for name in ("env_num", "enable_stats", "recur_scope", "init_pools", "wm_pool"):
        with pytest.raises(KVCacheError, match=name):
            setattr(m, name, None)
    working = ["x"]
    m.keys_values_wm_list = working
    m.clear_wm_cache()
    assert working == [], "an assigned list is the manager's list"
    with pytest.raises(KVCacheTypeError, match="must be a list"):
        m.keys_values_wm_size_list = None  # type: ignore[assignment]  # wrong on purpose


def pickled(m: Any) -> Any:
    return pickle.loads(pickle.dumps(m))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_copies_of_a_manager_share_no_pool(copied: Callable[[Any], Any]) -> None:
    m = full_manager()
    m.keys_values_wm_list.append("kv")
    other, before = copied(m), everything(m)
    assert everything(other) == before
    other.set_init_cache(0, 77, "new")
    other.hierarchical_get(0, 99)
    other.clear_all()
    assert everything(m) == before
    seen: list[object] = []
    other.observe(seen.append)
    other.set_wm_cache(1, "x")
    m.set_wm_cache(1, "x")
    assert len(seen) == 1, "a copy's pools have one audience of their own"
