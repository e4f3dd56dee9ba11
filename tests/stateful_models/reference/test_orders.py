"""Orders that do what their policies say conform; wrong ones are shown by a shortest history.

Of capacity 2, with three keys and one object.
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
    ("one", "policy", "length"),
    [
        # two, one set again, and the third shows who leaves
        (orders.Aged, Policy.FIFO_RENEWING, 4),
        (orders.RanksAreKept, Policy.PRIORITY_RENEWING, 4),
        # two, a hit of the older, the third
        (orders.MruIgnoresHits, Policy.MRU, 4),
        (orders.Aged, Policy.LRU, 4),
        (orders.Aged, Policy.LFU, 4),
        (orders.Aged, Policy.CLOCK, 4),
        (orders.Aged, Policy.SIEVE, 4),
        # one, another, a third for which the first leaves: its use is still counted when it is
        # back for the second, so that the third leaves for whom it is due to
        (orders.LfuRemembers, Policy.LFU, 5),
        # two, the older used: passed over for the third, it is bare, and again the oldest but one
        (orders.ClockKeepsMarks, Policy.CLOCK, 6),
        # as CLOCK's, but in its place: where the hand is now tells who is next
        (orders.Sieve, Policy.CLOCK, 6),
        (orders.Clock, Policy.SIEVE, 6),
        (orders.SieveStartsAnew, Policy.SIEVE, 5),
        # the first leaves, comes back and is no newcomer: the other newcomer is one too few to go
        (orders.TwoQForgets, Policy.TWO_Q, 5),
    ],
    ids=lambda one: getattr(one, "__name__", str(getattr(one, "value", one))),
)
def test_an_order_that_does_not_is_shown_by_a_shortest_history(
    one: type[EvictionOrder], policy: Policy, length: int
) -> None:
    report = check(subject(one, policy), PoolScope(Profile(policy), 2, 3, 1))
    assert report.counterexample is not None, report.statement
    assert len(report.counterexample.history) == length, report.counterexample.story
