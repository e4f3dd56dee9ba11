"""Names, logs, statistics as text, and what a manager hands on to each of its pools."""

import logging
from types import SimpleNamespace

import pytest

from kvref import (
    CacheStats,
    EvictionStrategy,
    KVCacheManager,
    KVCachePool,
    KVCacheValueError,
    LookupStats,
    Ownership,
    RecurScope,
)


class Marked:
    """A value that nobody writes into."""

    def mark(self) -> object:
        return None

    def written_since(self, mark: object) -> str | None:
        return None

    def seal(self) -> None:
        pass


def manager(
    *,
    eviction_strategy: EvictionStrategy = EvictionStrategy.FIFO,
    ownership: Ownership = Ownership.REFERENCE,
    recur_scope: RecurScope = RecurScope.SHARED,
    verify: bool = False,
) -> KVCacheManager[Marked]:
    return KVCacheManager(
        SimpleNamespace(game_segment_length=2, num_simulations=3),
        2,
        eviction_strategy=eviction_strategy,
        ownership=ownership,
        recur_scope=recur_scope,
        verify=verify,
    )


def test_a_pool_without_a_name_is_called_default() -> None:
    pool: KVCachePool[str] = KVCachePool(3, EvictionStrategy.LRU, False)
    assert pool.name == "default"
    assert repr(pool) == "KVCachePool(name='default', 0/3, LRU, REFERENCE, stats=None)"


def test_a_verified_hit_refreshes_recency() -> None:
    pool: KVCachePool[Marked] = KVCachePool(2, EvictionStrategy.LRU, verify=True)
    for key in (1, 2):
        pool.set(key, Marked())
    pool.get(1)
    assert tuple(pool) == (2, 1)


@pytest.mark.parametrize("strategy", list(EvictionStrategy))
@pytest.mark.parametrize("ownership", [Ownership.REFERENCE, Ownership.SEALED])
def test_every_pool_is_as_its_manager_was_told(
    strategy: EvictionStrategy, ownership: Ownership
) -> None:
    m = manager(eviction_strategy=strategy, ownership=ownership, verify=True)
    kinds = {(p.eviction_strategy, p.ownership, p.verify, p.on_evict) for p in m.pools}
    assert kinds == {(strategy, ownership, True, None)}


def test_the_log_says_what_was_made_and_what_was_cleared(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "kvref")
    m = manager(eviction_strategy=EvictionStrategy.LRU, ownership=Ownership.SEALED)
    m.clear_all()
    assert [record.getMessage() for record in caplog.records] == [
        "KVCacheManager(init 2 x 2, recur 1 x 6, wm 2; holding 0, 0, 0): LRU, SEALED",
        "cleared every pool",
    ]


def test_each_lookup_counts() -> None:
    m = manager()
    m.set_init_cache(0, 1, Marked())
    m.set_recur_cache(2, Marked())
    for key in (1, 1, 1, 2, 2, 3, 3, 3, 3):
        m.hierarchical_get(0, key)
    assert m.lookup_stats is not None
    assert m.lookup_stats.as_dict() == {"init_hits": 3, "recur_hits": 2, "misses": 4}


def test_the_summary_tells_of_every_recur_pool() -> None:
    none = "queries=0 hits=0 misses=0 hit_rate=0.00% evictions=0"
    assert manager(recur_scope=RecurScope.PER_ENV).get_stats_summary() == {
        "stats_enabled": True,
        "init_pools": {"env_0": none, "env_1": none},
        "recur_pool": f"{none}; {none}",
        "wm_pool": none,
    }


def test_whose_recur_pool_must_be_said() -> None:
    with pytest.raises(KVCacheValueError, match=r"^each environment .*: env_id, not None$"):
        manager(recur_scope=RecurScope.PER_ENV).get_recur_cache(1)


@pytest.mark.parametrize(
    ("hits", "misses", "rates"), [(0, 0, (0.0, 1.0)), (5, 3, (0.625, 0.375)), (0, 4, (0.0, 1.0))]
)
def test_every_query_is_a_hit_or_a_miss(hits: int, misses: int, rates: tuple[float, float]) -> None:
    stats = CacheStats(hits=hits, misses=misses, evictions=7)
    assert stats.total_queries == hits + misses
    assert (stats.hit_rate, stats.miss_rate) == rates
    assert str(stats).startswith(f"queries={hits + misses} hits={hits} misses={misses} ")


def test_every_lookup_is_one_of_three() -> None:
    assert LookupStats(init_hits=5, recur_hits=3, misses=6).total == 14
    assert LookupStats().total == 0
