"""The pools of one world model: an init pool per environment, one recur pool (or one each), a wm
pool."""

import logging
from itertools import chain
from typing import Generic, SupportsFloat, SupportsIndex, TypedDict, TypeVar

from kvref.errors import KVCacheValueError
from kvref.keying import as_env, as_key, as_size
from kvref.ownership import Ownership
from kvref.policy import EvictionStrategy
from kvref.pool import KVCachePool, OnEvict, clear_together
from kvref.sizing import RecurScope, SizingProfile, pool_sizes
from kvref.stats import CacheStats, LookupStats

V = TypeVar("V")

logger = logging.getLogger(__name__)


class StatsSummary(TypedDict):
    """Statistics as text; without statistics each line says so."""

    stats_enabled: bool
    init_pools: dict[str, str]
    recur_pool: str
    wm_pool: str


class KVCacheManager(Generic[V]):
    """Caches for root inference (init), recurrent inference (recur) and the batch at hand (wm).

    A failed operation changes nothing. Pools are named init:0, init:1, ..., recur, wm; with a
    recur pool for each environment recur:0, recur:1, ...

    Args:
        config: any object with the attributes that `sizing` reads: `num_simulations`, and
            `game_segment_length` (SEED) or `max_cache_size` (SEARCH_SAFE).
        env_num: how many environments, at least 1.
        enable_stats: whether to count.
        eviction_strategy, ownership, on_evict, verify: as in `KVCachePool`, for every pool.
        sizing: how capacities follow from `config`.
        recur_scope: SHARED, or PER_ENV: with a recur pool for each environment no environment can
            observe another (M5), and operations on recur must name theirs.
    """

    def __init__(
        self,
        config: object,
        env_num: int,
        enable_stats: bool = True,
        *,
        eviction_strategy: EvictionStrategy = EvictionStrategy.FIFO,
        ownership: Ownership = Ownership.REFERENCE,
        sizing: SizingProfile = SizingProfile.SEED,
        recur_scope: RecurScope = RecurScope.SHARED,
        on_evict: OnEvict[V] | None = None,
        verify: bool = False,
    ) -> None:
        sizes = pool_sizes(config, env_num, sizing, recur_scope)
        apart = recur_scope is RecurScope.PER_ENV

        def pool(size: int, name: str) -> KVCachePool[V]:
            return KVCachePool(
                size,
                eviction_strategy,
                enable_stats,
                name,
                ownership=ownership,
                on_evict=on_evict,
                verify=verify,
            )

        self.env_num = as_size(env_num, "env_num")
        self.enable_stats = enable_stats
        self.init_pools = [pool(sizes.init, f"init:{env}") for env in range(self.env_num)]
        names = [f"recur:{env}" for env in range(self.env_num)] if apart else ["recur"]
        self.recur_scope = recur_scope
        self.recur_pools = [pool(sizes.recur, name) for name in names]
        self.wm_pool = pool(sizes.wm, "wm")
        self.lookup_stats = LookupStats() if enable_stats else None
        self.keys_values_wm_list: list[V] = []
        self.keys_values_wm_size_list: list[int] = []
        logger.info(
            "%d init pools of %d entries, %d recur of %d, wm %d; %s, %s",
            self.env_num,
            sizes.init,
            len(self.recur_pools),
            sizes.recur,
            sizes.wm,
            eviction_strategy.name,
            ownership.name,
        )

    def __getstate__(self) -> dict[str, object]:
        """What a copy or a pickle takes along: not the methods that a `Recorder` shadows."""
        return {name: value for name, value in vars(self).items() if name != "hierarchical_get"}

    @property
    def pools(self) -> tuple[KVCachePool[V], ...]:
        """Every pool: init by environment, recur, wm."""
        return (*self.init_pools, *self.recur_pools, self.wm_pool)

    @property
    def recur_pool(self) -> KVCachePool[V]:
        """The one that all environments share; refused where each has its own (`recur_pools`)."""
        return self._recur_pool(None)

    def _recur_pool(self, env_id: SupportsIndex | None) -> KVCachePool[V]:
        if env_id is not None:
            env = as_env(env_id, self.env_num)
            return self.recur_pools[env if self.recur_scope is RecurScope.PER_ENV else 0]
        if self.recur_scope is RecurScope.PER_ENV:
            raise KVCacheValueError("each environment has its own recur pool: env_id, not None")
        return self.recur_pools[0]

    def _init_pool(self, env_id: SupportsIndex) -> KVCachePool[V]:
        return self.init_pools[as_env(env_id, self.env_num)]

    def get_init_cache(self, env_id: SupportsIndex, cache_key: SupportsIndex) -> V | None:
        return self._init_pool(env_id).get(cache_key)

    def set_init_cache(
        self,
        env_id: SupportsIndex,
        cache_key: SupportsIndex,
        kv_cache: V,
        *,
        priority: SupportsFloat | None = None,
    ) -> int:
        """Store in the environment's own pool; returns the slot."""
        return self._init_pool(env_id).set(cache_key, kv_cache, priority=priority)

    def get_recur_cache(
        self, cache_key: SupportsIndex, *, env_id: SupportsIndex | None = None
    ) -> V | None:
        return self._recur_pool(env_id).get(cache_key)

    def set_recur_cache(
        self,
        cache_key: SupportsIndex,
        kv_cache: V,
        *,
        priority: SupportsFloat | None = None,
        env_id: SupportsIndex | None = None,
    ) -> int:
        """Store in the pool that all environments share, or in `env_id`'s own; returns the slot."""
        return self._recur_pool(env_id).set(cache_key, kv_cache, priority=priority)

    def get_wm_cache(self, cache_key: SupportsIndex) -> V | None:
        return self.wm_pool.get(cache_key)

    def set_wm_cache(
        self, cache_key: SupportsIndex, kv_cache: V, *, priority: SupportsFloat | None = None
    ) -> int:
        """Store in the pool of the batch at hand; returns the slot."""
        return self.wm_pool.set(cache_key, kv_cache, priority=priority)

    def hierarchical_get(self, env_id: SupportsIndex, cache_key: SupportsIndex) -> V | None:
        """M3: the environment's init entry, else the recur entry, else None.

        A hit in init leaves the recur pool untouched, counters included. M6: counted once in
        `lookup_stats`, beside the pools' own counters.
        """
        pool, recur = self._init_pool(env_id), self._recur_pool(env_id)
        key, seen = as_key(cache_key), self.lookup_stats
        value = pool.get(key)
        if value is not None:
            if seen is not None:
                seen.init_hits += 1
            return value
        value = recur.get(key)
        if seen is not None:
            if value is None:
                seen.misses += 1
            else:
                seen.recur_hits += 1
        return value

    def clear_all(self) -> None:
        """Clear every pool, and the working lists."""
        clear_together(self.pools)
        self._clear_working_lists()
        logger.debug("cleared every pool")

    def clear_init_caches(self, env_id: SupportsIndex | None = None) -> None:
        """Clear every environment's init pool, or one environment's."""
        clear_together(self.init_pools if env_id is None else (self._init_pool(env_id),))

    def clear_recur_cache(self, env_id: SupportsIndex | None = None) -> None:
        """Clear the recur pool; of several, every environment's, or one environment's."""
        clear_together(self.recur_pools if env_id is None else (self._recur_pool(env_id),))

    def clear_wm_cache(self) -> None:
        """Clear the wm pool and the working lists."""
        self.wm_pool.clear()
        self._clear_working_lists()

    def _clear_working_lists(self) -> None:
        self.keys_values_wm_list.clear()
        self.keys_values_wm_size_list.clear()

    def get_stats_summary(self) -> StatsSummary:
        """Statistics as text, pool by pool. For the numbers see `stats` of each pool."""
        return {
            "stats_enabled": self.enable_stats,
            "init_pools": {f"env_{e}": _line(p.stats) for e, p in enumerate(self.init_pools)},
            "recur_pool": "; ".join(_line(pool.stats) for pool in self.recur_pools),
            "wm_pool": _line(self.wm_pool.stats),
        }

    def reset_stats(self) -> None:
        """Count from zero, in every pool and for lookups. No entry changes."""
        for stats in chain((p.stats for p in self.pools), (self.lookup_stats,)):
            if stats is not None:
                stats.reset()


def _line(stats: CacheStats | None) -> str:
    return "statistics are off" if stats is None else str(stats)
