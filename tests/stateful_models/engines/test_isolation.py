"""M2 and M5, exhausted: two runs compared, for every history within scope."""

from itertools import product

import pytest

from spec.history import unaffected
from spec.isolation_laws import ISOLATION, M2, M5, TwoRuns
from spec.law import Law
from spec.manager import ManagerState
from spec.ops import (
    Clear,
    ClearAll,
    ClearTier,
    Counters,
    EnvId,
    Get,
    Inspect,
    Key,
    Lookup,
    On,
    Peek,
    Ref,
    ResetAllStats,
    ResetStats,
    Set,
    Tier,
)
from spec.profile import (
    FIFO_REFERENCE,
    LRU_COPY,
    LRU_REFERENCE,
    PRIORITY_REFERENCE,
    Profile,
    RecurScope,
)
from spec.sizing import Config
from stateful_models.bugs.caches import ISOLATION as EXHIBITS
from stateful_models.bugs.caches import Exhibit
from stateful_models.bugs.caches.next_environment import NextEnvironment
from stateful_models.bugs.caches.shared_cursor import SharedCursor
from stateful_models.bugs.caches.stats_leak import StatsLeak
from stateful_models.engines.isolation import (
    Driven,
    Interference,
    Isolation,
    IsolationRun,
    Machine,
    Specified,
)
from stateful_models.engines.isolation_sample import LongRuns
from stateful_models.reference.manager import KvrefManager
from stateful_models.scopes.isolation import IsolationScope
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.manager import ManagerSubject
from stateful_models.subjects.protocol import SubjectError
from tests.support.night import NIGHT

ME = EnvId(0)
APART = Profile(recur_scope=RecurScope.PER_ENV)


def run(
    scope: IsolationScope,
    machine: Machine,
    law: Law[TwoRuns],
    kinds: int = 1,
    depth: int | None = None,
    watched: EnvId = ME,
) -> Isolation:
    return IsolationRun(machine, scope.alphabet(), watched, law, depth, kinds).run()


def shared_pairs(envs: int) -> int:
    """Pairs of states for two keys and room for both, FIFO, the recur pool shared.

    An init pool is empty, or holds one key or both in either order: 5 states. In recur, whatever
    the run alone holds, a key may be absent beside it, the others having cleared; or have been
    last set by one of the others (`theirs` ways); or, if the run alone has it, by the watched
    one. With two keys there these may lie in either order, in both runs.
    """
    theirs = envs - 1

    def ways(*kinds: int) -> int:
        """None of these keys, each alone, both in either order."""
        one, other = kinds
        return 1 + one + other + 2 * one * other

    empty, first, both = ways(theirs, theirs), ways(envs, theirs), ways(envs, envs)
    return int(5**envs * (empty + 2 * first + 2 * both))


FOUR = pytest.mark.skipif(not NIGHT, reason="a leak of four operations: by night")
THREE = pytest.param(3, marks=pytest.mark.skipif(not NIGHT, reason="three to closure: by night"))


@pytest.mark.parametrize("envs", [2, THREE])
def test_init_pools_do_not_interfere(envs: int) -> None:
    """M2, to closure: histories of any length, capacity 2, 2 keys."""
    scope = IsolationScope(FIFO_REFERENCE, envs)
    seen = run(scope, Specified(scope), M2)
    assert seen.found == ()
    assert seen.closed
    assert seen.depth >= 7
    assert seen.pairs == shared_pairs(envs)
    assert seen.transitions == seen.pairs * len(scope.alphabet())


@pytest.mark.parametrize("envs", [2, THREE])
def test_recur_pools_of_their_own_close_the_channel(envs: int) -> None:
    """M5: nothing that an environment is answered depends on the others. Two pools of 5 states."""
    scope = IsolationScope(APART, envs, simulations=2)
    seen = run(scope, Specified(scope), M5)
    assert seen.found == ()
    assert seen.closed
    assert seen.pairs == 25**envs


@pytest.mark.parametrize(("profile", "law"), [(FIFO_REFERENCE, M2), (APART, M5)])
def test_three_environments_to_depth_three(profile: Profile, law: Law[TwoRuns]) -> None:
    scope = IsolationScope(profile, 3, simulations=2)
    seen = run(scope, Specified(scope), law, depth=3)
    assert (seen.found, seen.depth, seen.closed) == ((), 3, False)
    assert seen.occurred


@pytest.mark.parametrize("profile", [LRU_REFERENCE, PRIORITY_REFERENCE])
@pytest.mark.parametrize("keys", [2, 3])
def test_under_every_policy_and_with_evictions(profile: Profile, keys: int) -> None:
    """With three keys pools of two evict."""
    depth = None if keys == 2 else 4
    scope = IsolationScope(profile, keys=keys, recur_keys=1)
    assert run(scope, Specified(scope), M2, depth=depth).found == ()


WATCHED = list(product((FIFO_REFERENCE, LRU_REFERENCE, APART), (0, 1)))
BY_DAY = [(FIFO_REFERENCE, 0), (LRU_REFERENCE, 1), (APART, 1)]


@pytest.mark.parametrize(("profile", "watched"), WATCHED if NIGHT else BY_DAY)
def test_kvrefs_manager_does_not_interfere(profile: Profile, watched: int) -> None:
    """Two environments, each watched in turn. To closure by night; the first one's closure is also
    what `kvref isolate` prints, and the tests of the command line have it do so."""
    apart = profile.recur_scope is RecurScope.PER_ENV
    scope = IsolationScope(profile, simulations=2 if apart else 1)
    law = M5 if apart else M2
    depth = (5 if profile is LRU_REFERENCE else None) if NIGHT else 3
    seen = run(scope, Driven(scope, KvrefManager), law, depth=depth, watched=EnvId(watched))
    assert seen.found == ()
    assert seen.closed == (depth is None)


@pytest.mark.parametrize("profile", [FIFO_REFERENCE, APART] if NIGHT else [APART])
def test_kvrefs_manager_with_three_environments(profile: Profile) -> None:
    """To depth 3, by night 4; beyond, it refines what was exhausted above (`kvref check`)."""
    law = M5 if profile is APART else M2
    scope = IsolationScope(profile, 3, recur_keys=1)
    assert run(scope, Driven(scope, KvrefManager), law, depth=4 if NIGHT else 3).found == ()


@pytest.mark.parametrize(("profile", "law"), [(FIFO_REFERENCE, M2), (APART, M5)])
def test_the_situation_of_each_law_occurs(profile: Profile, law: Law[TwoRuns]) -> None:
    """After a set by me and one by another; with the others silent it does not."""
    scope = IsolationScope(profile, simulations=2)
    assert run(scope, Specified(scope), law, depth=3).occurred
    assert not run(scope, Specified(scope), law, depth=2).occurred


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda one: one.subject.__name__)
def test_exhibit_is_rejected_with_the_shortest_history(exhibit: Exhibit) -> None:
    subject = exhibit.subject
    assert issubclass(subject, ManagerSubject)
    scope = IsolationScope(subject.profiles[0], simulations=2)
    (law,) = (one for one in ISOLATION if one.code == exhibit.law)
    (found,) = run(scope, Driven(scope, subject), law).found[:1]
    assert len(found.history) == exhibit.operations, exhibit.why


class ToggledByMisses(KvrefManager):
    """While another's misses are odd in number, environment 0 misses; nothing of it is shown."""

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        super().start(profile, config, envs)
        self.odd = False

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        value = super().get(tier, env, key)
        if value is None and tier is Tier.INIT and env == 1:
            self.odd = not self.odd
        return None if self.odd and tier is Tier.INIT and env == 0 else value


class CountsMisses(KvrefManager):
    """From the third miss of environment 0 on environment 1's init misses."""

    after = 3

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        super().start(profile, config, envs)
        self.count = 0

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        value = super().get(tier, env, key)
        if value is None and tier is Tier.INIT and env == 0:
            self.count += 1
        return None if self.count >= self.after and tier is Tier.INIT and env == 1 else value


class EvictsNextDoor(KvrefManager):
    """What environment 1 stores in a full recur pool pushes out of environment 0's as well."""

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        pools = self.manager.recur_pools
        full = tier is Tier.RECUR and env == 1 and key not in pools[1] and len(pools[1]) == 1
        if full:
            pools[0].clear()
            self.departed.clear()
        return super().set(tier, env, key, value, rank)


class CountsTheirGets(KvrefManager):
    """Gets of environment 1 in init stand in the counters of environment 0."""

    def counters(self, tier: Tier, env: int | None) -> Counters:
        told = super().counters(tier, env)
        if tier is not Tier.INIT or env != 0:
            return told
        return told._replace(misses=told.misses + super().counters(tier, 1).misses)


class ClearStopsAtEmpty(KvrefManager):
    """A clear of init goes on from the last environment's pool until one is empty."""

    def clear(self, tier: Tier | None, env: int | None) -> None:
        if tier is not Tier.INIT or env is not None:
            return super().clear(tier, env)
        for one in reversed(range(self.envs)):
            if not len(self.manager.init_pools[one]):
                return None
            super().clear(tier, one)
        return None


class PeeksNextDoor(KvrefManager):
    """A peek in one environment's recur pool looks into the next one's."""

    def peek(self, tier: Tier, env: int | None, key: int) -> object | None:
        return super().peek(tier, 1 - (env or 0) if tier is Tier.RECUR else env, key)


class ResetsNextDoor(KvrefManager):
    """A reset of one environment's counters resets everybody's."""

    def reset_counters(self, tier: Tier | None, env: int | None) -> None:
        for one in range(self.envs):
            super().reset_counters(tier, one)


class ClearsEveryInit(KvrefManager):
    def clear(self, tier: Tier | None, env: int | None) -> None:
        super().clear(tier, None if tier is Tier.INIT else env)


@pytest.mark.parametrize(
    ("subject", "profile", "operations"),
    [
        (ToggledByMisses, FIFO_REFERENCE, 3),  # I set, they miss, I get
        pytest.param(EvictsNextDoor, APART, 4, marks=FOUR),  # I set, they set two, I get
        (CountsTheirGets, FIFO_REFERENCE, 2),  # they miss, I inspect
        # I set, they set, a clear of all, I get
        pytest.param(ClearStopsAtEmpty, FIFO_REFERENCE, 4, marks=FOUR),
        (PeeksNextDoor, APART, 2),  # they set, I peek
        (ResetsNextDoor, FIFO_REFERENCE, 3),  # I miss, they reset, I inspect
        (ResetsNextDoor, APART, 3),
        (ClearsEveryInit, FIFO_REFERENCE, 2),  # they set, I clear: theirs is told to leave
    ],
)
def test_a_leak_is_found_with_a_shortest_history(
    subject: type[KvrefManager], profile: Profile, operations: int
) -> None:
    law = M5 if profile is APART else M2
    init, recur = (2, 1) if law is M2 else (1, 2)
    scope = IsolationScope(profile, keys=init, recur_keys=recur, capacity=1)
    (found,) = run(scope, Driven(scope, subject), law).found[:1]
    assert len(found.history) == operations
    assert not found.sampled


def test_a_bit_that_is_not_shown_is_missed_where_pairs_merge_by_what_is_shown() -> None:
    """So the last operation of another environment has to tell pairs apart."""
    scope = IsolationScope(FIFO_REFERENCE, recur_keys=1, capacity=1)
    shown = run(scope, Driven(scope, ToggledByMisses, remembers=False), M2)
    assert shown.found == ()
    assert run(scope, Driven(scope, ToggledByMisses), M2).found


class SaysNothing(ToggledByMisses):
    """Neither its state nor what it holds is told."""

    reports: frozenset[Aspect] = frozenset()

    def abstract(self) -> ManagerState:
        raise AssertionError("nobody may ask")


def test_a_manager_that_shows_nothing_is_judged_by_its_answers() -> None:
    scope = IsolationScope(FIFO_REFERENCE, recur_keys=1, capacity=1)
    alphabet = scope.alphabet(SaysNothing.reports)
    machine = Driven(scope, SaysNothing, shows=False)
    (found,) = IsolationRun(machine, alphabet, ME, M2).run().found
    assert len(found.history) == 3


@pytest.mark.parametrize("profile", [FIFO_REFERENCE, APART])
def test_a_right_manager_that_shows_nothing_is_isolated(profile: Profile) -> None:
    law = M5 if profile is APART else M2
    scope = IsolationScope(profile, keys=1, capacity=1)
    alphabet = scope.alphabet(frozenset())
    seen = IsolationRun(Driven(scope, KvrefManager, shows=False), alphabet, ME, law, 4).run()
    assert seen.found == ()
    assert seen.occurred


@pytest.mark.parametrize("subject", [CountsMisses, ToggledByMisses])
def test_long_histories_find_what_is_remembered_for_longer(subject: type[KvrefManager]) -> None:
    """And who is observed is any environment; nothing can be left out of what is told."""
    runs = LongRuns(subject, FIFO_REFERENCE, M2, IsolationScope(FIFO_REFERENCE))
    found = runs.run().found
    assert found is not None
    assert found.sampled
    assert (found.watched, len(found.history)) == ((1, 5) if subject is CountsMisses else (0, 3))
    assert runs.run().found == found


@pytest.mark.parametrize(
    ("profile", "law"),
    [(FIFO_REFERENCE, M2), (APART, M2), (APART, M5), (PRIORITY_REFERENCE, M2), (LRU_COPY, M2)],
)
def test_long_histories_of_kvrefs_manager(profile: Profile, law: Law[TwoRuns]) -> None:
    for envs in (2, 3):
        runs = LongRuns(KvrefManager, profile, law, IsolationScope(profile, envs), 20)
        assert runs.run() == (20, runs.length, None)


def test_the_shared_pool_is_seen_in_long_histories() -> None:
    """M5 where it does not apply: the long runs can fail without any fault of kvref's."""
    runs = LongRuns(KvrefManager, FIFO_REFERENCE, M5, IsolationScope(FIFO_REFERENCE))
    assert runs.run().found is not None


@pytest.mark.parametrize("wm", [False, True])
def test_every_operation_that_names_an_environment_is_tried(wm: bool) -> None:
    ops = set(IsolationScope(APART, wm=wm).alphabet())
    inner = (Get(Key(1)), Peek(Key(1)), Clear(), Inspect(), ResetStats(), Set(Key(1), Ref(3)))
    for op in inner:
        for tier in (Tier.INIT, Tier.RECUR):
            assert On(tier, EnvId(1), op) in ops
    assert (On(Tier.WM, EnvId(1), Clear()) in ops) == wm
    assert {ClearTier(Tier.INIT), ClearTier(Tier.RECUR), ClearAll(), ResetAllStats()} <= ops
    assert Lookup(EnvId(1), Key(1)) in ops


class Fickle(KvrefManager):
    """Every seventh get of all its instances misses."""

    gets = 0

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        Fickle.gets += 1
        return super().get(tier, env, key) if Fickle.gets % 7 else None


def test_what_answers_differently_when_asked_twice_is_not_said_to_interfere() -> None:
    runs = LongRuns(Fickle, FIFO_REFERENCE, M2, IsolationScope(FIFO_REFERENCE))
    with pytest.raises(SubjectError, match="not deterministic"):
        runs.run()


CONTROLS = [(NextEnvironment, 2), (SharedCursor, 2), (StatsLeak, 2)]


@pytest.mark.parametrize(("control", "operations"), CONTROLS)
def test_control_is_caught(control: type[KvrefManager], operations: int) -> None:
    """The other does something, the watched one asks."""
    scope = IsolationScope(FIFO_REFERENCE)
    (found,) = run(scope, Driven(scope, control), M2).found[:1]
    assert len(found.history) == operations


def channel(profile: Profile, keys: int, kinds: int) -> dict[str, Interference]:
    scope = IsolationScope(profile, keys=keys)
    return {one.kind: one for one in run(scope, Specified(scope), M5, kinds).found}


def test_the_channel_of_the_shared_pool() -> None:
    """Presence: they set, I look. Contents: I set, they set over it, I look. Clearing: I set, they
    clear, I look. Eviction: I set two, they set another, I look. Nothing shorter tells."""
    found = channel(FIFO_REFERENCE, 3, 5)
    assert {kind: len(one.history) for kind, one in found.items()} == {
        "presence": 2,
        "answer": 2,
        "contents": 3,
        "clearing": 3,
        "eviction": 4,
    }
    for one in found.values():
        scope = IsolationScope(FIFO_REFERENCE, keys=3)
        assert not unaffected(scope.initial(), one.history, ME, lambda op: True)
        assert len(one.purged) < len(one.history)
