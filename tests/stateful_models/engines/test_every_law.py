"""All that is broken is told, by a shortest history, and nothing of a cache that is right."""

from functools import partial
from itertools import product

import pytest

from spec.laws import manager_broken
from spec.manager import ManagerState
from spec.manager_laws import ManagerTransition
from spec.ops import Key, ManagerOp, On, Ref, Set, Tier
from spec.profile import FIFO_REFERENCE, Profile
from spec.sizing import Config
from stateful_models.engines.every_law import EveryLaw, every_law, every_law_of, together
from stateful_models.reference.legacy import RING, Published, WithReverseMaps
from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import KvrefPool
from stateful_models.scopes.manager import ManagerScope
from stateful_models.subjects.aspects import Aspect, unjudged
from stateful_models.subjects.loading import target_of
from stateful_models.subjects.protocol import SubjectError

UNCOUNTED = Profile(counting=False)


class Remembering(KvrefManager):
    """Its state shows all that it goes by."""

    reports = frozenset({Aspect.SLOTS})

    def remembered(self) -> None:
        return None


class MovesAtSecond(Remembering):
    """The second key that is set in recur, and every later one, goes to wm instead."""

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        astray = tier is Tier.RECUR and len(self.manager.recur_pool) > 0
        return super().set(Tier.WM if astray else tier, env, key, value, rank)


def survey(
    subject: type[KvrefManager], tiers: tuple[Tier, ...] = (Tier.RECUR,)
) -> EveryLaw[ManagerOp]:
    scope = ManagerScope(UNCOUNTED, Config(1, 2), 1, 2, 1, tiers)
    return every_law(scope, partial(scope.build, subject))


def test_a_right_manager_breaks_nothing() -> None:
    """recur holds none of two keys, one, or two in either order and either slot: 1 + 2 + 2, as
    nothing empties a slot but a clear of both."""
    told = survey(Remembering)
    assert told.broken == ()
    assert told.states == 5


def test_what_is_broken_behind_a_fault_is_told_too() -> None:
    """M1 by the second set, which is the first that goes astray."""
    found = {one.law: one for one in survey(MovesAtSecond).broken}
    assert [type(op.op) for op in found["M1"].history if isinstance(op, On)] == [Set, Set]


@pytest.mark.parametrize("subject", [Published, WithReverseMaps])
def test_no_shorter_history_breaks_a_law(subject: type[Published]) -> None:
    """All histories of up to three operations, one by one, none taken for another."""
    scope = ManagerScope(RING, Config(1, 2), 1, 2, 1, (Tier.RECUR,))
    told = every_law(scope, partial(scope.build, subject))
    ops, hidden = scope.alphabet(subject.reports), unjudged(subject.reports, True) - {"P8"}
    least = dict[str, int]()
    for length in (1, 2, 3):
        for history in product(ops, repeat=length):
            for law in set(last_broken(scope, subject, history)) - hidden:
                least.setdefault(law, length)
    assert least == {one.law: len(one.history) for one in told.broken if len(one.history) < 4}


def last_broken(
    scope: ManagerScope, subject: type[Published], history: tuple[ManagerOp, ...]
) -> tuple[str, ...]:
    made = subject(scope.profile, scope.config, scope.envs, scope.objects)
    before, answer = made.abstract(), None
    for op in history:
        before = made.abstract()
        answer = made.perform(op)
    assert answer is not None
    return manager_broken(ManagerTransition(before, history[-1], answer, made.abstract()))


def test_of_several_scopes_the_shortest_is_told() -> None:
    """P4 takes three operations in a ring of two; in one of one a second key goes where the first
    stays."""
    scopes = [ManagerScope(RING, Config(1, n), 1, 2, 1, (Tier.RECUR,)) for n in (2, 1)]
    told = [every_law(scope, partial(scope.build, Published)) for scope in scopes]
    assert [length(one, "P4") for one in (*told, together(told))] == [3, 2, 2]
    assert together(told).states == told[0].states + told[1].states


def length(told: EveryLaw[ManagerOp], law: str) -> int:
    return next(len(one.history) for one in told.broken if one.law == law)


def test_a_subject_that_does_not_tell_what_it_remembers_is_refused() -> None:
    with pytest.raises(SubjectError, match="must show its state and what it has remembered"):
        survey(KvrefManager)


def test_a_subject_that_counts_is_refused() -> None:
    class Counting(Remembering):
        reports = frozenset({Aspect.COUNTERS})

    with pytest.raises(SubjectError, match="no end of its states"):
        survey(Counting)


@pytest.mark.parametrize("subject", [KvrefManager, KvrefPool])
def test_of_others_nothing_is_said(subject: type) -> None:
    assert every_law_of(target_of("kvref", subject), FIFO_REFERENCE) is None


def test_counters_that_are_not_reported_are_not_judged() -> None:
    """What is shown of them is not looked at, so the laws on them are not held against it."""
    assert {"P9", "M6"} <= unjudged(frozenset({Aspect.SLOTS}), transparent=True)
    assert not {"P9", "M6"} & unjudged(frozenset({Aspect.COUNTERS}), transparent=True)
    scope = ManagerScope(RING, Config(1, 1), 1, 2, 1, (Tier.INIT,))
    over = every_law(scope, partial(scope.build, Published))
    shown = Published(RING, scope.config, 1, 1)
    for key in (0, 1):
        shown.perform(On(Tier.INIT, scope.places()[0][1], Set(Key(key), Ref(0))))
    assert overfull(shown.abstract())
    assert "P9" not in {one.law for one in over.broken}


def overfull(state: ManagerState) -> bool:
    return any(len(pool.entries) > pool.capacity for pool in state.pools)
