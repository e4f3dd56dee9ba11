"""One bounded store of cache entries."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from functools import partial
from typing import Final, Generic, NamedTuple, SupportsIndex, TypeVar, cast

from kvref.departures import Cause, Departure, OnEvict, Resident
from kvref.errors import (
    KVCacheRaceError,
    KVCacheReentryError,
    KVCacheTypeError,
    KVCacheValueError,
    number,
    show,
)
from kvref.fixed import Fixed
from kvref.integrity import marked, require_verifiable, verdicts, verified
from kvref.keying import as_flag, as_key, as_size
from kvref.observing import Audience, Got, Observer, Stored
from kvref.ownership import PREPARE, Ownership
from kvref.policy import ORDERS, EvictionOrder, EvictionStrategy
from kvref.ranks import Priority, Rank
from kvref.stats import CacheStats, PoolStats
from kvref.together import clear_together

V = TypeVar("V")

NOTHING: Final[Mapping[int, object]] = {}


class Saved(NamedTuple, Generic[V]):
    """All that an operation can change of a pool."""

    values: dict[int, V]
    order: EvictionOrder
    marks: dict[int, object] | None
    counts: tuple[int, ...] | None


class KVCachePool(Generic[V]):
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
        eviction_strategy: who leaves a full pool.
        enable_stats: whether to count; `stats` is None if not.
        name: for messages, `repr` and departures.
        ownership: what a set stores and a get delivers.
        on_evict: told what leaves, and why; see `OnEvict`. Under SEALED the value that was to be
            stored stays sealed if it vetoes. The one argument that can be assigned later.
        verify: whether a hit on a value written into since it was set raises `IntegrityError`;
            values then need `mark()` and `written_since()`.
    """

    pool_size = Fixed[int]()
    eviction_strategy = Fixed[EvictionStrategy]()
    ownership = Fixed[Ownership]()
    name = Fixed[str]()
    verify = Fixed[bool]()
    stats = Fixed[CacheStats | None]()

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
        self._pool_size = as_size(pool_size, "pool_size")
        if not isinstance(eviction_strategy, EvictionStrategy):
            raise KVCacheValueError(f"{show(eviction_strategy)} is no EvictionStrategy")
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
        self._adopt({}, ORDERS[eviction_strategy]())

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

    def _adopt(
        self, values: dict[int, V], order: EvictionOrder, known: Mapping[int, object] = NOTHING
    ) -> None:
        """Take over these entries."""
        self._values = values
        self._order = order
        self._marks: dict[int, object] | None = None
        if self._verify:
            self._marks = {key: marked(value) for key, value in values.items()} | dict(known)
        self._prepare = cast(Callable[[V], V] | None, PREPARE[self._ownership])
        self._bind()

    def _bind(self) -> None:
        """What the hot paths call: nothing for what nobody asked for.

        A quiet pool, whose `on_evict` is running, neither counts nor refreshes nor tells.
        """
        order, values = self._order, self._values
        self._slots = order.slots
        self._place, self._touch = order.place, order.touch
        self._find: Callable[[int], V | None] = values.get
        if self._marks is not None:
            self._find = partial(verified, self._name, values, self._marks)
        self._heard = self._audience.hears(self._name)
        self._counting = None if self._quiet else self._stats
        self._on_hit: Callable[[int], object] | None = None if self._quiet else order.touch
        self._on_miss: Callable[[int], object] | None = None
        if self._heard and not self._quiet:
            told = self._audience, self._name
            self._on_hit = partial(_told_hit, *told, values, order.slots, order.touch)
            self._on_miss = partial(_told_miss, *told)

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
            cast(dict[int, V], values), cast(EvictionOrder, order), cast(dict[int, object], known)
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

    def _met(self, key: int, value: V | None) -> None:
        """What `get` does with what it found: count, refresh, tell."""
        stats, meet = self._counting, self._on_miss if value is None else self._on_hit
        if stats is not None and value is None:
            stats._misses += 1
        elif stats is not None:
            stats._hits += 1
        if meet is not None:
            meet(key)

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
        finally:
            self._busy = False
        if self._heard:
            self._tell_set(key, (kv_cache, value), slot, resident is None, rank, _told(gone))
        return slot

    def _update(self, key: int, value: V, rank: Rank) -> object:
        """A resident key; returns what must outlive the books."""
        old: object = self._values[key]
        if old is not value and (self._on_evict is not None or self._heard):
            old = left = self._departure(key, Cause.UPDATED)
            self._announce((left,))
        self._values[key] = value
        if self._touch is not None:
            self._touch(key)
        if self._place is not None:
            self._place(key, rank)
        if self._stats is not None:
            self._stats._updates += 1
        return old

    def _insert(self, key: int, value: V, rank: Rank) -> tuple[int, object]:
        """A new key; returns its slot, and what must outlive the books.

        Slots are freed only all at once, so the lowest free one is the count.
        """
        slots, values, stats = self._slots, self._values, self._stats
        gone: object = None
        slot = len(slots)
        if slot >= self._pool_size:
            if not slot == len(values) == self._pool_size:
                raise self._race()
            if self._on_evict is None and not self._heard:
                out, slot = self._order.evict()
                gone = values.pop(out)
            else:
                out, slot, gone = self._evict()
                del values[out]
            if self._marks is not None:
                gone = gone, self._marks.pop(out)
            if stats is not None:
                stats._evictions += 1
        slots[key] = slot
        values[key] = value
        if self._place is not None:
            self._place(key, rank)
        if stats is not None:
            stats._insertions += 1
        return slot, gone

    def _evict(self) -> tuple[int, int, Departure[V]]:
        """Tell of the victim, and take it out of the order: chosen once, it is who goes."""
        key = self._order.victim()
        left = self._departure(key, Cause.EVICTED)
        self._announce((left,))
        return key, self._order.remove(key), left

    def _tell_set(
        self,
        key: int,
        values: tuple[V, V],
        slot: int,
        new: bool,
        rank: Rank,
        left: tuple[Departure[V], ...],
    ) -> None:
        ranked = None if self._place is None else rank
        event = Stored(self._name, key, *values, slot, new, ranked, left)
        self._audience.tell(cast(Stored[object], event), self._name)

    def peek(self, cache_key: SupportsIndex) -> V | None:
        """The entry under `cache_key`, or None, without counting or refreshing anything."""
        return self._values.get(cache_key if type(cache_key) is int else as_key(cache_key))

    def clear(self) -> None:
        """Empty the pool. Counters stay; the next insert takes slot 0."""
        clear_together((self,))

    def residents(self) -> tuple[Resident[V], ...]:
        """The entries in eviction order, the next victim first."""
        return tuple([self._resident(key) for key in self._order])

    def by_age(self) -> tuple[Resident[V], ...]:
        """The entries as they were inserted (LRU: used): so a recording lists them."""
        return tuple([self._resident(key) for key in self._order.by_age()])

    def _resident(self, key: int) -> Resident[V]:
        return Resident(key, self._slots[key], self._values[key], self._order.priority(key))

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

    def _race(self) -> KVCacheRaceError:
        return KVCacheRaceError(
            f"pool {self._name!r} of {self._pool_size} holds {len(self._values)} entries in "
            f"{len(self._slots)} slots: was it used by several threads? clear() it"
        )

    def _reentry(self) -> KVCacheReentryError:
        return KVCacheReentryError(f"on_evict may not change pool {self._name!r}, its caller")

    def _refuse_if_busy(self) -> None:
        if self._busy:
            raise self._reentry()

    def _departure(self, key: int, cause: Cause) -> Departure[V]:
        return Departure(self._name, key, self._slots[key], self._values[key], cause)

    def _departures(self, before: Saved[V]) -> tuple[Departure[V], ...]:
        """What a clear took, in slot order; nothing where nobody asks."""
        if self._on_evict is None and not self._heard:
            return ()
        slots, values, cause = before.order.slots, before.values, Cause.CLEARED
        by_slot = sorted(slots, key=slots.__getitem__)
        return tuple([Departure(self._name, k, slots[k], values[k], cause) for k in by_slot])

    def _announce(self, departures: Iterable[Departure[V]]) -> None:
        """Tell `on_evict`; meanwhile nothing may change this pool, and looking leaves no trace."""
        on_evict, busy = self._on_evict, self._busy
        if on_evict is None:
            return
        self._busy = self._quiet = True
        self._bind()
        try:
            for departure in departures:
                on_evict(departure)
        finally:
            self._busy, self._quiet = busy, False
            self._bind()

    def _empty(self) -> Saved[V]:
        """No entries from here on; returns what was there."""
        before = Saved(self._values, self._order, self._marks, self._counts())
        if self._stats is not None:
            self._stats._cleared += len(self._values)
        self._adopt({}, ORDERS[self._eviction_strategy]())
        return before

    def _saved(self) -> Saved[V]:
        """What `_restore` takes back to, whatever happens to the pool meanwhile."""
        marks = None if self._marks is None else dict(self._marks)
        return Saved(dict(self._values), copy(self._order), marks, self._counts())

    def _counts(self) -> tuple[int, ...] | None:
        return None if self._stats is None else self._stats._saved()

    def _restore(self, saved: Saved[V]) -> None:
        self._values, self._order, self._marks, counts = saved
        if self._stats is not None and counts is not None:
            self._stats._restore(counts)
        self._bind()


def _told(gone: object) -> tuple[Departure[V], ...]:
    """The departure among what an operation of an observed pool let go: alone, or with a mark."""
    parts = gone if type(gone) is tuple else (gone,)
    inner = [one for part in parts for one in (part if type(part) is tuple else (part,))]
    return tuple([cast(Departure[V], one) for one in inner if isinstance(one, Departure)])


def _told_hit(
    audience: Audience,
    pool: str,
    values: Mapping[int, object],
    slots: Mapping[int, int],
    touch: Callable[[int], object] | None,
    key: int,
) -> None:
    """A hit of a pool that is observed; no reference to the pool, which would be a cycle."""
    if touch is not None:
        touch(key)
    audience.tell(Got(pool, key, values[key], slots.get(key)), pool)


def _told_miss(audience: Audience, pool: str, key: int) -> None:
    audience.tell(Got(pool, key, None, None), pool)
