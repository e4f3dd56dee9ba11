"""The books of a pool: its entries, who is told of them, and how they are changed and put back."""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar, cast
from weakref import ref as weak

from kvref.departures import Cause, Departure, OnEvict, Resident
from kvref.errors import KVCacheRaceError, KVCacheReentryError
from kvref.integrity import marked, verified
from kvref.observing import Audience, Got, Stored
from kvref.orders import Evicting, OwnOrder, order_by
from kvref.ownership import PREPARE, Ownership, copied
from kvref.policy import KeyOrder
from kvref.ranks import Rank
from kvref.stats import PoolStats

V = TypeVar("V")

NOTHING: Final[Mapping[int, object]] = {}


class Saved(NamedTuple, Generic[V]):
    """All that an operation can change of a pool."""

    values: dict[int, V]
    order: KeyOrder
    marks: dict[int, object] | None
    counts: tuple[int, ...] | None


class Books(Generic[V]):
    """What a pool consists of. While it is busy, an operation is under way and every change is
    refused; while it is quiet, its `on_evict` is running, and looking leaves no trace."""

    _pool_size: int
    _eviction_strategy: Evicting
    _ownership: Ownership
    _name: str
    _verify: bool
    _stats: PoolStats | None
    _on_evict: OnEvict[V] | None
    _audience: Audience
    _busy: bool
    _quiet: bool

    def _adopt(
        self, values: dict[int, V], order: KeyOrder, known: Mapping[int, object] = NOTHING
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
        self._place, self._touch, self._trusted = order.place, order.renew, order.trusted
        self._find: Callable[[int], V | None] = values.get
        if self._marks is not None:
            self._find = partial(verified, self._name, values, self._marks)
        self._look: Callable[[int], V | None] = values.get
        if self._ownership is Ownership.COPY_BOTH:
            self._find = partial(_copied_out, weak(self), self._find)  # a method would be a cycle
            self._look = partial(_copied_out, weak(self), self._look)
        self._heard = self._audience.hears(self._name)
        self._counting = None if self._quiet else self._stats
        touch = order.touch
        if touch is not None and not order.trusted:
            touch = partial(_or_uncounted, touch, self._counting)
        self._on_hit: Callable[[int], object] | None = None if self._quiet else touch
        self._on_miss: Callable[[int], object] | None = None
        if self._heard and not self._quiet:
            told = self._audience, self._name
            self._on_hit = partial(_told_hit, *told, values, order.slots, touch)
            self._on_miss = partial(_told_miss, *told)

    def _met(self, key: int, value: V | None) -> None:
        """What `get` does with what it found: count, refresh, tell."""
        stats, meet = self._counting, self._on_miss if value is None else self._on_hit
        if stats is not None and value is None:
            stats._misses += 1
        elif stats is not None:
            stats._hits += 1
        if meet is not None:
            meet(key)

    def _resident(self, key: int) -> Resident[V]:
        return Resident(key, self._slots[key], self._values[key], self._order.priority(key))

    def _update(self, key: int, value: V, rank: Rank) -> object:
        """A resident key; returns what must outlive the books."""
        old: object = self._values[key]
        if old is not value and (self._on_evict is not None or self._heard):
            old = left = self._departure(key, Cause.UPDATED)
            self._announce((left,), busy=True)
        elif old is value:
            old = None  # nobody leaves
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
        self._announce((left,), busy=True)
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

    def _announce(self, departures: Iterable[Departure[V]], busy: bool = False) -> None:
        """Tell `on_evict`; meanwhile nothing may change this pool, and looking leaves no trace.

        `busy`: whether an operation goes on after it.
        """
        on_evict = self._on_evict
        if on_evict is None:
            return
        audience = self._audience
        acting, audience.acting = audience.acting, None
        self._busy = self._quiet = True
        self._bind()
        try:
            for departure in departures:
                on_evict(departure)
        finally:
            audience.acting = acting
            self._busy, self._quiet = busy, False
            self._bind()

    def _empty(self) -> Saved[V]:
        """No entries from here on; returns what was there."""
        self._busy = True  # whatever runs meanwhile, such as a collected object's finalizer
        try:
            before = Saved(self._values, self._order, self._marks, self._counts())
            self._adopt({}, order_by(self._eviction_strategy, self._pool_size))
            if self._stats is not None:
                self._stats._cleared += len(before.values)
        finally:
            self._busy = False
        return before

    def _saved(self) -> Saved[V]:
        """What `_restore` takes back to, whatever happens to the pool meanwhile."""
        marks = None if self._marks is None else dict(self._marks)
        return Saved(dict(self._values), copy(self._order), marks, self._counts())

    def _before_a_set(self) -> Saved[V] | None:
        """What to go back to if an order of somebody's own fails in the middle."""
        order = self._order
        if not isinstance(order, OwnOrder):
            return None
        marks = None if self._marks is None else dict(self._marks)
        return Saved(dict(self._values), order.beside(), marks, self._counts())

    def _counts(self) -> tuple[int, ...] | None:
        return None if self._stats is None else self._stats._saved()

    def _restore(self, saved: Saved[V]) -> Saved[V]:
        """Back to what was saved; returns what was there instead, to be let go at the end."""
        self._busy = True
        try:
            instead = Saved(self._values, self._order, self._marks, None)
            self._values, self._order, self._marks, counts = saved
            if self._stats is not None and counts is not None:
                self._stats._restore(counts)
            self._bind()
        finally:
            self._busy = False
        return instead


def told(gone: object) -> tuple[Departure[V], ...]:
    """The departure among what an operation of an observed pool let go, behind marks of values."""
    while type(gone) is tuple:
        gone = gone[0]
    return (cast(Departure[V], gone),) if isinstance(gone, Departure) else ()


def _copied_out(books: "weak[Books[V]]", find: Callable[[int], V | None], key: int) -> V | None:
    """A copy of the value found under a key; raises if making it changed the entry."""
    value, home = find(key), books()
    if value is None:
        return None
    copy = copied(value)
    if home is not None and home._values.get(key) is not value:
        raise KVCacheReentryError(f"clone() may not change pool {home._name!r}, its caller")
    return cast(V, copy)


def _told_hit(
    audience: Audience,
    pool: str,
    values: Mapping[int, object],
    slots: Mapping[int, int],
    touch: Callable[[int], object] | None,
    key: int,
) -> None:
    """A hit of a pool that is observed; no reference to the pool, which would be a cycle."""
    value = values.get(key)
    if touch is not None and key in slots:
        touch(key)
    audience.tell(Got(pool, key, value, slots.get(key)), pool)


def _or_uncounted(touch: Callable[[int], object], stats: PoolStats | None, key: int) -> None:
    """An order of somebody's own is told of a hit that is counted; which did not happen if it
    fails."""
    try:
        touch(key)
    except BaseException:
        if stats is not None:
            stats._hits -= 1
        raise


def _told_miss(audience: Audience, pool: str, key: int) -> None:
    audience.tell(Got(pool, key, None, None), pool)
