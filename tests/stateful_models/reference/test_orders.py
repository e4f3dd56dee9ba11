"""Orders that do what their policies say conform; wrong ones are shown by a shortest history.

With one key more than entries, and one object.
"""

import pytest

from kvref import EvictionOrder
from spec.policy import Policy
from spec.profile import Profile
from stateful_models.reference.pool import OrderSubject
from stateful_models.reports.check import check
from stateful_models.scopes.pool import PoolScope
from tests.support import orders


def subject(one: type[EvictionOrder], policy: Policy) -> type[OrderSubject]:
    profiles = (Profile(policy),)
    return type(f"Under{one.__name__}", (OrderSubject,), {"order": one, "profiles": profiles})


RIGHT = [
    (orders.Aged, Policy.FIFO),
    (orders.Renewing, Policy.FIFO_RENEWING),
    (orders.Ranked, Policy.PRIORITY_RENEWING),
    (orders.Mru, Policy.MRU),
    (orders.Lfu, Policy.LFU),
    (orders.Clock, Policy.CLOCK),
    (orders.Sieve, Policy.SIEVE),
    (orders.TwoQ, Policy.TWO_Q),
]


@pytest.mark.parametrize(("one", "policy"), RIGHT, ids=lambda one: getattr(one, "value", ""))
def test_an_order_that_does_as_its_policy_says_conforms(
    one: type[EvictionOrder], policy: Policy
) -> None:
    report = check(subject(one, policy), PoolScope(Profile(policy), 2, 3, 1))
    assert report.conforms, report.statement


@pytest.mark.parametrize(
    ("one", "policy", "capacity", "length"),
    [
        # two, one set again, and the third shows who leaves
        (orders.Aged, Policy.FIFO_RENEWING, 2, 4),
        (orders.RanksAreKept, Policy.PRIORITY_RENEWING, 2, 4),
        # two, a hit of the older, the third
        (orders.MruIgnoresHits, Policy.MRU, 2, 4),
        (orders.Aged, Policy.LRU, 2, 4),
        (orders.Aged, Policy.LFU, 2, 4),
        (orders.Aged, Policy.CLOCK, 2, 4),
        (orders.Aged, Policy.SIEVE, 2, 4),
        # three, for the last of which the first leaves; the third is used, and the first is back
        # for the second, with a use too many: the second, back too, finds the wrong one of equals
        (orders.LfuRemembers, Policy.LFU, 2, 6),
        # two, the older used, so that the younger leaves for a third, and the older for a fourth
        (orders.ClockKeepsMarks, Policy.CLOCK, 2, 5),
        # of two entries the hand is at the older one's, always; of three, the oldest used, the
        # second leaves for a fourth, and the third for a fifth, unless the hand starts anew
        (orders.SieveStartsAnew, Policy.SIEVE, 3, 6),
        # by CLOCK the oldest went behind the third: it leaves for a sixth, and by SIEVE the fourth
        (orders.Sieve, Policy.CLOCK, 3, 7),
        (orders.Clock, Policy.SIEVE, 3, 7),
        # the first leaves, comes back and is no newcomer: the other newcomer is one too few to go
        (orders.TwoQForgets, Policy.TWO_Q, 2, 5),
    ],
    ids=lambda one: getattr(one, "__name__", str(getattr(one, "value", one))),
)
def test_an_order_that_does_not_is_shown_by_a_shortest_history(
    one: type[EvictionOrder], policy: Policy, capacity: int, length: int
) -> None:
    report = check(subject(one, policy), PoolScope(Profile(policy), capacity, capacity + 1, 1))
    assert report.counterexample is not None, report.statement
    assert len(report.counterexample.history) == length, report.counterexample.story
