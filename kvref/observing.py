"""Observers: told of every operation of a pool or manager once it is done.

    class Counts:
        def __call__(self, event: Event[object]) -> None:
            print(event)

    manager.observe(Counts())  # or pool.observe(...), of one pool alone; unobserve(...) ends it

Events come one at a time, in the order in which the operations took effect, each with its
operands, its answer and what left. What an observer does to the cache happens after that and is
told after that. An observer that raises is detached and reported to this module's logger; the
operation stands. What raises, and what only looks (`peek`, `in`, `len`, iteration), is not told,
nor is a reset of counters. Copies and pickles of what is observed are not observed.
"""

import logging
from collections import deque
from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar
from weakref import WeakSet

from kvref.departures import Departure
from kvref.errors import KVCacheTypeError, KVCacheValueError, show
from kvref.ranks import Rank

V = TypeVar("V")

logger = logging.getLogger(__name__)


class Got(NamedTuple, Generic[V]):
    """A `get`: `value` (COPY_BOTH: the stored one) and `slot` are None for a miss."""

    pool: str
    key: int
    value: V | None
    slot: int | None


class Stored(NamedTuple, Generic[V]):
    """A `set` of `given`; `value` is what is stored, a copy under COPY and COPY_BOTH.

    `new`: the key was not resident. `rank` is None where the policy has none.
    """

    pool: str
    key: int
    given: V
    value: V
    slot: int
    new: bool
    rank: Rank | None
    left: tuple[Departure[V], ...]


class Cleared(NamedTuple, Generic[V]):
    """One pool was cleared; what left, in slot order. A clear of several pools is one each."""

    pool: str
    left: tuple[Departure[V], ...]


class LookedUp(NamedTuple, Generic[V]):
    """A `hierarchical_get` of a manager, behind the `Got` of each pool that it asked."""

    env: int
    key: int
    value: V | None
    asked: tuple[str, ...]


Event: TypeAlias = Got[V] | Stored[V] | Cleared[V] | LookedUp[V]


class Observer(Protocol[V]):
    """Anything that can be called with an event."""

    def __call__(self, event: Event[V], /) -> object: ...


class Hearing(Protocol):
    """A pool, to the audience that it tells."""

    def _bind(self) -> None: ...


class Seat(NamedTuple):
    """An observer, and the one pool that it is told of; None: all of them, and lookups."""

    observer: Observer[object]
    pool: str | None


class Audience:
    """Who is told of some pools: a pool's own, or the one of all pools of a manager.

    `acting`: the node of a search that what happens now is for, if anybody says so; `node`: the one
    that the event being told was for.
    """

    def __init__(self) -> None:
        self.node: str | None = None
        self.acting: str | None = None
        self._seats: tuple[Seat, ...] = ()
        self._pools: WeakSet[Hearing] = WeakSet()
        self._waiting: deque[Told] = deque()
        self._telling = False
        self._held = 0

    def join(self, pool: Hearing) -> None:
        """From here on this pool tells this audience."""
        self._pools.add(pool)

    def add(self, observer: Observer[object], pool: str | None) -> None:
        if not callable(observer):
            raise KVCacheTypeError(f"an observer must be callable, not {show(observer)}")
        if any(seat.observer is observer and seat.pool == pool for seat in self._seats):
            raise KVCacheValueError(f"{show(observer)} observes already")
        self._seats = (*self._seats, Seat(observer, pool))
        self._rebind()

    def remove(self, observer: Observer[object], pool: str | None) -> None:
        """Whoever does not observe is not missed."""
        kept = [s for s in self._seats if s.observer is not observer or s.pool != pool]
        self._seats = tuple(kept)
        self._rebind()

    def _rebind(self) -> None:
        for pool in tuple(self._pools):
            pool._bind()

    def hears(self, pool: str | None) -> bool:
        """Whether anybody is told of this pool, or, for None, of lookups."""
        return any(seat.pool is None or seat.pool == pool for seat in self._seats)

    @contextmanager
    def acting_for(self, node: str | None) -> Iterator[None]:
        """What happens within the block is for this node, whenever it is told."""
        before, self.acting = self.acting, node
        try:
            yield
        finally:
            self.acting = before

    @property
    def busy(self) -> bool:
        """An operation is under way, or being told of."""
        return bool(self._held or self._telling)

    def tell(self, event: Event[object], pool: str | None) -> None:
        """To whoever observes now, as soon as what came before is told."""
        self._waiting.append(Told(event, pool, self._seats, self.acting))
        self._deliver()

    def hold(self) -> "Held":
        """Tell nothing for now; `release` goes on from here."""
        self._held += 1
        return Held(len(self._waiting), self._seats)

    def release(self, held: "Held", undone: Set[str] = frozenset()) -> None:
        """Go on telling, but not of what was undone since: operations on these pools."""
        if undone:
            waiting = list(self._waiting)
            kept = [told for told in waiting[held.position :] if not told.of(undone)]
            self._waiting = deque([*waiting[: held.position], *kept])
        self._held -= 1
        if self._waiting:
            self._deliver()

    def insert(self, held: "Held", event: Event[object], pool: str) -> None:
        """Tell of this before all that happened since `hold`, to who observed then."""
        self._waiting.insert(held.position, Told(event, pool, held.seats, self.acting))

    def _deliver(self) -> None:
        if self._telling or self._held:
            return
        acting, self.acting, self._telling = self.acting, None, True
        try:
            while self._waiting:
                event, pool, seats, self.node = self._waiting.popleft()
                for seat in seats:
                    if seat.pool is None or seat.pool == pool:
                        self._tell_one(seat, event)
        finally:
            self.acting, self._telling = acting, False

    def _tell_one(self, seat: Seat, event: Event[object]) -> None:
        if not any(seat is other for other in self._seats):
            return  # it has left since
        try:
            seat.observer(event)
        except Exception:
            self._seats = tuple([other for other in self._seats if other is not seat])
            self._rebind()
            logger.exception("observer %s raised and is detached", show(seat.observer))


class Told(NamedTuple):
    """An event that waits, for those who observed when it happened."""

    event: Event[object]
    pool: str | None
    seats: tuple[Seat, ...]
    node: str | None

    def of(self, pools: Set[str]) -> bool:
        """Whether it is of one of these pools; a lookup, if it asked one."""
        asked = self.event.asked if isinstance(self.event, LookedUp) else (self.pool,)
        return any(pool in pools for pool in asked)


class Held(NamedTuple):
    """Where telling stopped, and who observed then."""

    position: int
    seats: tuple[Seat, ...]
