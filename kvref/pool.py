"""One bounded store of cache entries."""

from collections.abc import Iterator
from copy import copy
from typing import SupportsIndex, TypeVar, cast

from kvref.arguments import as_flag, as_key, as_size
from kvref.books import Books, told
from kvref.departures import OnEvict, Resident
from kvref.errors import (
    KVCacheTypeError,
    KVCacheValueError,
    number,
    show,
)
from kvref.fixed import Fixed
from kvref.integrity import marked, require_verifiable, verdicts
from kvref.observing import Audience, Observer
from kvref.orders import Evicting, called, order_by, require_evicting
from kvref.ownership import Ownership
from kvref.policy import EvictionStrategy, KeyOrder
from kvref.ranks import Priority
from kvref.stats import CacheStats, PoolStats
from kvref.together import clear_together

V = TypeVar("V")


class KVCachePool(Books[V]):
    """At most `pool_size` entries under integer keys, each in a slot of its own.

    Raises `KVCacheError` subclasses; a failed operation changes nothing. Whatever runs while an
    object leaves (an `on_evict`, an observer, the object's own finalizer) finds the books closed:
    a finalizer's operations happen after the one that let the object go.

    Copies: `copy.copy` has entries, order and counters of its own and shares the values,
    `copy.deepcopy` and pickles share nothing; `on_evict` goes along, observers do not.

    For one thread at a time. After a race the pool may be wrong, but it does not grow: operations
    on contradictory books raise `KVCacheRaceError` until it is cleared.

    Args:
        pool_size: capacity in entries, at least 1.
        eviction_strategy: who leaves a full pool: an `EvictionStrategy`, or what makes an
            `EvictionOrder` of your own (its class, say).
        enable_stats: whether to count; `stats` is None if not.
        name: for messages, `repr` and departures.
        ownership: what a set stores and a get delivers.
        on_evict: told what leaves, and why; see `OnEvict`. Under SEALED the value that was to be
            stored stays sealed if it vetoes. The one argument that can be assigned later.
        verify: whether a hit on a value written into since it was set raises `IntegrityError`;
            values then need `mark()` and `written_since()`.
    """

    pool_size = Fixed[int]()
    eviction_strategy = Fixed[Evicting]()
    ownership = Fixed[Ownership]()
    name = Fixed[str]()
    verify = Fixed[bool]()
    stats = Fixed[CacheStats | None]()

    def __init__(
        self,
        pool_size: int,
        eviction_strategy: Evicting = EvictionStrategy.FIFO,
        enable_stats: bool = True,
        name: str = "default",
        *,
        ownership: Ownership = Ownership.REFERENCE,
        on_evict: OnEvict[V] | None = None,
        verify: bool = False,
    ) -> None:
        self._pool_size = as_size(pool_size, "pool_size")
        require_evicting(eviction_strategy)
        if not isinstance(ownership, Ownership):
            raise KVCacheValueError(f"{show(ownership)} is no Ownership")
        if not isinstance(name, str):
            raise KVCacheTypeError(f"name must be a string, not {show(name)}")
        self._eviction_strategy = eviction_strategy
        self._ownership = ownership
        self._name = name
        self._verify = as_flag(verify, "verify")
        self._stats = PoolStats() if as_flag(enable_stats, "enable_stats") else None
        self._busy = self._quiet = False
        self.on_evict = on_evict
        self._observed_by(Audience())
        self._adopt({}, order_by(eviction_strategy, self._pool_size))

    @property
    def enable_stats(self) -> bool:
        return self._stats is not None

    @property
    def on_evict(self) -> OnEvict[V] | None:
        """Told what leaves; see `OnEvict`."""
        return self._on_evict

    @on_evict.setter
    def on_evict(self, on_evict: OnEvict[V] | None) -> None:
        if on_evict is not None and not callable(on_evict):
            raise KVCacheTypeError(f"on_evict must be callable, not {show(on_evict)}")
        self._on_evict = on_evict

    def _observed_by(self, audience: Audience) -> None:
        self._audience = audience
        audience.join(self)

    def observe(self, observer: Observer[V]) -> None:
        """Tell `observer` of every operation on this pool, as it ends; see `kvref.observing`."""
        self._audience.add(cast(Observer[object], observer), self._name)

    def unobserve(self, observer: Observer[V]) -> None:
        """Tell it no more; nothing happens if it was not told."""
        self._audience.remove(cast(Observer[object], observer), self._name)

    def __getstate__(self) -> dict[str, object]:
        """What a copy or a pickle takes along: its own containers, nothing bound to this pool."""
        names = "_pool_size", "_eviction_strategy", "_ownership", "_name", "_on_evict", "_verify"
        return {
            **{name: getattr(self, name) for name in names},
            "_stats": copy(self._stats),
            "_values": dict(self._values),
            "_order": copy(self._order),
            "_known": {} if self._marks is None else verdicts(self._values, self._marks),
        }

    def __setstate__(self, state: dict[str, object]) -> None:
        state = dict(state)
        values, order, known = (state.pop(name) for name in ("_values", "_order", "_known"))
        vars(self).update(state, _busy=False, _quiet=False)
        self._observed_by(Audience())
        self._adopt(
            cast(dict[int, V], values), cast(KeyOrder, order), cast(dict[int, object], known)
        )

    def get(self, cache_key: SupportsIndex) -> V | None:
        """The entry under `cache_key`, or None. A hit refreshes its recency (LRU)."""
        if type(cache_key) is not int:
            cache_key = as_key(cache_key)
        value, stats = self._find(cache_key), self._counting
        if value is None:
            if stats is not None:
                stats._misses += 1
            if self._on_miss is not None:
                self._on_miss(cache_key)
            return None
        if stats is not None:
            stats._hits += 1
        on_hit = self._on_hit
        if on_hit is not None:
            on_hit(cache_key)
        return value

    def set(
        self, cache_key: SupportsIndex, kv_cache: V, *, priority: Priority | None = None
    ) -> int:
        """Store `kv_cache` under `cache_key`; returns its slot.

        A resident key keeps its slot. A new key takes the lowest free slot or, in a full pool,
        the victim's. `priority` (PRIORITY only; default 0): any real number, compared exactly;
        the lowest goes first, ties by insertion.
        """
        key = cache_key if type(cache_key) is int else as_key(cache_key)
        if kv_cache is None:
            raise KVCacheValueError(
                f"None cannot be stored (key {number(key)}): get() means a miss by it"
            )
        rank = 0 if priority is None else self._order.rank(priority)
        if self._busy:
            raise self._reentry()
        if self._marks is not None:
            require_verifiable(kv_cache)
        value = kv_cache if self._prepare is None else self._prepare(kv_cache)
        mark = None if self._marks is None else marked(value)
        before = None if self._trusted else self._before_a_set()
        self._busy = True
        try:  # what is gone outlives the books: finalizers run when they are closed
            slot = resident = self._slots.get(key)
            if slot is None:
                slot, gone = self._insert(key, value, rank)
            else:
                gone = self._update(key, value, rank)
            if self._marks is not None:
                gone = gone, self._marks.get(key)
                self._marks[key] = mark
        except BaseException:
            if before is not None:
                self._restore(before)
            raise
        finally:
            self._busy = False
        if self._heard:
            self._tell_set(key, (kv_cache, value), slot, resident is None, rank, told(gone))
        return slot

    def peek(self, cache_key: SupportsIndex) -> V | None:
        """The entry under `cache_key`, or None, without counting or refreshing anything."""
        return self._look(cache_key if type(cache_key) is int else as_key(cache_key))

    def clear(self) -> None:
        """Empty the pool. Counters stay; the next insert takes slot 0."""
        clear_together((self,))

    def residents(self) -> tuple[Resident[V], ...]:
        """The entries in eviction order, the next victim first."""
        return tuple([self._resident(key) for key in self._order])

    def by_age(self) -> tuple[Resident[V], ...]:
        """The entries as they were inserted (LRU: used): so a recording lists them."""
        return tuple([self._resident(key) for key in self._order.by_age()])

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
            f"{called(self._eviction_strategy)}, {self.ownership.name}, stats={self.stats})"
        )
