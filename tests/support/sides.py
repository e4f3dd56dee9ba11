"""Caches to compare: a dict and a ring, right or with stale reverse entries; ill-behaved ones."""

from collections.abc import Callable
from random import Random
from typing import Generic, TypeVar

from kvref import KVCachePool
from kvref.ranks import Priority
from kvref.shadow import PoolSide, Side

V = TypeVar("V")


class DictAndRing(Generic[V]):
    """Every set takes the slot under the cursor; what the reverse map names there is forgotten.

    The classical fault: a key that has moved on leaves its name behind in the old slot, and is
    lost when that slot is taken. `mends` takes the name away.
    """

    def __init__(self, capacity: int, mends: bool = False) -> None:
        self.ring: list[V | None] = [None] * capacity
        self.slots: dict[int, int] = {}
        self.keys: dict[int, int] = {}
        self.cursor = 0
        self.mends = mends

    def get(self, pool: str, key: int) -> V | None:
        return self.ring[self.slots[key]] if key in self.slots else None

    def set(self, pool: str, key: int, value: V, priority: Priority | None) -> int | None:
        if self.mends and key in self.slots:
            self.ring[self.slots[key]] = value
            return None
        self.slots.pop(self.keys.get(self.cursor, key), None)
        self.slots[key], self.keys[self.cursor] = self.cursor, key
        self.ring[self.cursor] = value
        self.cursor = (self.cursor + 1) % len(self.ring)
        return None

    def clear(self, pool: str) -> None:
        self.__init__(len(self.ring), self.mends)  # type: ignore[misc]  # as it was made

    def size(self, pool: str) -> int | None:
        return None

    def slot(self, pool: str, key: int) -> int | None:
        return None


class Odd(BaseException):
    """No Exception."""


def kvref_side(capacity: int) -> PoolSide[list[int]]:
    return PoolSide(KVCachePool[list[int]](capacity, name="pool"))


class Meddling(PoolSide[list[int]]):
    """kvref, but before each of its operations it does this to what it is given."""

    def __init__(self, capacity: int, meddle: Callable[[str, list[int] | None], object]) -> None:
        super().__init__(KVCachePool[list[int]](capacity, name="pool"))
        self.meddle = meddle

    def get(self, pool: str, key: int) -> list[int] | None:
        self.meddle("get", None)
        return super().get(pool, key)

    def set(self, pool: str, key: int, value: list[int], priority: Priority | None = None) -> int:
        self.meddle("set", value)
        return super().set(pool, key, value, priority)

    def clear(self, pool: str) -> None:
        self.meddle("clear", None)
        super().clear(pool)


def run(cache: Side[list[int]], seed: int, length: int = 300, keys: int = 8) -> list[object]:
    """What a random program is answered, contents and identities."""
    random, told, mine = Random(seed), list[object](), [[number] for number in range(5)]
    for kind in random.choices("gsc", (60, 40, 2), k=length):
        key = random.randrange(keys)
        if kind == "g":
            found = cache.get("pool", key)
            same = [one is found for one in mine]
            told.append((None if found is None else list(found), same))
        elif kind == "s":
            value = random.choice(mine)
            told.append(cache.set("pool", key, value, None))
        else:
            cache.clear("pool")
        told.append(cache.size("pool"))
        told.append([list(one) for one in mine])
    return told
