"""`guard`: what departs is told with its law and its history, what is right passes, types stay."""

import copy
import logging
import pickle
from collections.abc import Callable
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import cast

import lru
import numpy as np
import pytest
import torch

from kvref import (
    Departure,
    EvictionStrategy,
    KVCacheManager,
    KVCachePool,
    Ownership,
    RecurScope,
)
from kvref.tensors import KeysValues, Missing, SearchSession
from spec.profile import CLASSIC
from spec.sizing import Capacities
from stateful_models import (
    FIFO_COPY,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_COPY,
    LRU_REFERENCE,
    Aspect,
    Config,
    Contents,
    ManagerSubject,
    Policy,
    PoolSubject,
    Profile,
    Ref,
    SubjectError,
    Tier,
    replay,
)
from stateful_models import Ownership as Owned
from stateful_models.bugs.caches.black_boxes import PlainFifo, PlainLru
from stateful_models.bugs.caches.clears_the_old_list import ClearsTheOldList
from stateful_models.bugs.caches.copy_is_alias import CopyIsAlias
from stateful_models.bugs.caches.equal_timestamps import EqualTimestamps
from stateful_models.bugs.caches.get_removes import GetRemoves
from stateful_models.bugs.caches.highest_free_slot import HighestFreeSlot
from stateful_models.bugs.caches.one_too_many import OneTooMany
from stateful_models.bugs.caches.other_names import EmptyIsMissing, StoresOneOfEquals
from stateful_models.bugs.caches.ring import ClearKeepsCursor, UpdateMoves
from stateful_models.bugs.caches.set_reaches_neighbour import SetReachesNeighbour
from stateful_models.bugs.caches.shared_cursor import SharedCursor
from stateful_models.bugs.caches.shared_object import SharedObject
from stateful_models.bugs.caches.stores_none import StoresNone
from stateful_models.bugs.caches.untouched_by_hit import UntouchedByHit
from stateful_models.bugs.caches.untouched_by_set import UntouchedBySet
from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import KvrefPool
from stateful_models.reports.breaches import breach_repro, breach_story
from stateful_models.runtime.adapters import manager_calls, pool_calls
from stateful_models.runtime.breach import Breach, BreachError, OnBreach
from stateful_models.runtime.calls import Asks, Counts, Empties, Guarding, Part, Readings, Stores
from stateful_models.runtime.guard import guard, guard_of
from stateful_models.subjects.client import Box, EmptyBox, EqualBox
from tests.support.adapters import MinimalManager, RecurFirst


class Value:
    """Something that can be copied and sealed."""

    def __init__(self, contents: int) -> None:
        self.contents = contents
        self.sealed = False

    def seal(self) -> None:
        self.sealed = True

    def clone(self) -> "Value":
        return type(self)(self.contents)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value) and self.contents == other.contents

    __hash__ = object.__hash__


KINDS: dict[type[PoolSubject], type[Box]] = {
    EmptyIsMissing: EmptyBox,
    StoresOneOfEquals: EqualBox,
}


def boxes(kind: type[Box], count: int = 6) -> list[Box]:
    """What subjects store; two by two of equal contents."""
    return [kind(Ref(number), Contents(number // 2), []) for number in range(count)]


def contents(value: object) -> object:
    return cast(Value, value).contents


def drive_pool(cache: PoolSubject, seed: int, kind: type[Box] = Box) -> None:
    random, values = Random(seed), boxes(kind)
    refuses = Aspect.REFUSALS in cache.reports
    for what in random.choices(["get", "set", "clear", "none"], (10, 10, 1, refuses), k=400):
        key = random.randrange(6)
        if what == "get":
            cache.get(key)
        elif what == "set":
            cache.set(key, random.choice(values), random.randrange(3))
        elif what == "clear":
            cache.clear()
        else:
            with pytest.raises((TypeError, ValueError)):
                cache.set(key, None, 0)


def drive_pools(cache: PoolSubject, kind: type[Box] = Box) -> None:
    for seed in range(20):
        drive_pool(cache, seed, kind)


def breach(run: Callable[[], object]) -> Breach:
    with pytest.raises(BreachError) as caught:
        run()
    return caught.value.breach


@pytest.mark.parametrize(
    ("exhibit", "laws"),
    [
        (SharedObject, {"R1"}),
        (UpdateMoves, {"P5"}),
        (ClearKeepsCursor, {"P7"}),
        (UntouchedByHit, {"P3"}),
        (UntouchedBySet, {"P3"}),
        (OneTooMany, {"P3", "P4"}),
        (HighestFreeSlot, {"P4"}),
        (GetRemoves, {"P3", "P4"}),
        (CopyIsAlias, {"R1"}),
        (StoresNone, {"P8"}),
        (ClearsTheOldList, {"P7"}),
        (EqualTimestamps, {"P3"}),
        (EmptyIsMissing, {"P6"}),
        (StoresOneOfEquals, {"R1"}),
    ],
)
def test_exhibits_are_told_with_a_history_that_shows_it(
    exhibit: type[PoolSubject], laws: set[str]
) -> None:
    profile = exhibit.profiles[0]
    cache = guard(exhibit(profile, 2, 1), profile, adapter=pool_calls(2))
    assert isinstance(cache, exhibit)
    kind = KINDS.get(exhibit, Box)
    found = breach(lambda: drive_pools(cache, kind))
    assert laws <= set(found.laws), found
    assert found.whole
    assert f"breaks {', '.join(found.laws)}" in str(found)
    if kind is Box and laws != {"P7"}:  # or else what came before the clear is part of it
        again = replay(exhibit, found.scope, found.history)
        assert again is not None
        assert len(again.history) <= len(found.history)


def drive_manager(cache: ManagerSubject, seed: int, tiers: tuple[Tier, ...]) -> None:
    random, values = Random(seed), boxes(Box, 600)
    whats = random.choices(["get", "set", "lookup", "clear"], (10, 20, 10, 1), k=600)
    for what in whats:
        key, env, tier = random.randrange(5), random.randrange(2), random.choice(tiers)
        if what == "get":
            cache.get(tier, env, key)
        elif what == "set":
            cache.set(tier, env, key, values.pop(), 0)
        elif what == "lookup":
            cache.lookup(env, key)
        else:
            cache.clear(*random.choice([(None, None), (tier, None)]))


class RecurClearsWm(KvrefManager):
    def clear(self, tier: Tier | None, env: int | None) -> None:
        super().clear(tier, env)
        if tier is Tier.RECUR:
            super().clear(Tier.WM, None)


class OfCopies(KvrefManager):
    """Of whose answers nobody can tell which pool they come from."""

    profiles = (LRU_COPY,)


SIZES = Capacities(2, 4, 2)
CONFIG = Config(game_segment_length=2, num_simulations=2)
BOTH = (Tier.INIT, Tier.RECUR)


@pytest.mark.parametrize(
    ("exhibit", "laws", "tiers"),
    [
        (SetReachesNeighbour, {"P6", "P4", "P5"}, tuple(Tier)),
        (SharedCursor, {"P5", "P4"}, tuple(Tier)),
        (RecurClearsWm, {"P6", "P4"}, tuple(Tier)),
        (RecurFirst, {"M3"}, BOTH),
        (KvrefManager, set(), tuple(Tier)),
        (OfCopies, set(), BOTH),
        (MinimalManager, set(), BOTH),
    ],
)
def test_managers_that_are_called_as_subjects_are(
    exhibit: type[ManagerSubject], laws: set[str], tiers: tuple[Tier, ...]
) -> None:
    """M3: which pool answered; what a lookup calls of its own manager is part of it."""
    profile = exhibit.profiles[0]
    for sample in (1, 3):
        cache = guard(
            exhibit(profile, CONFIG, 2, 1), profile, adapter=manager_calls(SIZES, 2), sample=sample
        )

        def run(cache: ManagerSubject = cache) -> None:
            for seed in range(20):
                drive_manager(cache, seed, tiers)

        if laws:
            assert laws & set(breach(run).laws)
        else:
            run()
            told = guard_of(cache)
            assert told is not None
            assert told.judged > 1000


@pytest.mark.parametrize("subject", [PlainFifo, PlainLru, KvrefPool])
def test_right_pools_that_are_called_as_subjects_are(subject: type[PoolSubject]) -> None:
    for profile in subject.profiles:
        cache = guard(subject(profile, 2, 1), profile, adapter=pool_calls(2))
        random, values = Random(0), boxes(Box)
        for _ in range(500):
            key = random.randrange(5)
            if random.random() < 0.5:
                cache.get(key)
            else:
                cache.set(key, random.choice(values), random.randrange(3))
        told = guard_of(cache)
        assert told is not None
        assert told.judged == 500


def kvref_manager(profile: Profile, apart: bool = False) -> KVCacheManager[Value]:
    return KVCacheManager(
        SimpleNamespace(game_segment_length=3, num_simulations=4),
        2,
        eviction_strategy=EvictionStrategy(profile.policy.value),
        ownership=Ownership[profile.ownership.name],
        recur_scope=RecurScope.PER_ENV if apart else RecurScope.SHARED,
    )


def drive_kvref(manager: KVCacheManager[Value], seed: int, ranked: bool, length: int = 500) -> None:
    random = Random(seed)
    apart = len(manager.recur_pools) > 1
    for _ in range(length):
        key, env = random.randrange(9), random.randrange(2)
        asked = env if apart else None
        value = Value(random.randrange(4))
        rank = random.choice([0, 1, 2.5, -1]) if ranked else None
        match random.randrange(16):
            case 0 | 1 | 2:
                manager.set_init_cache(env, key, value, priority=rank)
            case 3 | 4 | 5:
                manager.set_recur_cache(key, value, priority=rank, env_id=asked)
            case 6:
                manager.set_wm_cache(key, value, priority=rank)
            case 7 | 8:
                manager.hierarchical_get(env, key)
            case 9:
                manager.get_init_cache(env, key)
            case 10:
                manager.get_recur_cache(key, env_id=asked)
            case 11:
                pool = random.choice(manager.pools)
                assert (key in pool) == (pool.peek(key) is not None)
            case 12:
                assert len(random.choice(manager.pools)) <= 8
            case 13:
                random.choice(manager.pools).get(key)
            case 14 if random.random() < 0.3:
                manager.clear_recur_cache()
            case 15 if random.random() < 0.2:
                random.choice([manager.clear_all, manager.clear_init_caches])()
            case _:
                manager.get_wm_cache(key)


@pytest.mark.parametrize("policy", CLASSIC)
@pytest.mark.parametrize("owned", [one for one in Owned if one is not Owned.LENT])
@pytest.mark.parametrize("apart", [True, False])
def test_kvrefs_own_manager_passes(policy: Policy, owned: Owned, apart: bool) -> None:
    """Whichever of its methods and pools is called; sampled, too."""
    profile = Profile(policy, owned)
    for sample in (1, 2, 7):
        made = kvref_manager(profile, apart)
        manager = guard(made, profile, sample=sample, snapshot=contents)
        assert manager is made
        told = guard_of(manager)
        assert told is not None
        for seed in range(4):
            drive_kvref(manager, seed, policy.ranked)
        assert told.judged > 200 / sample
        assert told.breaches == 0
        assert told.first is None


@pytest.mark.parametrize("policy", CLASSIC)
def test_what_breaks_in_kvrefs_own_is_told(policy: Policy) -> None:
    """Its books are tampered with in every way that an answer can show."""

    def forget(pool: KVCachePool[Value], key: int) -> None:
        del pool._values[key]

    def swap(pool: KVCachePool[Value], key: int) -> None:
        pool._values[key] = Value(77)

    def move(pool: KVCachePool[Value], key: int) -> None:
        pool._slots[key] = 5

    profile = Profile(policy)
    for tamper, laws, look in (
        (forget, {"P6"}, "get"),
        (forget, {"P10"}, "peek"),
        (forget, {"P10"}, "__contains__"),
        (swap, {"R1"}, "get"),
        (move, {"P5"}, "set"),
    ):
        manager = guard(kvref_manager(profile), profile)
        pool = manager.recur_pool
        for key in (1, 2, 3):
            pool.set(key, Value(key))
        tamper(pool, 2)
        call = partial(getattr(pool, look), 2, *([Value(2)] if look == "set" else []))
        found = breach(call)
        assert laws <= set(found.laws), found
        call()  # once a history
    pool = guard(KVCachePool[Value](4, EvictionStrategy(policy.value)), profile)
    for key in (1, 2, 3):
        pool.set(key, Value(key))
    forget(pool, 1)
    with pytest.raises(BreachError, match=r"P10: size: due 3 \(int\), came 2"):
        len(pool)


class AsksRecurFirst(KVCacheManager[Value]):
    def hierarchical_get(self, env_id: object, cache_key: object) -> Value | None:
        found = self.recur_pool.peek(cast(int, cache_key))
        return (
            self.init_pools[cast(int, env_id)].peek(cast(int, cache_key))
            if found is None
            else found
        )


@pytest.mark.parametrize("sample", [1, 2])
def test_a_lookup_that_asks_recur_first(sample: int) -> None:
    config = SimpleNamespace(game_segment_length=3, num_simulations=4)
    manager = guard(AsksRecurFirst(config, 1), FIFO_REFERENCE, sample=sample)
    manager.set_init_cache(0, 1, Value(1))
    manager.set_recur_cache(1, Value(2))
    found = breach(lambda: manager.hierarchical_get(0, 1))
    assert "M3" in found.laws


def test_contents_are_judged_where_they_must_stay() -> None:
    """R4 under SEALED and COPY, by a snapshot; a copy is none of the client's objects."""
    for profile in (FIFO_SEALED, FIFO_COPY):
        manager = guard(kvref_manager(profile), profile, snapshot=contents)
        manager.set_recur_cache(1, Value(1))
        stored = manager.recur_pool._values[1]
        stored.contents = 5
        found = breach(lambda manager=manager: manager.get_recur_cache(1))  # type: ignore[misc]  # bound now
        assert "R4" in found.laws
    other = guard(kvref_manager(FIFO_REFERENCE), FIFO_REFERENCE, snapshot=contents)
    other.set_recur_cache(1, Value(1))
    other.recur_pool._values[1].contents = 5
    assert other.get_recur_cache(1) is not None


def test_what_a_listener_does_and_what_is_vetoed() -> None:
    """Looks at the pool that calls it, stores in another, vetoes."""
    manager = kvref_manager(LRU_REFERENCE)
    vetoes = [False]

    def listener(departure: Departure[Value]) -> None:
        manager.recur_pool.get(departure.key)  # leaves no trace
        if not manager.wm_pool._busy:
            manager.wm_pool.set(1, Value(1))
        if vetoes[0]:
            raise KeyError("stays")

    watched = guard(manager, LRU_REFERENCE)
    watched.recur_pool.on_evict = listener
    for key in range(20):
        watched.set_recur_cache(key, Value(key))
    vetoes[0] = True
    with pytest.raises(KeyError):
        watched.set_recur_cache(99, Value(0))
    with pytest.raises(KeyError):
        watched.clear_all()
    vetoes[0] = False
    for key in range(20):
        watched.hierarchical_get(0, key)
    watched.clear_recur_cache()
    drive_kvref(watched, 0, False)
    told = guard_of(watched)
    assert told is not None
    assert told.breaches == 0


def window() -> KeysValues:
    made = KeysValues(1, 1, 8, 4, 1)
    made[0].update(torch.ones(1, 1, 1, 4), torch.ones(1, 1, 1, 4))
    return made


@pytest.mark.parametrize("sample", [1, 2])
def test_a_session_may_use_the_manager(sample: int) -> None:
    """What it does by way of the manager's own means is judged as well."""
    config = SimpleNamespace(game_segment_length=4, num_simulations=3)
    made: KVCacheManager[KeysValues] = KVCacheManager(config, 2, ownership=Ownership.SEALED)
    manager = guard(made, FIFO_SEALED, sample=sample, snapshot=lambda one: one.fingerprint())  # type: ignore[attr-defined]  # windows

    def rebuild(missing: Missing) -> list[KeysValues]:
        return [window() for _ in missing.latents]

    session = SearchSession(manager, rebuild, context_length=8, tokens_per_step=2)
    for _ in range(4):
        nodes = session.root([0, 1], torch.randn(2, 4)).nodes
        for _ in range(3):
            with session.step(nodes) as step:
                for layer in step.keys_values:
                    layer.update(torch.randn(2, 1, 2, 4), torch.randn(2, 1, 2, 4))
                nodes = step.children(torch.randn(2, 4), torch.randn(2, 4))
    told = guard_of(manager)
    assert told is not None
    assert told.judged > 20
    assert told.breaches == 0
    if sample == 1:
        key = next(iter(manager.recur_pool))
        manager.recur_pool._values[key] = window()
        assert "R1" in breach(lambda: manager._met(0, key, None, manager._sought(0, key)[1])).laws


def test_histories_are_sampled_and_what_is_not_watched_is_as_it_was() -> None:
    pool = guard(KVCachePool[Value](2), FIFO_REFERENCE, sample=3)
    plain = KVCachePool[Value](2)
    told = guard_of(pool)
    assert told is not None
    judged = list[int]()
    for _ in range(7):
        before = told.judged
        for key in range(3):
            pool.set(key, Value(key))
            pool.get(key)
        pool._values[2] = Value(9)
        if (judged and len(judged) % 3 == 0) or not judged:
            assert "R1" in breach(lambda: pool.get(2)).laws
        else:
            pool.get(2)
            assert {name for name in vars(pool) if name not in vars(plain)} == {
                "_empty",
                "__kvref_guard__",
            }
        pool.clear()
        judged.append(told.judged - before)
    assert judged == [8, 1, 1, 8, 1, 1, 8]
    assert told.breaches == 3


def test_long_histories_are_left_where_they_are_sampled() -> None:
    pool = guard(KVCachePool[Value](2), FIFO_REFERENCE, sample=2, longest=10)
    told = guard_of(pool)
    assert told is not None
    for number in range(100):
        pool.set(number % 3, Value(0))
    assert told.judged == 11
    whole = guard(KVCachePool[Value](2), FIFO_REFERENCE, longest=10)
    for number in range(100):
        whole.set(number % 3, Value(0))
    del whole._values[99 % 3]
    found = breach(lambda: whole.get(0))
    assert not found.whole
    assert found.laws == ("P6",)


@pytest.mark.parametrize("on_breach", [OnBreach.LOG, OnBreach.COUNT])
def test_what_is_only_counted(on_breach: OnBreach, caplog: pytest.LogCaptureFixture) -> None:
    pool = guard(KVCachePool[Value](2), FIFO_REFERENCE, on_breach=on_breach)
    with caplog.at_level(logging.WARNING, "stateful_models"):
        for _ in range(3):
            pool.set(1, Value(1))
            del pool._values[1]
            assert pool.get(1) is None
            assert pool.get(1) is None
            pool.clear()
    told = guard_of(pool)
    assert told is not None
    assert told.breaches == 3
    assert told.first is not None
    assert told.first.laws == ("P6",)
    assert len(caplog.records) == (3 if on_breach is OnBreach.LOG else 0)


class Copying(PlainFifo):
    """Whose copies take along all that it has."""

    def __copy__(self) -> "Copying":
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other.entries = self.entries.copy()
        return other


def test_a_copy_that_takes_along_all_is_watched_by_nobody() -> None:
    cache = guard(Copying(FIFO_REFERENCE, 2, 1), FIFO_REFERENCE, adapter=pool_calls(2))
    cache.set(1, Value(1), 0)
    other = copy.copy(cache)
    assert guard_of(other) is None
    other.entries.clear()
    assert other.get(1) is None
    assert cache.get(1) == Value(1)
    told = guard_of(cache)
    assert told is not None
    assert told.judged == 2


COPIES: tuple[Callable[[object], object], ...] = (
    copy.copy,
    copy.deepcopy,
    lambda one: pickle.loads(pickle.dumps(one)),
)


def test_copies_and_pickles_are_as_nobody_watched() -> None:
    for sample in (1, 2):
        manager = guard(kvref_manager(FIFO_REFERENCE), FIFO_REFERENCE, sample=sample)
        manager.set_recur_cache(1, Value(1))
        pool = guard(KVCachePool[Value](2), FIFO_REFERENCE, sample=sample)
        pool.set(1, Value(1))
        told = guard_of(manager)
        assert told is not None
        before = told.judged
        for make in COPIES:
            other = cast(KVCacheManager[Value], make(manager))
            assert type(other) is KVCacheManager
            assert type(other.recur_pool) is KVCachePool
            assert guard_of(other) is None
            assert guard_of(other.recur_pool) is None
            del other.recur_pool._values[1]
            assert other.get_recur_cache(1) is None
            assert other.hierarchical_get(0, 1) is None
            assert type(make(pool)) is KVCachePool
            assert cast(KVCachePool[Value], make(pool)).get(1) == Value(1)
        assert told.judged == before


def test_a_type_stays_what_it_was() -> None:
    for sample in (1, 2):
        pool = guard(KVCachePool[Value](2), FIFO_REFERENCE, sample=sample)
        assert isinstance(pool, KVCachePool)
        assert type(pool).__name__ == "KVCachePool"
        assert pool.pool_size == 2
        assert repr(pool).startswith("KVCachePool(")
        told = guard_of(pool)
        assert told is not None
        told.end()
        before = told.judged
        assert type(pool) is KVCachePool
        assert guard_of(pool) is None
        pool.get(1)
        assert told.judged == before


def lru_calls(cache: object) -> Guarding:
    methods: Readings = {
        "__setitem__": lambda key, value: Stores("pool", key, value),
        "get": lambda key, default=None: Asks(("pool",), key),
        "__len__": lambda: Counts("pool"),
    }
    part = Part(cache, ("pool",), methods, {"clear": lambda: Empties(("pool",))})
    return Guarding({"pool": 2}, (part,))


def test_an_object_of_c_gets_a_stand_in() -> None:
    """lru-dict refreshes with a get, which FIFO does not."""
    for profile, right in ((LRU_REFERENCE, True), (FIFO_REFERENCE, False)):
        made: lru.LRU[int, Value] = lru.LRU(2)
        cache = guard(made, profile, adapter=lru_calls)
        assert isinstance(cache, lru.LRU)
        told = guard_of(cache)
        assert told is not None
        cache[1], cache[2] = Value(1), Value(2)
        cache.get(1)
        cache[3] = Value(3)
        assert len(cache) == 2
        assert 3 in cache
        if right:
            assert cache.get(2) is None
            assert cache.get_size() == 2
        else:
            assert "P6" in breach(lambda cache=cache: cache.get(2) or cache.get(1)).laws  # type: ignore[misc]  # bound now
        told.end()
        cache.get(9)


class Slotted:
    """Nothing can be added to it."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: dict[int, object] = {}

    def find(self, key: int) -> object | None:
        return self.entries.get(key)

    def keep(self, key: int, value: object) -> None:
        self.entries[key] = value

    def forget(self) -> None:
        self.entries = {}


class Open(Slotted):
    """Something can."""


def test_other_names_and_no_attributes_of_its_own() -> None:
    """It keeps whatever it gets: beyond the capacity that it claims."""
    for kind in (Slotted, Open):
        cache = guard(kind(), FIFO_REFERENCE, adapter=pool_calls(2, "find", "keep", "forget"))
        assert isinstance(cache, kind)
        for key in (1, 2, 3):
            cache.keep(key, Value(key))
        assert "P6" in breach(lambda cache=cache: cache.find(1)).laws  # type: ignore[misc]  # bound now
        cache.forget()
        assert cache.entries == {}
        cache.keep(1, Value(1))
        assert cache.find(1) == Value(1)


class Restless(Value):
    """It uses the cache when it is let go."""

    def __init__(self, pool: KVCachePool[Value]) -> None:
        super().__init__(0)
        self.pool = pool

    def __del__(self) -> None:
        self.pool.set(50, Value(50))
        self.pool.get(1)


@pytest.mark.parametrize("sample", [1, 2])
def test_finalizers_find_the_books_closed(sample: int) -> None:
    """Whoever is evicted, replaced or cleared may use the cache then."""
    for policy in CLASSIC:
        made = KVCachePool[Value](2, EvictionStrategy(policy.value))
        pool = guard(made, Profile(policy), sample=sample)
        for key in (1, 2, 3, 3, 4, 50, 3):
            pool.set(key, Restless(pool))
            pool.get(key)
        pool.clear()
        pool.get(50)
        told = guard_of(pool)
        assert told is not None
        assert told.breaches == 0
        assert told.judged > 14


def test_keys_are_integers_of_any_kind() -> None:
    pool = guard(KVCachePool[Value](2), FIFO_REFERENCE)
    for key in (np.int64(3), torch.tensor(3), 3):
        pool.set(key, Value(1))
        assert pool.get(torch.tensor(3, dtype=torch.uint64)) == Value(1)
    assert len(pool) == 1


def test_what_is_there_already_is_watched_from_the_next_clear_on() -> None:
    pool = KVCachePool[Value](2)
    pool.set(1, Value(1))
    watched = guard(pool, FIFO_REFERENCE)
    told = guard_of(watched)
    assert told is not None
    watched.get(1)
    assert told.breaches == 0
    watched.clear()
    watched.set(1, Value(1))
    del pool._values[1]
    assert breach(lambda: watched.get(1)).laws == ("P6",)


def test_a_breach_is_a_test_and_a_story() -> None:
    cache = guard(UpdateMoves(FIFO_REFERENCE, 2, 1), FIFO_REFERENCE, adapter=pool_calls(2))
    found = breach(lambda: drive_pools(cache))
    text = breach_repro(found, UpdateMoves)
    told: dict[str, object] = {}
    exec(compile(text, "repro.py", "exec"), told)
    with pytest.raises(AssertionError, match="laws broken"):
        told["test_history_is_answered_as_specified"]()  # type: ignore[operator]  # a function
    assert "expected: slot 0" in breach_story(found)
    exec(compile(breach_repro(found), "repro.py", "exec"), told)
    told["test_history_is_answered_as_specified"]()  # type: ignore[operator]  # kvref is right


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: guard(object(), FIFO_REFERENCE), "say how it is called"),
        (lambda: guard(KVCachePool[Value](1), cast(Profile, "fifo")), "must be a Profile"),
        (
            lambda: guard(guard(KVCachePool[Value](1), FIFO_REFERENCE), FIFO_REFERENCE),
            "guarded already",
        ),
        (
            lambda: guard(KVCachePool[Value](1), FIFO_REFERENCE, on_breach=cast(OnBreach, "raise")),
            "no OnBreach",
        ),
        (
            lambda: guard(object(), FIFO_REFERENCE, adapter=pool_calls(2)),
            "object has no method get, set, clear",
        ),
    ],
)
def test_what_cannot_be_guarded_is_refused(make: Callable[[], object], told: str) -> None:
    with pytest.raises(SubjectError, match=told):
        make()
    with pytest.raises(ValueError, match="sample must be at least 1"):
        guard(KVCachePool[Value](1), FIFO_REFERENCE, sample=0)
