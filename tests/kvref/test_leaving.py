"""P12, P1, P2, P9 whatever runs while an object leaves: listeners, observers, finalizers."""

import gc
import logging
import weakref
from collections.abc import Callable
from itertools import product
from types import SimpleNamespace
from typing import cast

import pytest

import spec.profile
from kvref import (
    Cause,
    Cleared,
    Departure,
    Event,
    EvictionStrategy,
    Got,
    KVCacheManager,
    KVCachePool,
    KVCacheReentryError,
    LookedUp,
    Observer,
    Ownership,
    Stored,
)
from spec.ops import Clear, Get, Key, Op, Ref, Set
from spec.pool import PoolState, new_pool, step
from spec.profile import Policy, Profile, copies
from spec.sizing import Config
from stateful_models.reference.listening import DemotingManager, FinalizedPool, PryingPool
from stateful_models.scopes.demoting import DemotingScope
from stateful_models.scopes.pool import PoolScope
from tests.support.exploring import explore_manager, explore_pool
from tests.support.night import NIGHT

CONFIG = SimpleNamespace(game_segment_length=1, num_simulations=2)


def listened(profile: Profile, capacity: int) -> PoolScope:
    """One key more than there is room for. By day one object where two copies of it are kept."""
    few = capacity == 2 and copies(profile) and not NIGHT
    return PoolScope(profile, capacity, capacity + 1, 1 if few else 2)


@pytest.mark.parametrize("profile", PryingPool.profiles, ids=repr)
@pytest.mark.parametrize("capacity", [1, 2])
def test_a_listener_that_pries_moves_nothing(profile: Profile, capacity: int) -> None:
    """Every state and operation, the listener getting every key and trying to change the pool: the
    specification of a pool without a listener is met to the letter, counters and recency too."""
    report = explore_pool(listened(profile, capacity), PryingPool)
    assert report.divergence is None
    assert report.missing == frozenset()


@pytest.mark.parametrize("profile", FinalizedPool.profiles, ids=repr)
@pytest.mark.parametrize("capacity", [1, 2])
def test_a_finalizer_finds_the_books_closed(profile: Profile, capacity: int) -> None:
    """What it sees is the state after the operation that let its object go."""
    report = explore_pool(listened(profile, capacity), FinalizedPool)
    assert report.divergence is None


@pytest.mark.parametrize("profile", DemotingManager.profiles, ids=repr)
def test_a_listener_that_demotes_is_specified(profile: Profile) -> None:
    """Also into a pool that is cleared with the one that it demotes from (`spec.listening`)."""
    envs = 2 if NIGHT else 1
    report = explore_manager(DemotingScope(profile, Config(1, 1), envs, 2), DemotingManager)
    assert report.divergence is None
    assert report.missing == frozenset()


class Value:
    """Does something when it is let go, once."""

    def __init__(self, ref: int, last: list[Callable[[], object]]) -> None:
        self.ref, self.last, self.written = ref, last, 0

    def clone(self) -> "Value":
        return Value(self.ref, self.last)

    def seal(self) -> None:
        pass

    def mark(self) -> object:
        return self.written

    def written_since(self, mark: object) -> str | None:
        return None if mark == self.written else "it"

    def __del__(self) -> None:
        if self.last:
            self.last.pop()()


ACTIONS: dict[str, Op] = {
    "sets another": Set(Key(9), Ref(3)),
    "sets the same": Set(Key(7), Ref(3)),
    "gets": Get(Key(2)),
    "clears": Clear(),
}
OPERATIONS: dict[str, Op] = {
    "insert": Set(Key(7), Ref(2)),
    "update": Set(Key(1), Ref(2)),
    "clear": Clear(),
}


def perform(pool: KVCachePool[Value], op: Op, last: list[Callable[[], object]]) -> None:
    match op:
        case Set(key, ref) if key is not None and ref is not None:
            pool.set(key, Value(ref, last))
        case Get(key) if key is not None:
            pool.get(key)
        case Clear():
            pool.clear()


def as_told(pool: KVCachePool[Value]) -> object:
    stats = pool.stats
    assert stats is not None
    entries = [(one.key, one.slot, one.value.ref) for one in pool.by_age()]
    return entries, tuple(stats.as_dict().values())


def as_specified(state: PoolState) -> object:
    entries = [(e.key, e.slot, e.ref) for e in state.pool.entries]
    return entries, tuple(state.pool.counters)


CASES = list(product(EvictionStrategy, Ownership, (False, True), OPERATIONS, ACTIONS))


@pytest.mark.parametrize(("policy", "ownership", "verify", "operation", "action"), CASES, ids=str)
def test_what_a_finalizer_does_happens_after_the_operation(
    policy: EvictionStrategy, ownership: Ownership, verify: bool, operation: str, action: str
) -> None:
    """pool after op with a finalizer = step(step(state, op), what the finalizer does)."""
    last: list[Callable[[], object]] = []
    pool: KVCachePool[Value] = KVCachePool(2, policy, ownership=ownership, verify=verify)
    kinds = cast(Policy, getattr(Policy, policy.name)), spec.profile.Ownership[ownership.name]
    state = new_pool(Profile(*kinds), 2, 4)
    for op in (Set(Key(1), Ref(0)), Set(Key(2), Ref(1)), OPERATIONS[operation]):
        if op is OPERATIONS[operation]:
            last.append(lambda: perform(pool, ACTIONS[action], []))
        perform(pool, op, last)
        state, _ = step(state, op)
    assert last == [], "the finalizer has run"
    state, _ = step(state, ACTIONS[action])
    assert as_told(pool) == as_specified(state)


@pytest.mark.parametrize("policy", EvictionStrategy)
def test_finalizers_that_the_collector_calls_break_no_books(policy: EvictionStrategy) -> None:
    """Cyclic garbage may go at any allocation, in the middle of an operation too: what it wants to
    change then is refused."""
    pool: KVCachePool[object] = KVCachePool(3, policy)
    done: list[int] = []

    class Knot:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            try:
                done.append(pool.set(len(done) % 5, object()))
            except KVCacheReentryError:
                done.append(-1)

    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(500):
            Knot()
            pool.set(number % 7 + 10, object())
            pool.get(number % 7 + 10)
            if number % 50 == 0:
                pool.clear()
            slots = [one.slot for one in pool.residents()]
            assert len(pool) == len(slots) == len(set(slots)) <= 3
    finally:
        gc.set_threshold(*before)
    assert len(done) > 100


@pytest.mark.parametrize("policy", EvictionStrategy)
def test_who_is_announced_is_who_leaves(policy: EvictionStrategy) -> None:
    """Whatever the listener looks at, in this pool or through the manager."""
    m: KVCacheManager[str] = KVCacheManager(
        SimpleNamespace(game_segment_length=2, num_simulations=1), 1, eviction_strategy=policy
    )
    pool, told = m.init_pools[0], list[tuple[int, object]]()

    def look(departure: Departure[str]) -> None:
        looks = pool.get(departure.key), m.hierarchical_get(0, departure.key), pool.peek(2)
        told.append((departure.key, looks))

    pool.on_evict = look
    for key in (1, 2):
        pool.set(key, f"v{key}")
    counts = pool.stats and pool.stats.as_dict(), m.lookup_stats and m.lookup_stats.as_dict()
    pool.set(3, "v3")
    assert told == [(1, ("v1", "v1", "v2"))]
    assert set(pool) == {2, 3}
    assert counts[1] == (m.lookup_stats and m.lookup_stats.as_dict()), "looks do not count"


def test_a_clear_tells_each_entry_once_and_keeps_what_came_meanwhile() -> None:
    m: KVCacheManager[str] = KVCacheManager(CONFIG, 1)
    told: list[tuple[str, int, Cause]] = []

    def demote(departure: Departure[str]) -> None:
        told.append((departure.pool, departure.key, departure.cause))
        if departure.pool == "recur":
            m.set_init_cache(0, departure.key, departure.value)

    for pool in m.pools:
        pool.on_evict = demote
    m.set_recur_cache(1, "a")
    m.set_recur_cache(2, "b")
    m.set_init_cache(0, 9, "i")
    m.clear_all()
    assert told == [
        ("init:0", 9, Cause.CLEARED),
        ("recur", 1, Cause.CLEARED),
        ("recur", 2, Cause.CLEARED),
        ("init:0", 1, Cause.EVICTED),
    ]
    assert [list(pool) for pool in m.pools] == [[2], [], []]


def test_a_cleared_pool_is_empty_when_its_listener_hears_of_it() -> None:
    pool: KVCachePool[str] = KVCachePool(2)
    seen: list[object] = []
    pool.on_evict = lambda departure: seen.append((departure.value, pool.get(1), len(pool)))
    pool.set(1, "a")
    pool.clear()
    assert seen == [("a", None, 0)]


class Log:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event[str]] = []

    def __call__(self, event: Event[str], /) -> None:
        self.events.append(event)


def manager() -> KVCacheManager[str]:
    return KVCacheManager(CONFIG, 2)


def test_an_observer_is_told_of_every_operation_with_operands_answers_and_departures() -> None:
    m, log = manager(), Log()
    m.observe(log)
    m.set_init_cache(0, 1, "a")
    m.init_pools[0].set(2, "b")
    m.hierarchical_get(0, 2)
    m.hierarchical_get(1, 3)
    m.set_init_cache(0, 2, "c")
    m.recur_pool.clear()
    m.init_pools[0].clear()
    gone = Departure("init:0", 1, 0, "a", Cause.EVICTED)
    replaced = Departure("init:0", 2, 0, "b", Cause.UPDATED)
    cleared = Departure("init:0", 2, 0, "c", Cause.CLEARED)
    assert log.events == [
        Stored("init:0", 1, "a", "a", 0, True, None, ()),
        Stored("init:0", 2, "b", "b", 0, True, None, (gone,)),
        Got("init:0", 2, "b", 0),
        LookedUp(0, 2, "b", ("init:0",)),
        Got("init:1", 3, None, None),
        Got("recur", 3, None, None),
        LookedUp(1, 3, None, ("init:1", "recur")),
        Stored("init:0", 2, "c", "c", 0, False, None, (replaced,)),
        Cleared("recur", ()),
        Cleared("init:0", (cleared,)),
    ]


def test_an_observer_of_one_pool_is_told_of_that_one() -> None:
    m, log = manager(), Log()
    m.init_pools[1].observe(log)
    m.set_init_cache(0, 1, "a")
    m.set_init_cache(1, 1, "b")
    m.hierarchical_get(1, 1)
    m.clear_all()
    m.init_pools[1].unobserve(log)
    m.set_init_cache(1, 1, "c")
    assert [type(event) for event in log.events] == [Stored, Got, Cleared]


def test_an_observer_that_raises_is_detached_and_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    m, log = manager(), Log()

    def fails(event: Event[str], /) -> None:
        raise RuntimeError("observer")

    m.observe(fails)
    m.observe(log)
    with caplog.at_level(logging.ERROR, "kvref.observing"):
        m.set_init_cache(0, 1, "a")
        m.set_init_cache(0, 2, "b")
    assert list(m.init_pools[0]) == [2], "the operations stand"
    assert len(log.events) == 2, "the others are told as always"
    assert caplog.text.count("is detached") == 1


def test_what_an_observer_does_is_told_after_what_it_heard() -> None:
    m, log = manager(), Log()

    def copies(event: Event[str], /) -> None:
        if isinstance(event, Stored) and event.pool == "init:0":
            m.set_wm_cache(event.key, event.value)

    observers: tuple[Observer[str], ...] = (copies, log)
    for observer in observers:
        m.observe(observer)
    m.set_init_cache(0, 1, "a")
    assert [event.pool for event in log.events if isinstance(event, Stored)] == ["init:0", "wm"]


def test_nobody_observing_leaves_nothing_behind() -> None:
    m, log = manager(), Log()
    pool = m.init_pools[0]
    before = {name: value for name, value in vars(pool).items() if name.startswith("_on_")}
    m.observe(log)
    m.unobserve(log)
    assert {name: vars(pool)[name] for name in before} == before
    link = weakref.ref(pool)
    m.observe(log)
    del m, pool
    assert link() is None, "an observed pool is no cycle"


def test_observers_are_told_apart_by_identity() -> None:
    """Also those that are equal, and those that cannot say whether they are."""

    class Equal(Log):
        def __init__(self, fails: bool) -> None:
            super().__init__()
            self.fails = fails

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]  # on purpose

        def __call__(self, event: Event[str], /) -> None:
            super().__call__(event)
            if self.fails:
                raise RuntimeError("observer")

    m, observers = manager(), [Equal(False), Equal(True)]
    for one in observers:
        m.observe(one)
    for key in (1, 2, 3):
        m.set_wm_cache(key, "x")
    assert [len(one.events) for one in observers] == [3, 1]


def test_an_observer_may_leave_and_raise() -> None:
    m = manager()

    def leaves(event: Event[str], /) -> None:
        m.unobserve(leaves)
        raise RuntimeError("gone")

    m.observe(leaves)
    m.set_wm_cache(1, "x")
    m.set_wm_cache(2, "x")
    assert len(m.wm_pool) == 2


def test_a_departure_may_be_a_value_too() -> None:
    pool: KVCachePool[object] = KVCachePool(2, verify=False)
    events: list[Event[object]] = []
    pool.observe(events.append)
    value = Departure("x", 1, 0, "v", Cause.EVICTED)
    for _ in range(2):
        pool.set(7, value)
        pool.set(8, (value, value))
    assert [event.left for event in events if isinstance(event, Stored)][:3] == [(), (), ()]


def test_a_vetoed_clear_is_whole_before_anything_is_let_go() -> None:
    m, done = manager(), list[int]()

    class Last(str):
        def __del__(self) -> None:
            done.append(m.wm_pool.set(99, "x"))

    def veto(departure: Departure[str]) -> None:
        if departure.pool == "init:0":
            m.set_recur_cache(50, Last("l"))
        else:
            raise RuntimeError("no")

    for pool in m.pools:
        pool.set(5, "old")
        pool.on_evict = veto
    with pytest.raises(RuntimeError):
        m.clear_all()
    assert done == [1]
    assert 99 in m.wm_pool, "what a finalizer does is done"
    assert [5 in pool for pool in m.pools] == [True] * 4


def test_a_pool_is_usable_after_a_race_in_its_listener() -> None:
    """Another thread was busy when a clear was announced, and is done before that is."""
    pool: KVCachePool[str] = KVCachePool(2)
    pool.set(1, "a")

    def race(departure: Departure[str]) -> None:
        pool._busy = True

    pool.on_evict = race
    pool.clear()
    pool.on_evict = None
    assert pool.set(1, "b") == 0


def test_a_working_list_is_empty_when_its_values_go() -> None:
    m, seen = manager(), list[int]()

    class Last(str):
        def __del__(self) -> None:
            seen.append(len(m.keys_values_wm_list) + len(m.wm_pool))

    m.set_wm_cache(1, Last("l"))
    m.keys_values_wm_list.append(Last("m"))
    m.clear_all()
    assert seen == [0, 0]
