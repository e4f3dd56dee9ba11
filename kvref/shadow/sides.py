"""What is asked of each of two caches that are compared; kvref's own pools and managers answer."""

from typing import Generic, Protocol, TypeVar

from kvref.errors import KVCacheValueError, show
from kvref.manager import KVCacheManager
from kvref.pool import KVCachePool
from kvref.ranks import Priority

V = TypeVar("V")


class Side(Protocol[V]):
    """A cache of one or several pools, each called by a name of yours. What an adapter writes:

        class Old:  # a dict and a ring
            def __init__(self, size):
                self.ring, self.slots, self.next = [None] * size, {}, 0
            def get(self, pool, key):
                return self.ring[self.slots[key]] if key in self.slots else None
            def set(self, pool, key, value, priority):
                self.slots[key], self.ring[self.next] = self.next, value
                self.next = (self.next + 1) % len(self.ring)
            def clear(self, pool):
                self.slots.clear()
            def size(self, pool):
                return len(self.slots)
            def slot(self, pool, key):
                return self.slots.get(key)

    `size` and `slot` only look: they count nothing and refresh nothing. They answer None, and
    `set` does, where the cache does not tell; that is then not compared.
    """

    def get(self, pool: str, key: int, /) -> V | None:
        """The stored value, or None for a miss."""

    def set(self, pool: str, key: int, value: V, priority: Priority | None, /) -> int | None:
        """Store; the slot, if the cache has slots."""

    def clear(self, pool: str, /) -> None:
        """Empty one pool."""

    def size(self, pool: str, /) -> int | None:
        """How many entries a pool holds."""

    def slot(self, pool: str, key: int, /) -> int | None:
        """Where the value under a key lies; None also if it is not there."""


class PoolSide(Generic[V]):
    """Pools of kvref, by the names that they have."""

    def __init__(self, *pools: KVCachePool[V]) -> None:
        self._pools = {pool.name: pool for pool in pools}
        if len(self._pools) != len(pools) or not pools:
            raise KVCacheValueError(f"pools need names of their own, not {show(pools)}")

    def pool(self, name: str) -> KVCachePool[V]:
        """The pool of that name."""
        if name not in self._pools:
            raise KVCacheValueError(f"no pool is named {show(name)}: {', '.join(self._pools)}")
        return self._pools[name]

    def get(self, pool: str, key: int) -> V | None:
        return self.pool(pool).get(key)

    def set(self, pool: str, key: int, value: V, priority: Priority | None = None) -> int:
        return self.pool(pool).set(key, value, priority=priority)

    def clear(self, pool: str) -> None:
        self.pool(pool).clear()

    def size(self, pool: str) -> int:
        return len(self.pool(pool))

    def slot(self, pool: str, key: int) -> int | None:
        return self.pool(pool)._slots.get(key)


class ManagerSide(PoolSide[V]):
    """The pools of one manager: init:0, init:1, ..., recur (recur:0, ...), wm."""

    def __init__(self, manager: KVCacheManager[V]) -> None:
        super().__init__(*manager.pools)
