"""Eviction policies: each keeps an order of keys and names the next to go. Pools do the rest."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Final, Protocol

from kvref.errors import KVCacheValueError, show
from kvref.ranks import Priority, Rank, as_rank


class EvictionStrategy(Enum):
    """Who leaves a full pool: the oldest, the least recently used, the lowest priority."""

    FIFO = "fifo"
    LRU = "lru"
    PRIORITY = "priority"


class KeyOrder(Protocol):
    """The keys of a pool and their slots, and who would go next. It never sees a value."""

    slots: dict[int, int]
    """Resident key -> slot. The pool enters keys here; `evict` and `remove` take them out."""

    trusted: bool
    """Whether it fails in the middle of nothing: what it says need not be taken back."""

    @property
    def touch(self) -> Callable[[int], object] | None:
        """A key was hit; None where that does not change the order."""

    @property
    def renew(self) -> Callable[[int], object] | None:
        """A key was set again; None where that does not change the order."""

    @property
    def place(self) -> Callable[[int, Rank], object] | None:
        """A key was inserted or set again with this rank; None where ranks do not matter."""

    def rank(self, priority: Priority) -> Rank:
        """A caller's priority as a number; raises if this policy does not take it."""

    def victim(self) -> int:
        """The first to go, of an order that is not empty."""

    def evict(self) -> tuple[int, int]:
        """Remove the victim; returns its key and slot."""

    def remove(self, key: int) -> int:
        """Remove a key; returns its slot."""

    def __copy__(self) -> "KeyOrder":
        """The same order, to go on by itself."""

    def __iter__(self) -> Iterator[int]:
        """Keys in eviction order."""

    def by_age(self) -> list[int]:
        """Keys in the order in which ties are broken."""

    def priority(self, key: int) -> Rank | None:
        """The priority that orders this key; None where the policy has none."""


class FifoOrder:
    """Insertion order: neither a hit nor an update changes it."""

    trusted = True
    place: Callable[[int, Rank], object] | None = None

    def __init__(self, slots: Iterable[tuple[int, int]] = ()) -> None:
        self._keys: OrderedDict[int, int] = OrderedDict(slots)
        self.slots: dict[int, int] = self._keys
        self.touch: Callable[[int], object] | None = None
        self.renew: Callable[[int], object] | None = None
        self.evict = partial(self._keys.popitem, False)  # a C call: `set` waits for it

    def __reduce__(self) -> tuple[object, ...]:
        """Copies and pickles are built anew: bound C methods would stay bound to this one."""
        return type(self), (tuple(self._keys.items()),)

    def __copy__(self) -> "FifoOrder":
        return type(self)(self._keys.items())

    def rank(self, priority: Priority) -> Rank:
        raise KVCacheValueError(
            f"priority {show(priority)} given to a pool that does not evict by PRIORITY"
        )

    def victim(self) -> int:
        return next(iter(self.slots))

    def remove(self, key: int) -> int:
        return self.slots.pop(key)

    def __iter__(self) -> Iterator[int]:
        return iter(self.slots)

    def by_age(self) -> list[int]:
        return list(self.slots)

    def priority(self, key: int) -> Rank | None:
        return None


class LruOrder(FifoOrder):
    """Recency: a hit and a set both make a key the last to go."""

    def __init__(self, slots: Iterable[tuple[int, int]] = ()) -> None:
        super().__init__(slots)
        self.touch = self.renew = self._keys.move_to_end


class PriorityOrder:
    """Lowest priority first, ties by insertion. An update takes the new priority, not a new age.

    A heap whose outdated items are skipped when they surface, and dropped when they outnumber
    the live ones.
    """

    trusted = True
    touch: None = None
    renew: None = None

    def __init__(self) -> None:
        self.slots: dict[int, int] = {}
        self._live: dict[int, tuple[Rank, int]] = {}
        self._heap: list[tuple[Rank, int, int]] = []
        self._next_age = 0

    def __copy__(self) -> "PriorityOrder":
        copy = PriorityOrder()
        copy.slots, copy._live = dict(self.slots), dict(self._live)
        copy._heap, copy._next_age = list(self._heap), self._next_age
        return copy

    def rank(self, priority: Priority) -> Rank:
        return as_rank(priority)

    def place(self, key: int, rank: Rank) -> None:
        _, age = self._live.get(key, (rank, self._next_age))
        self._next_age += 1
        self._live[key] = (rank, age)
        heappush(self._heap, (rank, age, key))
        if len(self._heap) > 2 * len(self._live) + 8:
            self._heap = [(rank, age, key) for key, (rank, age) in self._live.items()]
            heapify(self._heap)

    def victim(self) -> int:
        while True:
            rank, age, key = self._heap[0]
            if self._live.get(key) == (rank, age):
                return key
            heappop(self._heap)

    def evict(self) -> tuple[int, int]:
        key = self.victim()
        heappop(self._heap)
        return key, self.remove(key)

    def remove(self, key: int) -> int:
        """What it leaves in the heap is outdated, and dropped when it surfaces."""
        del self._live[key]
        return self.slots.pop(key)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._live, key=self._live.__getitem__))

    def priority(self, key: int) -> Rank | None:
        return self._live[key][0]

    def by_age(self) -> list[int]:
        return sorted(self._live, key=lambda key: self._live[key][1])


ORDERS: Final[dict[EvictionStrategy, Callable[[], KeyOrder]]] = {
    EvictionStrategy.FIFO: FifoOrder,
    EvictionStrategy.LRU: LruOrder,
    EvictionStrategy.PRIORITY: PriorityOrder,
}
