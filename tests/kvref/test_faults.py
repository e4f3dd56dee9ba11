"""P8 under fault injection: pools, managers and recordings, at every call-out of every operation.

Call-outs: `__index__` of keys and environment ids, `__float__` of priorities, `clone`, `seal`,
`mark` and `written_since` of values, `on_evict`, observers, fingerprints, and writes of a file.
"""

import random
from collections.abc import Callable
from io import BytesIO
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, SupportsFloat, cast

import pytest

from kvref import (
    Departure,
    Event,
    EvictionStrategy,
    KVCacheManager,
    KVCachePool,
    Ownership,
    Recorder,
    RecurScope,
)
from kvref.errors import KVCacheError
from tests.support.faults import Faults, every_point


class Value:
    """Whatever a pool may ask of a value is a call-out."""

    def __init__(self, faults: Faults, name: str) -> None:
        self.faults, self.name = faults, name

    def clone(self) -> "Value":
        self.faults()
        return Value(self.faults, self.name)

    def seal(self) -> None:
        self.faults()

    def mark(self) -> object:
        self.faults()
        return self.name

    def written_since(self, mark: object) -> str | None:
        self.faults()
        return None


class Number:
    """A key, an environment id or a priority of somebody else's making."""

    def __init__(self, faults: Faults, number: int) -> None:
        self.faults, self.number = faults, number

    def __index__(self) -> int:
        self.faults()
        return self.number


class Real(SupportsFloat):
    def __init__(self, faults: Faults, number: float) -> None:
        self.faults, self.number = faults, number

    def __float__(self) -> float:
        self.faults()
        return self.number


def listening(faults: Faults) -> Callable[[Departure[Value]], None]:
    def told(departure: Departure[Value]) -> None:
        faults()

    return told


def books(*pools: KVCachePool[Value]) -> list[object]:
    """All that a pool holds: of values which, under COPY by name."""
    told: list[object] = []
    for pool in pools:
        entries = [(r.key, r.slot, r.value.name, r.priority) for r in pool.residents()]
        stats = None if pool.stats is None else pool.stats.as_dict()
        told.append((pool.name, entries, [r.key for r in pool.by_age()], stats, len(pool)))
    return told


CASES = list(product(EvictionStrategy, Ownership, (False, True), (False, True)))
PREPARES = {
    Ownership.REFERENCE: 0,
    Ownership.SEALED: 1,
    Ownership.COPY: 2,
    Ownership.COPY_BOTH: 1,
}


class Held:
    """A full pool of two, with what an operation needs to be called with."""

    def __init__(
        self, faults: Faults, policy: EvictionStrategy, ownership: Ownership, verify: bool,
        observed: bool,
    ) -> None:  # fmt: skip
        self.faults, self.ranked = faults, policy is EvictionStrategy.PRIORITY
        self.pool: KVCachePool[Value] = KVCachePool(
            2, policy, ownership=ownership, verify=verify, on_evict=listening(faults)
        )
        for key in (1, 2):
            self.pool.set(key, Value(faults, f"v{key}"))
        if observed:
            self.pool.observe(lambda event: faults())

    def key(self, number: int) -> Number:
        return Number(self.faults, number)

    def set(self, key: int) -> object:
        rank = Real(self.faults, 0.5) if self.ranked else None
        return self.pool.set(self.key(key), Value(self.faults, "new"), priority=rank)


def gets(held: Held) -> object:
    return held.pool.get(held.key(1))


def misses(held: Held) -> object:
    return held.pool.get(held.key(7))


def inserts(held: Held) -> object:
    return held.set(7)


def updates(held: Held) -> object:
    return held.set(1)


def clears(held: Held) -> object:
    held.pool.clear()
    return None


def looks(held: Held) -> object:
    return held.pool.peek(held.key(1)), held.key(1) in held.pool, len(held.pool), list(held.pool)


@pytest.mark.parametrize(("policy", "ownership", "verify", "observed"), CASES, ids=str)
def test_a_pool_at_every_call_out(
    policy: EvictionStrategy, ownership: Ownership, verify: bool, observed: bool
) -> None:
    """The points, on paper: the key's __index__ (twice for looks); of a set the priority's
    __float__, seal, clone or both, mark and one departure; of a get, if it hits, written_since;
    of a clear two departures; for each but looks one event. COPY_BOTH: clone for each hit and
    each look."""
    stores = 1 + (policy is EvictionStrategy.PRIORITY) + PREPARES[ownership] + verify + 1
    copied = ownership is Ownership.COPY_BOTH
    due = {gets: 1 + verify + copied, misses: 1, inserts: stores, updates: stores, clears: 2}
    for operation, points in due.items():
        found = every_point(
            lambda faults: Held(faults, policy, ownership, verify, observed),
            operation,
            lambda held: books(held.pool),
        )
        assert found == points + observed, operation
    assert (
        every_point(
            lambda faults: Held(faults, policy, ownership, verify, observed),
            looks,
            lambda held: books(held.pool),
        )
        == 2 + copied
    )


class ManagerHeld:
    """A manager with every pool full, observed and recorded into a file that may fail."""

    def __init__(self, faults: Faults, scope: RecurScope, recorded: bool, path: Path) -> None:
        self.faults = faults
        config = SimpleNamespace(game_segment_length=2, num_simulations=2)
        self.manager: KVCacheManager[Value] = KVCacheManager(
            config,
            2,
            eviction_strategy=EvictionStrategy.LRU,
            ownership=Ownership.COPY,
            recur_scope=scope,
            on_evict=listening(faults),
            verify=True,
        )
        for pool in self.manager.pools:
            for key in range(pool.pool_size):
                pool.set(key + 10 * (pool.name == "wm"), Value(faults, f"{pool.name}.{key}"))
        self.manager.keys_values_wm_list.append(Value(faults, "working"))
        self.manager.keys_values_wm_size_list.append(1)
        if recorded:
            self.recorder = Recorder(self.manager, path, self.printed)
            self.recorder._file = cast(Any, Failing(faults))

    def printed(self, value: Value) -> int:
        self.faults()
        return hash(value.name)

    def number(self, number: int) -> Number:
        return Number(self.faults, number)

    def value(self) -> Value:
        return Value(self.faults, "new")


class Failing(BytesIO):
    """A file on a disk that is full at some moment."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.faults = faults

    def write(self, data: Any) -> int:
        self.faults()
        return super().write(data)


def all_of(held: ManagerHeld) -> object:
    m = held.manager
    lists = [len(m.keys_values_wm_list), list(m.keys_values_wm_size_list)]
    return books(*m.pools), lists, m.lookup_stats and m.lookup_stats.as_dict()


OPERATIONS: dict[str, Callable[[ManagerHeld], object]] = {
    "set init": lambda h: h.manager.set_init_cache(h.number(1), h.number(7), h.value()),
    "update init": lambda h: h.manager.set_init_cache(h.number(1), h.number(1), h.value()),
    "get init": lambda h: h.manager.get_init_cache(h.number(1), h.number(1)),
    "set recur": lambda h: h.manager.set_recur_cache(h.number(9), h.value(), env_id=h.number(0)),
    "get recur": lambda h: h.manager.get_recur_cache(h.number(1), env_id=h.number(0)),
    "set wm": lambda h: h.manager.set_wm_cache(h.number(9), h.value()),
    "get wm": lambda h: h.manager.get_wm_cache(h.number(10)),
    "lookup, init": lambda h: h.manager.hierarchical_get(h.number(0), h.number(1)),
    "lookup, recur": lambda h: only_in_recur(h).hierarchical_get(h.number(0), h.number(1)),
    "lookup, miss": lambda h: h.manager.hierarchical_get(h.number(0), h.number(99)),
    "clear all": lambda h: h.manager.clear_all(),
    "clear init": lambda h: h.manager.clear_init_caches(),
    "clear one init": lambda h: h.manager.clear_init_caches(h.number(1)),
    "clear recur": lambda h: h.manager.clear_recur_cache(),
    "clear wm": lambda h: h.manager.clear_wm_cache(),
    "clear one pool": lambda h: h.manager.init_pools[0].clear(),
}


def only_in_recur(held: ManagerHeld) -> KVCacheManager[Value]:
    armed, held.faults.armed = held.faults.armed, False
    held.manager.init_pools[0].clear()
    held.faults.armed = armed
    return held.manager


@pytest.mark.parametrize("recorded", [False, True], ids=["", "recorded"])
@pytest.mark.parametrize("scope", RecurScope, ids=str)
def test_a_manager_at_every_call_out(scope: RecurScope, recorded: bool, tmp_path: Path) -> None:
    """Fifteen operations, 61 points. What a recording adds fails the recording and nothing else."""
    points = {}
    for name, operation in OPERATIONS.items():
        if name == "lookup, recur":
            continue
        points[name] = every_point(
            lambda faults: ManagerHeld(faults, scope, recorded, tmp_path / "run.jsonl"),
            operation,
            all_of,
        )
    if not recorded:
        assert points == DUE
    else:
        assert all(points[name] > due for name, due in DUE.items()), "fingerprints and writes"


STORES, WHERE = 1 + 2 + 1 + 1, 1  # key, clone and seal, mark, departure; the environment id
DUE = {
    "set init": WHERE + STORES,
    "update init": WHERE + STORES,
    "get init": WHERE + 2,  # key, written_since
    "set recur": WHERE + STORES,
    "get recur": WHERE + 2,
    "set wm": STORES,
    "get wm": 2,
    "lookup, init": WHERE + 2,
    "lookup, miss": WHERE + 1,
    "clear all": 4 + 4 + 2,  # a departure for each entry
    "clear init": 4,
    "clear one init": WHERE + 2,
    "clear recur": 4,
    "clear wm": 2,
    "clear one pool": 2,
}


def test_a_lookup_in_two_tiers_counts_in_both_or_none(tmp_path: Path) -> None:
    def make(faults: Faults) -> ManagerHeld:
        held = ManagerHeld(faults, RecurScope.SHARED, False, tmp_path / "run.jsonl")
        held.manager.init_pools[0].clear()
        return held

    assert every_point(make, OPERATIONS["lookup, init"], all_of) == 3, "indexes, written_since"


def test_a_clear_that_is_vetoed_undoes_what_its_listener_stored() -> None:
    """Whatever the listener did meanwhile in the pools of the clear; elsewhere it stands."""

    class VetoError(Exception):
        pass

    m: KVCacheManager[str] = KVCacheManager(
        SimpleNamespace(game_segment_length=2, num_simulations=1), 2
    )
    events: list[Event[str]] = []

    def demote(departure: Departure[str]) -> None:
        m.set_init_cache(0, departure.key + 10, departure.value)
        m.set_wm_cache(departure.key, departure.value)
        if departure.key == 2:
            raise VetoError

    for key in (1, 2):
        m.set_recur_cache(key, f"r{key}")
    m.set_init_cache(0, 5, "i")
    m.recur_pool.on_evict = demote
    before = [[(one.key, one.slot) for one in pool.residents()] for pool in m.pools[:3]]
    m.observe(events.append)
    with pytest.raises(VetoError):
        m.recur_pool.clear()
    assert list(m.recur_pool) == [1, 2]
    assert list(m.init_pools[0]) == [11, 12], "not part of that clear: it stands, and 5 has left"
    m.clear_init_caches()
    m.set_init_cache(0, 5, "i")
    events.clear()
    with pytest.raises(VetoError):
        m.clear_all()
    assert [[(one.key, one.slot) for one in pool.residents()] for pool in m.pools[:3]] == before
    assert events == [], "nothing happened"


class Eager(KVCachePool[Value]):
    """The planted fault: the victim has gone when its departure is announced."""

    def _insert(self, key: int, value: Value, rank: object) -> tuple[int, object]:
        if len(self) == self.pool_size:
            out = self._order.victim()
            self._order.remove(out)
            del self._values[out]
            if self.on_evict is not None:
                self.on_evict(self._departure(next(iter(self)), cast(Any, None)))
        return super()._insert(key, value, cast(int, rank))


def test_the_harness_finds_a_planted_fault() -> None:
    def make(faults: Faults) -> Held:
        held = Held(faults, EvictionStrategy.FIFO, Ownership.REFERENCE, False, False)
        held.pool = Eager(2, on_evict=listening(faults))
        for key in (1, 2):
            held.pool.set(key, Value(faults, f"v{key}"))
        return held

    with pytest.raises(AssertionError, match="half done: call-out 1"):
        every_point(make, inserts, lambda held: books(held.pool))


def test_races_are_found_and_do_not_grow() -> None:
    """Two threads in one pool, as they would leave it: refused until it is cleared."""
    pool: KVCachePool[str] = KVCachePool(2)
    pool.set(1, "a")
    pool.set(2, "b")
    for thread in range(2):
        if thread == 0:
            pool._slots[9] = 1
        else:
            pool._values[9] = "c"
        for key in range(100):
            with pytest.raises(KVCacheError, match="several threads"):
                pool.set(1000 + key, "d")
        pool.clear()
        assert len(pool) == 0
        for key in random.Random(0).sample(range(100), 5):
            pool.set(key, "e")
        assert len(pool) == 2
