"""kvref's pool against its peers, and against a bare method: ratios from one run.

    python -m tests.benchmarks.pool [--quick]

Statistics are on. `get` asks for resident keys of a pool of 256; `insert` stores new keys in a full
one. Below 1.0 kvref is the faster.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import cachebox
import cachetools
import lru

from kvref import EvictionStrategy, KVCachePool
from tests.benchmarks.measure import Work, best_of

SIZE = 256
KEYS = [hash((number, "latent")) for number in range(SIZE)]
VALUE = object()


class Bare:
    """The least that a counting get can do."""

    def __init__(self) -> None:
        self.values: dict[int, object] = dict.fromkeys(KEYS, VALUE)
        self.hits = 0
        self.misses = 0

    def get(self, key: int) -> object | None:
        value = self.values.get(key)
        if value is None:
            self.misses += 1
            return None
        self.hits += 1
        return value


class BareLru(Bare):
    """The least that a counting get can do which also makes the key the most recent."""

    def __init__(self) -> None:
        super().__init__()
        self.recent: OrderedDict[int, object] = OrderedDict.fromkeys(KEYS, VALUE)

    def get(self, key: int) -> object | None:
        value = self.recent.get(key)
        if value is None:
            self.misses += 1
            return None
        self.recent.move_to_end(key)
        self.hits += 1
        return value


def pool(strategy: EvictionStrategy) -> KVCachePool[object]:
    made: KVCachePool[object] = KVCachePool(SIZE, strategy)
    for key in KEYS:
        made.set(key, VALUE)
    return made


def peers() -> dict[str, tuple[EvictionStrategy, Callable[[], Any]]]:
    """Peers by name, with the policy that matches: mappings all, without a type in common."""
    fifo, least = EvictionStrategy.FIFO, EvictionStrategy.LRU
    return {
        "cachetools.FIFOCache": (fifo, lambda: cachetools.FIFOCache(SIZE)),
        "cachetools.LRUCache": (least, lambda: cachetools.LRUCache(SIZE)),
        "cachebox.FIFOCache": (fifo, lambda: cachebox.FIFOCache(SIZE)),
        "cachebox.LRUCache": (least, lambda: cachebox.LRUCache(SIZE)),
        "lru-dict": (least, lambda: lru.LRU(SIZE)),
    }


def gets(get: Callable[[int], object], rounds: int) -> Work:
    def work() -> None:
        for _ in range(rounds):
            for key in KEYS:
                get(key)

    return work


def pool_inserts(strategy: EvictionStrategy, count: int) -> Work:
    def work() -> None:
        made = pool(strategy)
        for key in range(count):
            made.set(key, VALUE)

    return work


def peer_inserts(make: Callable[[], Any], count: int) -> Work:
    def work() -> None:
        made = make()
        for key in KEYS:
            made[key] = VALUE
        for key in range(count):
            made[key] = VALUE

    return work


def main(quick: bool) -> None:
    rounds, laps, count = (2, 2, 500) if quick else (60, 60, 20_000)
    get = {"bare": gets(Bare().get, laps), "bare LRU": gets(BareLru().get, laps)}
    insert: dict[str, Work] = {}
    for strategy in EvictionStrategy:
        get[strategy.name] = gets(pool(strategy).get, laps)
        insert[strategy.name] = pool_inserts(strategy, count)
    for name, (_, make) in peers().items():
        made = make()
        for key in KEYS:
            made[key] = VALUE
        get[name] = gets(made.get, laps)
        insert[name] = peer_inserts(make, count)
    got, inserted = best_of(get, rounds), best_of(insert, rounds)
    print("get of a resident key, time against a bare method that does dict.get and counts:")
    for strategy in EvictionStrategy:
        print(f"  {strategy.name:8} {got[strategy.name] / got['bare']:.2f}")
    refreshing = got["LRU"] / got["bare LRU"]
    print(f"  LRU      {refreshing:.2f} against one that also moves the key to the end")
    print("kvref against its peers, matching policy (get, insert into a full pool):")
    for name, (strategy, _) in peers().items():
        one, two = got[strategy.name] / got[name], inserted[strategy.name] / inserted[name]
        print(f"  {strategy.name:8} / {name:22} get {one:5.2f}   insert {two:5.2f}")


if __name__ == "__main__":
    main("--quick" in sys.argv)
