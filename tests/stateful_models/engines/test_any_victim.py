"""Caches whose policy nobody can state: every other law is judged; and policies without an end."""

from random import Random
from typing import ClassVar

import pytest

from kvref import EvictionOrder, Rank
from spec.ops import Cause, Key, Left, SlotId
from spec.policies import Lfu
from spec.policy import Policy
from spec.profile import Profile
from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import OrderSubject
from stateful_models.reports.check import check
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.loading import TargetError
from stateful_models.subjects.pool import PoolSubject
from stateful_models.subjects.protocol import SubjectError

ANY = Profile(Policy.ANY)
SCOPE = PoolScope(ANY, 2, 3, 2)


class Forgets(PoolSubject):
    """Somebody leaves, at times the newcomer: now this one, now that."""

    profiles = (ANY,)
    reports = frozenset({Aspect.RETENTION, Aspect.INSPECTION, Aspect.DEPARTURES})
    random: ClassVar[Random] = Random(0)

    def start(self, profile: Profile, capacity: int) -> None:
        self.capacity = capacity
        self.values: dict[int, object] = {}

    def get(self, key: int) -> object | None:
        return self.values.get(key)

    def peek(self, key: int) -> object | None:
        return self.values.get(key)

    def keys(self) -> tuple[int, ...]:
        return tuple(self.values)

    def set(self, key: int, value: object, rank: float) -> None:
        old = self.values.get(key)
        if old is None:
            self.values[key] = value
            if len(self.values) > self.capacity:
                self.forget(self.whom(key))
        else:
            self.values[key] = value
            if old is not value:
                self.tell(key, old, Cause.UPDATED)

    def whom(self, newcomer: int) -> int:
        return self.random.choice([*self.values])

    def forget(self, key: int, cause: Cause = Cause.EVICTED) -> None:
        self.tell(key, self.values.pop(key), cause)

    def tell(self, key: int, value: object, cause: Cause) -> None:
        self.departed.append(Left(Key(key), SlotId(0), self.client.ref_of(value), cause))

    def clear(self) -> None:
        for key in [*self.values]:
            self.forget(key, Cause.CLEARED)


class RefusesNewcomers(Forgets):
    def whom(self, newcomer: int) -> int:
        return newcomer


class ForgetsTwo(Forgets):
    def forget(self, key: int, cause: Cause = Cause.EVICTED) -> None:
        super().forget(key, cause)
        if cause is Cause.EVICTED and len(self.values) > 1:
            super().forget(min(self.values), cause)


class HoldsOneMore(Forgets):
    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity + 1)


class DeliversTheGone(Forgets):
    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.ever: dict[int, object] = {}

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(key, value, rank)
        self.ever[key] = value

    def get(self, key: int) -> object | None:
        return self.ever.get(key)

    def clear(self) -> None:
        super().clear()
        self.ever.clear()


class ForgetsOnUpdate(Forgets):
    def set(self, key: int, value: object, rank: float) -> None:
        full = key in self.values and len(self.values) == self.capacity > 1
        super().set(key, value, rank)
        if full:
            self.forget(next(other for other in self.values if other != key))


@pytest.mark.parametrize("subject", [Forgets, RefusesNewcomers])
def test_whoever_leaves_is_right(subject: type[PoolSubject]) -> None:
    report = check(subject, SCOPE)
    assert report.conforms, report.statement
    assert "who leaves is the subject's choice" in report.statement


@pytest.mark.parametrize(
    ("subject", "longest"),
    [
        (ForgetsTwo, 3),  # it fills, and one comes
        (HoldsOneMore, 3),
        (DeliversTheGone, 4),  # and somebody asks for who left
        (ForgetsOnUpdate, 3),  # it fills, and one comes again
    ],
)
def test_every_other_law_is_judged(subject: type[PoolSubject], longest: int) -> None:
    report = check(subject, SCOPE)
    assert report.counterexample is not None, report.statement
    assert len(report.counterexample.history) <= longest, report.counterexample.story


def test_who_left_must_be_seen() -> None:
    class Unseen(Forgets):
        reports = frozenset({Aspect.RETENTION})

    with pytest.raises(SubjectError, match=r"needs Aspect\.INSPECTION"):
        check(Unseen, SCOPE)


def test_a_manager_is_asked_pool_by_pool() -> None:
    class Free(KvrefManager):
        profiles = (ANY,)

    with pytest.raises(TargetError, match="pass one of its pools"):
        check(Free)


class Counted(EvictionOrder):
    def __init__(self) -> None:
        self.uses: dict[int, int] = {}

    def inserted(self, key: int, rank: Rank) -> None:
        self.uses[key] = 1

    def updated(self, key: int, rank: Rank) -> None:
        self.uses[key] += 1

    def hit(self, key: int) -> None:
        self.uses[key] += 1

    def victim(self) -> int:
        return min(self.uses, key=self.uses.__getitem__)

    def left(self, key: int) -> None:
        del self.uses[key]


class CountsToTwo(Counted):
    def hit(self, key: int) -> None:
        self.uses[key] = min(2, self.uses[key] + 1)


class Frequent(OrderSubject):
    order = Counted
    profiles = (Profile(Lfu(None)),)


class FrequentToTwo(Frequent):
    order = CountsToTwo


ENDLESS = PoolScope(Profile(Lfu(None)), 2, 3, 1)


def test_a_policy_without_an_end_is_gone_through_to_a_depth_that_is_told() -> None:
    report = check(Frequent, ENDLESS)
    assert report.conforms, report.statement
    assert "histories of up to 6 operations" in report.statement


def test_what_shows_itself_within_the_depth_is_found() -> None:
    """The older one is used three times in all, the other twice; the older leaves wrongly."""
    report = check(FrequentToTwo, ENDLESS)
    assert report.counterexample is not None
    assert len(report.counterexample.history) == 6
