"""Eviction policies: each keeps an order of keys and names the next to go. Pools do the rest."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from enum import Enum
from functools import partial
from heapq import heapify, heappop, heappush
from math import isnan
from typing import Final, Protocol, SupportsFloat

from kvref.errors import KVCacheTypeError, KVCacheValueError, show


class EvictionStrategy(Enum):
    """Who leaves a full pool: the oldest, the least recently used, the lowest priority."""

    FIFO = "fifo"
    LRU = "lru"
    PRIORITY = "priority"


class EvictionOrder(Protocol):
    """The keys of a pool and their slots, and who would go next. It never sees a value."""

    slots: dict[int, int]
    """Resident key -> slot. The pool enters keys here; `evict` and `clear` take them out."""

    touch: Callable[[int], object] | None
    """A key was hit or set again; None where that does not change the order."""

    @property
    def place(self) -> Callable[[int, float], object] | None:
        """A key was inserted or set again with this rank; None where ranks do not matter."""

    def rank(self, priority: SupportsFloat) -> float:
        """A caller's priority as a number; raises if this policy does not take it."""

    def victim(self) -> int:
        """The first to go, of an order that is not empty."""

    def evict(self) -> tuple[int, int]:
        """Remove the victim; returns its key and slot."""

    def clear(self) -> None: ...

    def __iter__(self) -> Iterator[int]:
        """Keys in eviction order."""

    def priority(self, key: int) -> float | None:
        """The priority that orders this key; None where the policy has none."""


class FifoOrder:
    """Insertion order: neither a hit nor an update changes it."""

    place: Callable[[int, float], object] | None = None

    def __init__(self, slots: Iterable[tuple[int, int]] = ()) -> None:
        self._keys: OrderedDict[int, int] = OrderedDict(slots)
        self.slots: dict[int, int] = self._keys
        self.touch: Callable[[int], object] | None = None
        self.evict = partial(self._keys.popitem, False)  # a C call: `set` waits for it

    def __reduce__(self) -> tuple[object, ...]:
        """Copies and pickles are built anew: bound C methods would stay bound to this one."""
        return type(self), (tuple(self._keys.items()),)

    def rank(self, priority: SupportsFloat) -> float:
        raise KVCacheValueError(
            f"priority {show(priority)} given to a pool that does not evict by PRIORITY"
        )

    def victim(self) -> int:
        return next(iter(self.slots))

    def clear(self) -> None:
        self.slots.clear()

    def __iter__(self) -> Iterator[int]:
        return iter(self.slots)

    def priority(self, key: int) -> float | None:
        return None


class LruOrder(FifoOrder):
    """Recency: a hit and a set both make a key the last to go."""

    def __init__(self, slots: Iterable[tuple[int, int]] = ()) -> None:
        super().__init__(slots)
        self.touch = self._keys.move_to_end


class PriorityOrder:
    """Lowest priority first, ties by insertion. An update takes the new priority, not a new age.

    A heap whose outdated items are skipped when they surface, and dropped when they outnumber
    the live ones.
    """

    def __init__(self) -> None:
        self.slots: dict[int, int] = {}
        self.touch: Callable[[int], object] | None = None
        self._live: dict[int, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, int]] = []
        self._next_age = 0

    def __copy__(self) -> "PriorityOrder":
        return deepcopy(self)

    def rank(self, priority: SupportsFloat) -> float:
        if type(priority) is int:
            return priority
        try:
            number = None if isinstance(priority, bool) else float(priority)
        except (TypeError, ValueError, OverflowError):
            number = None
        if number is None or isinstance(priority, str):
            raise KVCacheTypeError(f"priority must be a number, not {show(priority)}")
        if isnan(number):
            raise KVCacheValueError(f"priority must be ordered, which {show(priority)} is not")
        return number

    def place(self, key: int, rank: float) -> None:
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
        del self._live[key]
        return key, self.slots.pop(key)

    def clear(self) -> None:
        self.slots.clear()
        self._live.clear()
        self._heap.clear()

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._live, key=self._live.__getitem__))

    def priority(self, key: int) -> float | None:
        return self._live[key][0]

    def age(self, key: int) -> int:
        """When the key was inserted; the smaller goes first among equals."""
        return self._live[key][1]


ORDERS: Final[dict[EvictionStrategy, Callable[[], EvictionOrder]]] = {
    EvictionStrategy.FIFO: FifoOrder,
    EvictionStrategy.LRU: LruOrder,
    EvictionStrategy.PRIORITY: PriorityOrder,
}
