"""The pools of one world model: an init pool per environment, one recur pool (or one each), a wm
pool."""

import logging
from copy import copy
from itertools import chain
from typing import ClassVar, Generic, SupportsIndex, TypedDict, TypeVar, cast

from kvref.arguments import as_env, as_envs, as_flag, as_key
from kvref.departures import OnEvict
from kvref.errors import KVCacheTypeError, KVCacheValueError, show
from kvref.fixed import Fixed, StandsIn
from kvref.observing import Audience, LookedUp, Observer
from kvref.orders import Evicting, called
from kvref.ownership import Ownership
from kvref.policy import EvictionStrategy
from kvref.pool import KVCachePool
from kvref.ranks import Priority
from kvref.sizing import RecurScope, SizingProfile, pool_sizes
from kvref.stats import CacheStats, LookupStats
from kvref.together import clear_together

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
    recur pool for each environment recur:0, recur:1, ... A copy has pools of its own, copied as
    `KVCachePool` says, and lists of its own; observers stay behind.

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

    env_num = Fixed[int]()
    enable_stats = Fixed[bool]()
    recur_scope = Fixed[RecurScope]()
    init_pools = Fixed[tuple[KVCachePool[V], ...]]()
    recur_pools = Fixed[tuple[KVCachePool[V], ...]]()
    wm_pool = Fixed[KVCachePool[V]]()
    lookup_stats = Fixed[LookupStats | None]()
    _pools_are: ClassVar[type[KVCachePool[object]]] = KVCachePool

    def __init__(
        self,
        config: object,
        env_num: int,
        enable_stats: bool = True,
        *,
        eviction_strategy: Evicting = EvictionStrategy.FIFO,
        ownership: Ownership = Ownership.REFERENCE,
        sizing: SizingProfile = SizingProfile.SEED,
        recur_scope: RecurScope = RecurScope.SHARED,
        on_evict: OnEvict[V] | None = None,
        verify: bool = False,
    ) -> None:
        sizes = pool_sizes(config, env_num, sizing, recur_scope)
        apart = recur_scope is RecurScope.PER_ENV
        self._enable_stats = as_flag(enable_stats, "enable_stats")

        def pool(size: int, name: str) -> KVCachePool[V]:
            return cast(type[KVCachePool[V]], self._pools_are)(
                size,
                eviction_strategy,
                self._enable_stats,
                name,
                ownership=ownership,
                on_evict=on_evict,
                verify=verify,
            )

        self._env_num = as_envs(env_num)
        self._init_pools = tuple([pool(sizes.init, f"init:{env}") for env in range(self._env_num)])
        names = [f"recur:{env}" for env in range(self._env_num)] if apart else ["recur"]
        self._recur_scope = recur_scope
        self._recur_pools = tuple([pool(sizes.recur, name) for name in names])
        self._wm_pool = pool(sizes.wm, "wm")
        self._lookup_stats = LookupStats() if self._enable_stats else None
        self._wm_lists: dict[str, list[object]] = {"values": [], "sizes": []}
        self._share_audience()
        logger.info("%r: %s, %s", self, called(eviction_strategy), ownership.name)

    def _share_audience(self) -> None:
        """One for all pools, so that events come in the order of the manager's operations."""
        self._audience = Audience()
        for pool in self.pools:
            pool._observed_by(self._audience)

    def __getstate__(self) -> dict[str, object]:
        """What a copy or a pickle takes along: pools and counters of its own, no observers."""
        pools = [copy(pool) for pool in self.pools]
        envs, recurs = self._env_num, len(self._recur_pools)
        left = {name for name, value in vars(self).items() if isinstance(value, StandsIn)}
        return {
            **{n: value for n, value in vars(self).items() if n not in ("_audience", *left)},
            "_init_pools": tuple(pools[:envs]),
            "_recur_pools": tuple(pools[envs : envs + recurs]),
            "_wm_pool": pools[-1],
            "_lookup_stats": copy(self._lookup_stats),
            "_wm_lists": {name: list(values) for name, values in self._wm_lists.items()},
        }

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._share_audience()

    @property
    def busy(self) -> bool:
        """An operation is under way, or observers are being told of one."""
        return self._audience.busy

    def observe(self, observer: Observer[V]) -> None:
        """Tell `observer` of every operation on every pool, also of those called directly, and of
        each hierarchical lookup; see `kvref.observing`."""
        self._audience.add(cast(Observer[object], observer), None)

    def unobserve(self, observer: Observer[V]) -> None:
        """Tell it no more; nothing happens if it was not told."""
        self._audience.remove(cast(Observer[object], observer), None)

    @property
    def keys_values_wm_list(self) -> list[V]:
        """The working list of the batch at hand; may be assigned, and is emptied with wm."""
        return cast(list[V], self._wm_lists["values"])

    @keys_values_wm_list.setter
    def keys_values_wm_list(self, values: list[V]) -> None:
        self._wm_lists["values"] = _as_list(values, "keys_values_wm_list")

    @property
    def keys_values_wm_size_list(self) -> list[int]:
        """Their sizes; may be assigned, and is emptied with wm."""
        return cast(list[int], self._wm_lists["sizes"])

    @keys_values_wm_size_list.setter
    def keys_values_wm_size_list(self, sizes: list[int]) -> None:
        self._wm_lists["sizes"] = _as_list(sizes, "keys_values_wm_size_list")

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
            return self._recur_of(as_env(env_id, self._env_num))
        if self._recur_scope is RecurScope.PER_ENV:
            raise KVCacheValueError("each environment has its own recur pool: env_id, not None")
        return self._recur_pools[0]

    def _recur_of(self, env: int) -> KVCachePool[V]:
        """Where an environment that there is stores recurrent entries."""
        return self._recur_pools[env if self._recur_scope is RecurScope.PER_ENV else 0]

    def _init_pool(self, env_id: SupportsIndex) -> KVCachePool[V]:
        return self._init_pools[as_env(env_id, self._env_num)]

    def get_init_cache(self, env_id: SupportsIndex, cache_key: SupportsIndex) -> V | None:
        return self._init_pool(env_id).get(cache_key)

    def set_init_cache(
        self,
        env_id: SupportsIndex,
        cache_key: SupportsIndex,
        kv_cache: V,
        *,
        priority: Priority | None = None,
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
        priority: Priority | None = None,
        env_id: SupportsIndex | None = None,
    ) -> int:
        """Store in the pool that all environments share, or in `env_id`'s own; returns the slot."""
        return self._recur_pool(env_id).set(cache_key, kv_cache, priority=priority)

    def get_wm_cache(self, cache_key: SupportsIndex) -> V | None:
        return self._wm_pool.get(cache_key)

    def set_wm_cache(
        self, cache_key: SupportsIndex, kv_cache: V, *, priority: Priority | None = None
    ) -> int:
        """Store in the pool of the batch at hand; returns the slot."""
        return self._wm_pool.set(cache_key, kv_cache, priority=priority)

    def hierarchical_get(self, env_id: SupportsIndex, cache_key: SupportsIndex) -> V | None:
        """M3: the environment's init entry, else the recur entry, else None.

        A hit in init leaves the recur pool untouched, counters included. M6: counted once in
        `lookup_stats`, beside the pools' own counters.
        """
        env, key = as_env(env_id, self._env_num), as_key(cache_key)
        init, recur = self._sought(env, key)  # raises, if it does, before anything is counted
        self._met(env, key, init, recur)
        return recur if init is None else init

    def _sought(self, env: int, key: int) -> tuple[V | None, V | None]:
        """What init holds and, if nothing, what recur holds; nothing is counted or refreshed."""
        init = self._init_pools[env]._find(key)
        return init, self._recur_of(env)._find(key) if init is None else None

    def _met(self, env: int, key: int, init: V | None, recur: V | None) -> None:
        """What a lookup does with what it found: count, refresh, tell."""
        first, second = self._init_pools[env], self._recur_of(env)
        if first._quiet or (init is None and second._quiet):
            return  # asked by an `on_evict` of that pool, which may only look
        held = self._audience.hold()  # what an observer does comes after the whole of it
        try:
            first._met(key, init)
            if init is None:
                second._met(key, recur)
            self._looked_up(env, key, init, recur)
        finally:
            self._audience.release(held)

    def _looked_up(self, env: int, key: int, init: V | None, recur: V | None) -> None:
        """Count a lookup, and tell of it."""
        seen = self._lookup_stats
        if seen is not None and init is not None:
            seen.init_hits += 1
        elif seen is not None and recur is not None:
            seen.recur_hits += 1
        elif seen is not None:
            seen.misses += 1
        if self._audience.hears(None):
            asked = [self._init_pools[env].name]
            if init is None:
                asked.append(self._recur_pool(env).name)
            found = recur if init is None else init
            self._audience.tell(LookedUp[object](env, key, found, tuple(asked)), None)

    def clear_all(self) -> None:
        """Clear every pool, and the working lists."""
        gone = clear_together(self.pools)
        self._clear_working_lists()
        gone.clear()  # finalizers run when everything is empty
        logger.debug("cleared every pool")

    def clear_init_caches(self, env_id: SupportsIndex | None = None) -> None:
        """Clear every environment's init pool, or one environment's."""
        clear_together(self.init_pools if env_id is None else (self._init_pool(env_id),))

    def clear_recur_cache(self, env_id: SupportsIndex | None = None) -> None:
        """Clear the recur pool; of several, every environment's, or one environment's."""
        clear_together(self.recur_pools if env_id is None else (self._recur_pool(env_id),))

    def clear_wm_cache(self) -> None:
        """Clear the wm pool and the working lists."""
        gone = clear_together((self._wm_pool,))
        self._clear_working_lists()
        gone.clear()  # finalizers run when both are empty

    def _clear_working_lists(self) -> None:
        gone = [list(values) for values in self._wm_lists.values()]
        for values in self._wm_lists.values():
            values.clear()
        del gone  # finalizers run when both are empty

    def __repr__(self) -> str:
        init, recur, wm = self._init_pools, self._recur_pools, self._wm_pool
        held = [sum(map(len, pools)) for pools in (init, recur, (wm,))]
        return (
            f"KVCacheManager(init {len(init)} x {init[0].pool_size}, recur {len(recur)} x "
            f"{recur[0].pool_size}, wm {wm.pool_size}; holding {held[0]}, {held[1]}, {held[2]})"
        )

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


def _as_list(values: object, what: str) -> list[object]:
    if not isinstance(values, list):
        raise KVCacheTypeError(f"{what} must be a list, not {show(values)}")
    return values


def _line(stats: CacheStats | None) -> str:
    return "statistics are off" if stats is None else str(stats)
