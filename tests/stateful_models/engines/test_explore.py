"""The explorer itself: that what it finds is shortest, and that it misses nothing it claims."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import pytest

from spec.ops import Get, Op, Response, Set
from spec.pool import PoolState, find, step
from spec.profile import FIFO_REFERENCE, KVREF, LRU_REFERENCE, PRIORITY_COPY, Profile
from stateful_models.bugs.caches.evicted_still_listed import EvictedStillListed
from stateful_models.bugs.caches.ring import UpdateMoves
from stateful_models.bugs.caches.untouched_by_hit import UntouchedByHit
from stateful_models.engines.explore import Explorer, shortest_of
from stateful_models.engines.judge import first_divergence
from stateful_models.reference.pool import KvrefPool
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.presets import ScopeName, manager_scopes
from stateful_models.subjects.aspects import Aspect, visible
from stateful_models.subjects.pool import PoolSubject
from tests.support.exploring import explore_manager, explore_pool


@pytest.mark.parametrize("profile", KVREF, ids=lambda p: f"{p.policy.value}-{p.ownership.value}")
def test_kvref_pool_conforms(profile: Profile) -> None:
    for capacity in (1, 2):
        report = explore_pool(PoolScope(profile, capacity, keys=3, objects=2))
        assert report.divergence is None
        assert report.transparent
    assert report.missing == frozenset(), "at capacity 2 every law's situation occurs"


@pytest.mark.parametrize("profile", KVREF, ids=lambda p: f"{p.policy.value}-{p.ownership.value}")
def test_kvref_manager_conforms(profile: Profile) -> None:
    for scope in manager_scopes(ScopeName.SMALL, profile, first=True):
        report = explore_manager(scope)
        assert report.divergence is None
        assert report.missing == frozenset()


def test_statistics_switched_off_conform() -> None:
    quiet = Profile(counting=False)
    report = explore_pool(PoolScope(quiet, 2, keys=3, objects=2))
    assert report.divergence is None
    assert report.missing == frozenset()


def test_situation_that_cannot_occur_is_reported() -> None:
    """With as many slots as keys nothing is ever evicted, so P3 says nothing: not a pass."""
    report = explore_pool(PoolScope(FIFO_REFERENCE, 2, keys=2, objects=2))
    assert report.divergence is None
    assert {"P3", "P9"} <= report.missing


def test_several_processes_give_the_same_result() -> None:
    scope = PoolScope(PRIORITY_COPY, 2, keys=3, objects=1)
    alone = explore_pool(scope)
    wrong = PoolScope(LRU_REFERENCE, 2, keys=3, objects=2)
    found = explore_pool(wrong, UntouchedByHit)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        shared = Explorer(scope, partial(scope.build, KvrefPool), executor=executor, jobs=2).run()
        build = partial(wrong.build, UntouchedByHit)
        shared_found = Explorer(wrong, build, executor=executor, jobs=2).run()
    for one, other in ((alone, shared), (found, shared_found)):
        assert (one.states, one.represented, one.transitions, one.depth, one.divergence) == (
            other.states,
            other.represented,
            other.transitions,
            other.depth,
            other.divergence,
        )
    assert alone.states > 160, "enough for a level to be shared out"


def test_symmetry_does_not_change_verdicts() -> None:
    scope = PoolScope(LRU_REFERENCE, 2, keys=3, objects=2)
    reduced = explore_pool(scope, UntouchedByHit)
    plain = explore_pool(scope, UntouchedByHit, symmetric=False)
    assert reduced.divergence is not None
    assert plain.divergence is not None
    assert len(reduced.divergence.history) == len(plain.divergence.history) == 3
    assert reduced.divergence.laws == plain.divergence.laws


def all_shorter(
    scope: PoolScope, factory: Callable[[Profile, int, int], PoolSubject], length: int
) -> bool:
    """Whether every history of up to `length` operations, unreduced, is answered rightly."""
    histories: list[tuple[Op, ...]] = [()]
    for _ in range(length):
        extended = []
        for history in histories:
            state = scope.initial()
            for op in history:
                state, _ = scope.step(state, op)
            for op in (*scope.alphabet(factory.reports), *scope.writes(state)):  # type: ignore[attr-defined]  # a class
                extended.append((*history, op))
                if first_divergence(scope, partial(scope.build, factory), extended[-1]):
                    return False
        histories = extended
    return True


@pytest.mark.parametrize(("exhibit", "profile"), [(UpdateMoves, FIFO_REFERENCE)])
def test_counterexample_is_shortest(exhibit: type[PoolSubject], profile: Profile) -> None:
    """Against brute force over all histories, without symmetry or visited states."""
    scope = PoolScope(profile, 2, keys=2, objects=1)
    found = explore_pool(scope, exhibit).divergence
    assert found is not None
    assert all_shorter(scope, exhibit, len(found.history) - 1)
    assert not all_shorter(scope, exhibit, len(found.history))


class Forgetful(PoolSubject):
    """A dict in front of nothing: right about contents, silent about slots."""

    reports = frozenset({Aspect.RETENTION})
    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        self.capacity = capacity
        self.values: dict[int, object] = {}

    def get(self, key: int) -> object | None:
        return self.values.get(key)

    def set(self, key: int, value: object, rank: float) -> None:
        if key not in self.values and len(self.values) == self.capacity:
            del self.values[next(iter(self.values))]
        self.values[key] = value

    def clear(self) -> None:
        self.values.clear()


class SecretlyLru(Forgetful):
    """FIFO by name; a hit renews, which no state of the specification shows."""

    def get(self, key: int) -> object | None:
        if key in self.values:
            self.values[key] = self.values.pop(key)
        return super().get(key)


def test_black_box_that_conforms() -> None:
    scope = PoolScope(FIFO_REFERENCE, 2, keys=3, objects=2)
    report = explore_pool(scope, Forgetful)
    assert report.divergence is None
    assert not report.transparent


def test_black_box_remembers_the_last_operation() -> None:
    """Set a, set b, get a, set c evicts b; then get a hits, where FIFO has evicted a."""
    report = explore_pool(PoolScope(FIFO_REFERENCE, 2, keys=3, objects=2), SecretlyLru)
    assert report.divergence is not None
    assert [type(op) for op in report.divergence.history] == [Set, Set, Get, Set, Get]
    assert report.divergence.observed_state is None


class HiddenDamage(KvrefPool):
    """Shows its state truthfully, and drops an entry one operation after a peek."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.peeked = False

    def peek(self, key: int) -> object | None:
        self.peeked = self.peeked or self.pool.peek(key) is not None
        return super().peek(key)

    def get(self, key: int) -> object | None:
        if self.peeked:
            self.pool.clear()
        return super().get(key)


def test_damage_that_no_state_shows() -> None:
    """A subject left unchanged is used again, so that hidden effects of looking come out."""
    found = explore_pool(PoolScope(FIFO_REFERENCE, 1, keys=2, objects=1), HiddenDamage).divergence
    assert found is not None
    build = partial(HiddenDamage, FIFO_REFERENCE, 1, 1)
    scope = PoolScope(FIFO_REFERENCE, 1, keys=2, objects=1)
    assert first_divergence(scope, build, found.history) is not None


@dataclass(frozen=True, slots=True)
class LawlessScope(PoolScope):
    """A specification that evicts the newest."""

    def step(self, state: PoolState, op: Op) -> tuple[PoolState, Response]:
        pool = state.pool
        new = isinstance(op, Set) and find(pool, op.key) is None
        if new and len(pool.entries) == pool.capacity:
            state = state._replace(pool=pool._replace(entries=pool.entries[::-1]))
        return step(state, op)


def test_specification_is_held_to_the_laws_itself() -> None:
    """A subject that follows a wrong specification faithfully is no excuse for it."""

    class Follows(PoolSubject):
        reports = frozenset({Aspect.SLOTS})

        def start(self, profile: Profile, capacity: int) -> None:
            self.state = scope.initial()

        def perform(self, op: Op) -> Response:
            self.state, response = scope.step(self.state, op)
            return visible(response, self.reports)

        def get(self, key: int) -> object | None:
            raise AssertionError

        def set(self, key: int, value: object, rank: float) -> int | None:
            raise AssertionError

        def clear(self) -> None:
            raise AssertionError

        def abstract(self) -> PoolState:
            return self.state

    scope = LawlessScope(FIFO_REFERENCE, 2, keys=3, objects=1)
    report = explore_pool(scope, Follows)
    assert report.divergence is not None
    assert "P3" in report.divergence.laws


def test_of_several_scopes_the_shortest_is_found_in_whichever_order() -> None:
    """An eviction that leaves its key listed shows itself after capacity + 1 sets."""
    scopes = [PoolScope(FIFO_REFERENCE, capacity, 3, 1) for capacity in (2, 1)]
    tried = [(scope, partial(scope.build, EvictedStillListed)) for scope in scopes]
    for order in (tried, tried[::-1]):
        found = shortest_of(order)
        assert found is not None
        assert len(found.history) == 2
    right = [(scope, partial(scope.build, KvrefPool)) for scope in scopes]
    assert shortest_of(right) is None


def test_nothing_is_explored_that_can_be_no_shorter() -> None:
    """What is shorter than two operations is found in the initial state."""
    scope = PoolScope(FIFO_REFERENCE, 2, 3, 2)
    build, start = partial(scope.build, KvrefPool), scope.initial()
    moves = len(scope.alphabet(build().reports)) + len(scope.writes(start))
    bounded = [Explorer(scope, build, shorter_than=n).run().transitions for n in (2, 3, 4)]
    assert bounded[0] == moves
    assert bounded == sorted(set(bounded))
    assert bounded[-1] < Explorer(scope, build).run().transitions
