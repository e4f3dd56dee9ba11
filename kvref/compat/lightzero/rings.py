"""The published pools without a world model around them, to tell a divergence's history again."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from kvref.ranks import Priority

V = TypeVar("V")


class DictsAndRings(Generic[V]):
    """A `kvref.shadow.Side`: of each pool a ring of values, and a dict that says where a key's is.

    Nobody tells the dict when the ring comes round, nor the ring when the dict is cleared.

    Args:
        sizes: the rings', by the pools' names.
    """

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._rings: dict[str, list[V | None]] = {pool: [None] * n for pool, n in sizes.items()}
        self._places: dict[str, dict[int, int]] = {pool: {} for pool in sizes}
        self._next = dict.fromkeys(sizes, 0)

    def get(self, pool: str, key: int, /) -> V | None:
        place = self._places[pool].get(key)
        return None if place is None else self._rings[pool][place]

    def set(self, pool: str, key: int, value: V, priority: Priority | None = None, /) -> int:
        ring, place = self._rings[pool], self._next[pool]
        ring[place] = value
        self._places[pool][key] = place
        self._next[pool] = (place + 1) % len(ring)
        return place

    def clear(self, pool: str, /) -> None:
        self._places[pool].clear()

    def size(self, pool: str, /) -> int:
        return len(self._places[pool])

    def slot(self, pool: str, key: int, /) -> int | None:
        return self._places[pool].get(key)
