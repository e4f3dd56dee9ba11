"""M2 and M5, exhausted: two runs compared, for every history within scope."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from spec.history import init_operation, unaffected
from spec.ops import EnvId, ManagerOp
from spec.profile import FIFO_REFERENCE, LRU_REFERENCE, PRIORITY_REFERENCE, Profile, RecurScope
from stateful_models.bugs.caches.next_environment import NextEnvironment
from stateful_models.bugs.caches.shared_cursor import SharedCursor
from stateful_models.bugs.caches.stats_leak import StatsLeak
from stateful_models.engines.isolation import (
    Driven,
    Interference,
    Isolation,
    IsolationRun,
    IsolationScope,
    Machine,
    Specified,
    everything,
)
from stateful_models.reference.manager import KvrefManager
from tests.support.night import NIGHT

S = TypeVar("S")
ME = EnvId(0)
APART = Profile(recur_scope=RecurScope.PER_ENV)


def run(
    scope: IsolationScope,
    machine: Machine[S],
    about: Callable[[ManagerOp], bool],
    kinds: int = 1,
    depth: int | None = None,
    watched: EnvId = ME,
) -> Isolation:
    return IsolationRun(machine, scope.alphabet(), watched, about, depth, kinds).run()


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


def shallow(envs: int) -> int | None:
    """Two environments to closure; three by night, and to depth 3 otherwise."""
    return None if envs == 2 or NIGHT else 3


@pytest.mark.parametrize("envs", [2, 3])
def test_init_pools_do_not_interfere(envs: int) -> None:
    """M2, to closure: histories of any length, capacity 2, 2 keys."""
    scope = IsolationScope(FIFO_REFERENCE, envs)
    seen = run(scope, Specified(scope), init_operation, depth=shallow(envs))
    assert seen.found == ()
    assert seen.closed == (shallow(envs) is None)
    if not seen.closed:
        return
    assert seen.depth >= 7
    assert seen.pairs == shared_pairs(envs)
    assert seen.transitions == seen.pairs * len(scope.alphabet())


@pytest.mark.parametrize("envs", [2, 3])
def test_recur_pools_of_their_own_close_the_channel(envs: int) -> None:
    """M5: nothing that an environment is answered depends on the others. Two pools of 5 states."""
    scope = IsolationScope(APART, envs, simulations=2)
    seen = run(scope, Specified(scope), everything, depth=shallow(envs))
    assert seen.found == ()
    assert seen.closed == (shallow(envs) is None)
    assert seen.pairs == 25**envs or not seen.closed


@pytest.mark.parametrize("profile", [LRU_REFERENCE, PRIORITY_REFERENCE])
@pytest.mark.parametrize("keys", [2, 3])
def test_under_every_policy_and_with_evictions(profile: Profile, keys: int) -> None:
    """With three keys pools of two evict."""
    depth = None if keys == 2 else 4
    scope = IsolationScope(profile, keys=keys)
    assert run(scope, Specified(scope), init_operation, depth=depth).found == ()


@pytest.mark.parametrize("watched", [0, 1])
@pytest.mark.parametrize("profile", [FIFO_REFERENCE, LRU_REFERENCE, APART])
def test_kvrefs_manager_does_not_interfere(profile: Profile, watched: int) -> None:
    """Two environments, each watched in turn. To closure by night; the first one's closure is also
    what `kvref isolate` prints, and the tests of the command line have it do so."""
    apart = profile.recur_scope is RecurScope.PER_ENV
    scope = IsolationScope(profile, simulations=2 if apart else 1)
    about = everything if apart else init_operation
    depth = (5 if profile is LRU_REFERENCE else None) if NIGHT else 3
    seen = run(scope, Driven(scope, KvrefManager), about, depth=depth, watched=EnvId(watched))
    assert seen.found == ()
    assert seen.closed == (depth is None)


@pytest.mark.parametrize("profile", [FIFO_REFERENCE, APART])
def test_kvrefs_manager_with_three_environments(profile: Profile) -> None:
    """To depth 3, by night 4; beyond, it refines what was exhausted above (`kvref check`)."""
    about = everything if profile is APART else init_operation
    scope = IsolationScope(profile, 3)
    assert run(scope, Driven(scope, KvrefManager), about, depth=4 if NIGHT else 3).found == ()


CONTROLS = [(NextEnvironment, 2), (SharedCursor, 2), (StatsLeak, 2)]


@pytest.mark.parametrize(("control", "operations"), CONTROLS)
def test_control_is_caught(control: type[KvrefManager], operations: int) -> None:
    """The other does something, the watched one asks."""
    scope = IsolationScope(FIFO_REFERENCE)
    (found,) = run(scope, Driven(scope, control), init_operation).found[:1]
    assert len(found.history) == operations


def channel(profile: Profile, keys: int, kinds: int) -> dict[str, Interference]:
    scope = IsolationScope(profile, keys=keys)
    return {one.kind: one for one in run(scope, Specified(scope), everything, kinds).found}


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
        assert not unaffected(scope.initial(), one.history, ME, everything)
        assert len(one.purged) < len(one.history)
