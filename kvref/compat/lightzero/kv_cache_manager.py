"""Pools and their manager under UniZero's names and signatures, with the defaults that it needs.

COPY, since it stores one object again and again; SEARCH_SAFE sizes, 50 simulations and 5000
entries where its config says nothing.
"""

import logging
from collections.abc import Mapping
from inspect import getattr_static
from types import MappingProxyType, SimpleNamespace
from typing import ClassVar, Final, SupportsIndex, TypeVar, cast

import kvref.manager
import kvref.pool
from kvref.arguments import as_count, offers
from kvref.departures import OnEvict
from kvref.errors import KVCacheAttributeError, show
from kvref.fixed import Fixed
from kvref.orders import Evicting, order_by, require_evicting
from kvref.ownership import Ownership
from kvref.policy import EvictionStrategy
from kvref.sizing import RecurScope, SizingProfile
from kvref.stats import CacheStats

__all__ = ["CacheStats", "EvictionStrategy", "KVCacheManager", "KVCachePool"]

V = TypeVar("V")

logger = logging.getLogger(__name__)

DEFAULTS: Final[Mapping[str, int]] = {"num_simulations": 50, "max_cache_size": 5000}
"""What a config counts as saying if it does not."""


class Strategy(Fixed[Evicting]):
    """Who leaves a full pool: it may be assigned while the pool is empty."""

    def __set__(self, instance: object, value: object) -> None:
        pool = cast("KVCachePool[object]", instance)
        require_evicting(value)
        if value is not pool._eviction_strategy:
            pool._evict_by(cast(Evicting, value))


class KVCachePool(kvref.pool.KVCachePool[V]):
    """A pool that stores copies unless told otherwise.

    Args: as `kvref.KVCachePool`.
    """

    eviction_strategy = Strategy()

    def __init__(
        self,
        pool_size: int,
        eviction_strategy: Evicting = EvictionStrategy.FIFO,
        enable_stats: bool = True,
        name: str = "default",
        *,
        ownership: Ownership = Ownership.COPY,
        on_evict: OnEvict[V] | None = None,
        verify: bool = False,
    ) -> None:
        super().__init__(
            pool_size,
            eviction_strategy,
            enable_stats,
            name,
            ownership=ownership,
            on_evict=on_evict,
            verify=verify,
        )

    def _evict_by(self, strategy: Evicting) -> None:
        self._refuse_if_busy()
        if self._values:
            raise KVCacheAttributeError(
                f"eviction_strategy of pool {self._name!r} can be assigned while it is empty, and "
                f"it holds {len(self)} entries: clear() it, or make it with {show(strategy)}"
            )
        order = order_by(strategy, self._pool_size)
        self._eviction_strategy = strategy
        self._adopt({}, order)

    @property
    def _key_to_index(self) -> Mapping[int, int]:
        """The slot of each resident key, as it is now; to be read only."""
        return MappingProxyType(self._slots)


class InitPools(Fixed[tuple[kvref.pool.KVCachePool[V], ...]]):
    """A list, which can be joined with others; a new one each time, so that no pool is lost."""

    def __get__(  # type: ignore[override]  # a list where kvref's own has a tuple
        self, instance: "KVCacheManager[V]", owner: type
    ) -> list[kvref.pool.KVCachePool[V]]:
        return list(instance._init_pools)


class KVCacheManager(kvref.manager.KVCacheManager[V]):
    """A manager that stores copies in SEARCH_SAFE sizes unless told otherwise.

    Args: as `kvref.KVCacheManager`, and
        clear_recur_log_freq, clear_all_log_freq: every so many clears one is logged; 0: none.
    """

    init_pools = InitPools[V]()  # type: ignore[assignment]  # likewise
    _pools_are: ClassVar[type[kvref.pool.KVCachePool[object]]] = KVCachePool

    def __init__(
        self,
        config: object,
        env_num: int,
        enable_stats: bool = True,
        clear_recur_log_freq: int = 1000,
        clear_all_log_freq: int = 100,
        *,
        eviction_strategy: Evicting = EvictionStrategy.FIFO,
        ownership: Ownership = Ownership.COPY,
        sizing: SizingProfile = SizingProfile.SEARCH_SAFE,
        recur_scope: RecurScope = RecurScope.SHARED,
        on_evict: OnEvict[V] | None = None,
        verify: bool = False,
    ) -> None:
        self.clear_recur_log_freq = as_count(clear_recur_log_freq, "clear_recur_log_freq")
        self.clear_all_log_freq = as_count(clear_all_log_freq, "clear_all_log_freq")
        self._recur_clears = self._all_clears = 0
        super().__init__(
            with_defaults(config),
            env_num,
            enable_stats,
            eviction_strategy=eviction_strategy,
            ownership=ownership,
            sizing=sizing,
            recur_scope=recur_scope,
            on_evict=on_evict,
            verify=verify,
        )

    def clear_recur_cache(self, env_id: SupportsIndex | None = None) -> None:
        super().clear_recur_cache(env_id)
        self._recur_clears += 1
        log_one_of(self.clear_recur_log_freq, self._recur_clears, "recur caches")

    def clear_all(self) -> None:
        super().clear_all()
        self._all_clears += 1
        log_one_of(self.clear_all_log_freq, self._all_clears, "every cache")


def log_one_of(frequency: int, clears: int, what: str) -> None:
    if frequency and clears % frequency == 0:
        logger.info("cleared %s, for the %d-th time", what, clears)


def with_defaults(config: object) -> SimpleNamespace:
    """What sizes follow from, as the config has it or by default."""
    names = [*DEFAULTS, "game_segment_length"]
    said = {name: getattr(config, name) for name in names if says(config, name)}
    return SimpleNamespace(**{**DEFAULTS, **said})


def says(config: object, name: str) -> bool:
    """Whether a config says something; not if it only answers to every name, and with no number."""
    if not offers(config, name):
        return False
    return offers(getattr(config, name), "__index__") or (
        getattr_static(config, name, says) is not says
    )
