"""One bounded store of cache entries."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from enum import Enum
from functools import partial
from typing import Final, Generic, NamedTuple, SupportsFloat, SupportsIndex, TypeVar, cast

from kvref.errors import KVCacheReentryError, KVCacheTypeError, KVCacheValueError, show
from kvref.integrity import check, marked, require_verifiable, verdicts
from kvref.keying import as_key, as_size
from kvref.ownership import PREPARE, Ownership
from kvref.policy import ORDERS, EvictionOrder, EvictionStrategy
from kvref.stats import CacheStats

V = TypeVar("V")


class Cause(Enum):
    """Why an entry left."""

    EVICTED = "evicted"
    UPDATED = "updated"
    CLEARED = "cleared"


class Departure(NamedTuple, Generic[V]):
    """An entry on its way out, as `on_evict` is told."""

    pool: str
    key: int
    slot: int
    value: V
    cause: Cause


class Resident(NamedTuple, Generic[V]):
    """An entry of a pool; `priority` is None where the policy has none."""

    key: int
    slot: int
    value: V
    priority: float | None


OnEvict = Callable[[Departure[V]], object]
"""Told of each entry before it leaves; if it raises, the entry stays and the operation fails."""


NOTHING: Final[Mapping[int, object]] = {}


class KVCachePool(Generic[V]):
    """At most `pool_size` entries under integer keys, each in a slot of its own.

    `on_evict` is called before an entry leaves; if it raises, the entry stays and the operation
    fails. It must not change the pool that calls it. Raises `KVCacheError` subclasses; a failed
    operation changes nothing.

    Args:
        pool_size: capacity in entries, at least 1.
        eviction_strategy: who leaves a full pool.
        enable_stats: whether to count; `stats` is None if not.
        name: for messages, `repr` and departures.
        ownership: what a set stores and a get delivers.
        on_evict: told what leaves, and why. If it raises, the operation is off; under SEALED the
            value that was to be stored stays sealed.
        verify: whether a hit on a value written into since it was set raises `IntegrityError`;
            values then need `mark()` and `written_since()`.
    """

    stats: CacheStats | None

    def __init__(
        self,
        pool_size: int,
        eviction_strategy: EvictionStrategy = EvictionStrategy.FIFO,
        enable_stats: bool = True,
        name: str = "default",
        *,
        ownership: Ownership = Ownership.REFERENCE,
        on_evict: OnEvict[V] | None = None,
        verify: bool = False,
    ) -> None:
        self.pool_size = as_size(pool_size, "pool_size")
        if not isinstance(eviction_strategy, EvictionStrategy):
            raise KVCacheValueError(f"{show(eviction_strategy)} is no EvictionStrategy")
        if not isinstance(ownership, Ownership):
            raise KVCacheValueError(f"{show(ownership)} is no Ownership")
        if on_evict is not None and not callable(on_evict):
            raise KVCacheTypeError(f"on_evict must be callable, not {show(on_evict)}")
        self.eviction_strategy = eviction_strategy
        self.ownership = ownership
        self.name = name
        self.on_evict = on_evict
        self.verify = verify
        self.stats = CacheStats() if enable_stats else None
        self._announcing = False
        self._adopt({}, ORDERS[eviction_strategy]())

    def _adopt(
        self, values: dict[int, V], order: EvictionOrder, known: Mapping[int, object] = NOTHING
    ) -> None:
        """Take over these entries, and bind what the hot paths call."""
        self._values = values
        self._order = order
        self._slots = order.slots
        self._place = order.place
        self._touch = self._on_hit = order.touch
        self._marks: dict[int, object] | None = None
        if self.verify:
            self._marks = {key: marked(value) for key, value in values.items()} | dict(known)
            self._on_hit = partial(check, self.name, values, self._marks, order.touch)
        self._prepare = cast(Callable[[V], V] | None, PREPARE[self.ownership])

    def __getstate__(self) -> dict[str, object]:
        """What a copy or a pickle takes along: its own containers, nothing bound to this pool."""
        names = "pool_size", "eviction_strategy", "ownership", "name", "on_evict", "verify"
        return {
            **{name: getattr(self, name) for name in names},
            "stats": copy(self.stats),
            "_values": dict(self._values),
            "_order": copy(self._order),
            "_known": {} if self._marks is None else verdicts(self._values, self._marks),
        }

    def __setstate__(self, state: dict[str, object]) -> None:
        values, order, known = (state.pop(name) for name in ("_values", "_order", "_known"))
        vars(self).update(state, _announcing=False)
        self._adopt(
            cast(dict[int, V], values), cast(EvictionOrder, order), cast(dict[int, object], known)
        )

    def get(self, cache_key: SupportsIndex) -> V | None:
        """The entry under `cache_key`, or None. A hit refreshes its recency (LRU)."""
        if type(cache_key) is not int:
            cache_key = as_key(cache_key)
        value, stats = self._values.get(cache_key), self.stats
        if value is None:
            if stats is not None:
                stats.misses += 1
            return None
        on_hit = self._on_hit
        if on_hit is not None:
            on_hit(cache_key)
        if stats is not None:
            stats.hits += 1
        return value

    def set(
        self, cache_key: SupportsIndex, kv_cache: V, *, priority: SupportsFloat | None = None
    ) -> int:
        """Store `kv_cache` under `cache_key`; returns its slot.

        A resident key keeps its slot. A new key takes the lowest free slot or, in a full pool,
        the victim's. `priority` (PRIORITY only; default 0): lowest goes first, ties by insertion.
        """
        key = cache_key if type(cache_key) is int else as_key(cache_key)
        if kv_cache is None:
            raise KVCacheValueError(f"None cannot be stored (key {key}): get() means a miss by it")
        rank = 0.0 if priority is None else self._order.rank(priority)
        if self._announcing:
            raise self._reentry()
        if self._marks is not None:
            require_verifiable(kv_cache)
        if self._prepare is not None:
            kv_cache = self._prepare(kv_cache)
        mark = None if self._marks is None else marked(kv_cache)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._insert(key, kv_cache, rank)
        else:
            self._update(key, kv_cache, rank)
        if self._marks is not None:
            self._marks[key] = mark
        return slot

    def _update(self, key: int, kv_cache: V, rank: float) -> None:
        if self.on_evict is not None and self._values[key] is not kv_cache:
            self._announce([self._departure(key, Cause.UPDATED)])
        self._values[key] = kv_cache
        if self._touch is not None:
            self._touch(key)
        if self._place is not None:
            self._place(key, rank)
        if self.stats is not None:
            self.stats.updates += 1

    def _insert(self, key: int, value: V, rank: float) -> int:
        """A new key. Slots are freed only all at once, so the lowest free one is the count."""
        slots, values, stats = self._slots, self._values, self.stats
        slot = len(slots)
        if slot == self.pool_size:
            if self.on_evict is not None:
                self._announce([self._departure(self._order.victim(), Cause.EVICTED)])
            out, slot = self._order.evict()
            del values[out]
            if self._marks is not None:
                del self._marks[out]
            if stats is not None:
                stats.evictions += 1
        slots[key] = slot
        values[key] = value
        if self._place is not None:
            self._place(key, rank)
        if stats is not None:
            stats.insertions += 1
        return slot

    def peek(self, cache_key: SupportsIndex) -> V | None:
        """The entry under `cache_key`, or None, without counting or refreshing anything."""
        return self._values.get(cache_key if type(cache_key) is int else as_key(cache_key))

    def clear(self) -> None:
        """Empty the pool. Counters stay; the next insert takes slot 0."""
        clear_together((self,))

    def residents(self) -> tuple[Resident[V], ...]:
        """The entries in eviction order, the next victim first."""
        order = self._order
        return tuple(
            Resident(key, self._slots[key], self._values[key], order.priority(key)) for key in order
        )

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, cache_key: SupportsIndex) -> bool:
        return as_key(cache_key) in self._values

    def __iter__(self) -> Iterator[int]:
        """Keys in eviction order, the next victim first."""
        return iter(tuple(self._order))

    def __repr__(self) -> str:
        return (
            f"KVCachePool(name={self.name!r}, {len(self)}/{self.pool_size}, "
            f"{self.eviction_strategy.name}, {self.ownership.name}, stats={self.stats})"
        )

    def _reentry(self) -> KVCacheReentryError:
        return KVCacheReentryError(f"on_evict may not change pool {self.name!r}, its caller")

    def _departure(self, key: int, cause: Cause) -> Departure[V]:
        return Departure(self.name, key, self._slots[key], self._values[key], cause)

    def _announce(self, departures: Iterable[Departure[V]]) -> None:
        if self.on_evict is None:
            return
        self._announcing = True
        try:
            for departure in departures:
                self.on_evict(departure)
        finally:
            self._announcing = False

    def _leaving(self) -> list[Departure[V]]:
        by_slot = sorted(self._slots, key=self._slots.__getitem__)
        return [self._departure(key, Cause.CLEARED) for key in by_slot]

    def _forget(self) -> None:
        if self.stats is not None:
            self.stats.cleared += len(self._values)
        self._values.clear()
        self._order.clear()
        if self._marks is not None:
            self._marks.clear()


def clear_together(pools: Iterable[KVCachePool[V]]) -> None:
    """Clear all of these pools or, if an `on_evict` raises, none."""
    pools = tuple(pools)
    for pool in pools:
        if pool._announcing:
            raise pool._reentry()
    for pool in pools:
        if pool.on_evict is not None:
            pool._announce(pool._leaving())
    for pool in pools:
        pool._forget()
