"""Each law of policies is broken by a policy that is none, and by no other law's."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import count

import pytest

from spec.law import broken_of
from spec.ops import Key
from spec.policies import NAMED, Clock, Lfu, TwoQ
from spec.policy import Choice, Line, Need, Order, Policy
from spec.policy_laws import POLICY, turns


@dataclass(frozen=True)
class Loses(Policy):
    def hit(self, order: Order, key: Key) -> Order:
        return order.without(key)


@dataclass(frozen=True)
class Invents(Policy):
    def left(self, order: Order, key: Key) -> Order:
        return order.without(key).with_last(Line(Key(99)))


@dataclass(frozen=True)
class Repeats(Policy):
    def inserted(self, order: Order, key: Key, rank: int) -> Order:
        return order._replace(lines=(*order.lines, Line(key, rank), Line(key, rank)))


@dataclass(frozen=True)
class Unranks(Policy):
    def updated(self, order: Order, key: Key, rank: int) -> Order:
        return order.with_line(Line(key, 5))


@dataclass(frozen=True)
class Strange(Policy):
    def victim(self, order: Order, need: Need) -> Choice:
        return Choice(need.newcomer, order)


@dataclass(frozen=True)
class Unpins(Policy):
    def victim(self, order: Order, need: Need) -> Choice:
        return Choice(order.lines[0].key, order)


@dataclass(frozen=True)
class Undecided(Policy):
    asked: "count[int]" = field(default_factory=count, hash=False, compare=False)

    def hit(self, order: Order, key: Key) -> Order:
        return order._replace(memo=next(self.asked))


@dataclass(frozen=True)
class Even(Policy):
    def victim(self, order: Order, need: Need) -> Choice:
        return Choice(min(need.eligible(order), key=lambda line: line.key % 2).key, order)


@dataclass(frozen=True)
class Forgets(TwoQ):
    """How keys that have left are renamed."""

    def renamed(self, memo: Hashable, name: Callable[[Key], Key]) -> Hashable:
        return memo


def broken(policy: Policy) -> tuple[str, ...]:
    """By the first turn that is none: what comes after it could be anything."""
    every = (one for room in (1, 2, 3) for one in turns(policy, room, room + 2, 60))
    return next(filter(None, (broken_of(POLICY, one, type(one.op)) for one in every)), ())


@pytest.mark.parametrize(
    ("policy", "law"),
    [
        (Loses(), "V1"),
        (Invents(), "V1"),
        (Repeats(), "V1"),
        (Unranks(), "V1"),
        (Strange(), "V2"),
        (Unpins(), "V2"),
        (Undecided(), "V3"),
        (Even(), "V4"),
        (Forgets(), "V4"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Policy) else one,
)
def test_what_is_no_policy_breaks_its_law(policy: Policy, law: str) -> None:
    assert law in broken(policy)


EVERY = (*NAMED.values(), Lfu(None), Lfu(2, recent=True), Clock(noted=True), TwoQ(2, 1))


@pytest.mark.parametrize("policy", EVERY, ids=lambda policy: policy.value)
def test_every_policy_keeps_the_laws_and_meets_their_situations(policy: Policy) -> None:
    waiting = {law.code: law for law in POLICY}
    for capacity in (1, 2, 3):
        for one in turns(policy, capacity, capacity + 2, 60):
            assert broken_of(POLICY, one, type(one.op)) == ()
            for code in [code for code, law in waiting.items() if law.occurs(one)]:
                del waiting[code]
    assert waiting == {}
