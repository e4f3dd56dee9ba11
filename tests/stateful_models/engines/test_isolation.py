"""M2 and M5, exhausted: two runs compared, for every history within scope."""

import pytest

from spec.history import unaffected
from spec.isolation_laws import ISOLATION, M2, M5, TwoRuns
from spec.law import Law
from spec.ops import EnvId
from spec.profile import FIFO_REFERENCE, LRU_REFERENCE, PRIORITY_REFERENCE, Profile, RecurScope
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
from stateful_models.reference.manager import KvrefManager
from stateful_models.scopes.isolation import IsolationScope
from stateful_models.subjects.manager import ManagerSubject
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

    An init pool is empty, or holds one key or both in either order: 5 states. In recur a key was
    last set by one of `envs`; either the watched environment has set it too, so that it is there
    in the run alone (`mine` ways), or it has not (`theirs` ways). Both keys lie in either order,
    and so they do in the run alone if both are there.
    """
    mine, theirs = envs, envs - 1
    one = 2 * (mine + theirs)
    two = 2 * (2 * mine * mine + 2 * mine * theirs + theirs * theirs)
    return int(5**envs * (1 + one + two))


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
    scope = IsolationScope(profile, keys=keys)
    assert run(scope, Specified(scope), M2, depth=depth).found == ()


@pytest.mark.parametrize("watched", [0, 1])
@pytest.mark.parametrize("profile", [FIFO_REFERENCE, LRU_REFERENCE, APART])
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


@pytest.mark.parametrize("profile", [FIFO_REFERENCE, APART])
def test_kvrefs_manager_with_three_environments(profile: Profile) -> None:
    """To depth 3, by night 4; beyond, it refines what was exhausted above (`kvref check`)."""
    law = M5 if profile is APART else M2
    scope = IsolationScope(profile, 3)
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
    """Presence: they set, I look. Contents: I set, they set over it, I look. Eviction: I set, they
    set two others, I look. Nothing shorter tells."""
    found = channel(FIFO_REFERENCE, 3, 4)
    assert {kind: len(one.history) for kind, one in found.items()} == {
        "presence": 2,
        "answer": 2,
        "contents": 3,
        "eviction": 4,
    }
    for one in found.values():
        scope = IsolationScope(FIFO_REFERENCE, keys=3)
        assert not unaffected(scope.initial(), one.history, ME, lambda op: True)
        assert len(one.purged) < len(one.history)
