"""The situation that each law of searches speaks of occurs where it should, and nowhere else."""

import pytest

from spec.ops import Done, EnvId, Key
from spec.search_laws import SEARCH, SearchTransition, Shown
from spec.search_nodes import Node
from spec.search_state import Expand, Inferred, Names, Root, Simulate, Visit, Where
from spec.window import Columns, Part, Token

WHERE: Where = ("recur", Key(1))
ONE, TWO = ((Token(1),),), ((Token(1),), (Token(2),))
STORED: dict[Where, Columns] = {WHERE: TWO}
MORE: dict[Where, Columns] = {**STORED, ("recur", Key(2)): ONE}
ROOT, BELOW = Node(EnvId(0), (TWO,)), Node(EnvId(0), (ONE, ONE))


def seen(
    node: Node, given: Part, after: dict[Where, Columns], before: dict[Where, Columns] = STORED
) -> SearchTransition:
    mine = frozenset({WHERE})
    response = Inferred((Visit(node, given),), before, frozenset())
    op = Simulate((Expand(EnvId(0), 0, 0),))
    return SearchTransition(4, 1, Shown(before, mine), op, response, Shown(after, mine))


@pytest.mark.parametrize(
    ("step", "codes"),
    [
        (seen(ROOT, Part(), STORED), ""),
        (seen(ROOT, Part(), MORE), "S1"),
        (seen(ROOT, Part(), MORE)._replace(before=Shown(STORED, frozenset())), ""),
        (seen(ROOT, Part(), MORE)._replace(op=Root((EnvId(0),))), ""),
        (seen(ROOT, Part(TWO, 2), STORED), ""),
        (seen(BELOW, Part(TWO, 2), STORED), "S2"),
        (seen(BELOW, Part(TWO, 0), STORED), ""),
        (seen(ROOT, Part(TWO), MORE), "S1 S3"),
        (seen(ROOT, Part(TWO[1:], 1), MORE), "S1 S3"),
        (seen(ROOT, Part(TWO[:1]), MORE), "S1"),
        (seen(BELOW, Part(TWO, 2), MORE), "S1 S2 S3"),
        (seen(ROOT, Part(TWO), MORE, before={WHERE: ()}), "S1"),
    ],
)
def test_laws_of_searches_speak_of_their_situations(step: SearchTransition, codes: str) -> None:
    assert [law.code for law in SEARCH if law.occurs(step)] == codes.split()


def named(before: Names, now: Names) -> SearchTransition:
    one = seen(ROOT, Part(), STORED)
    assert isinstance(one.response, Inferred)
    response = Inferred(one.response.visits, one.response.modelled, one.response.put, now)
    return one._replace(before=Shown(STORED, frozenset(), before), response=response)


THERE: Where = ("recur", Key(2))


@pytest.mark.parametrize(
    ("before", "now", "occurs", "holds"),
    [
        ((), ((WHERE, ROOT),), False, True),
        (((WHERE, ROOT),), ((WHERE, ROOT),), False, True),
        (((WHERE, ROOT), (THERE, BELOW)), ((WHERE, ROOT),), True, True),
        (((WHERE, ROOT), (THERE, BELOW)), ((THERE, ROOT),), True, False),
        (((WHERE, ROOT), (THERE, ROOT)), ((WHERE, ROOT),), False, True),
        (((WHERE, ROOT), (THERE, BELOW)), (), False, True),
        ((), ((WHERE, ROOT), (WHERE, BELOW)), False, False),
        ((), ((WHERE, ROOT), (THERE, BELOW)), False, True),
    ],
)
def test_a_key_stands_for_one_node(before: Names, now: Names, occurs: bool, holds: bool) -> None:
    """Among what is resident, and within one step."""
    (law,) = (law for law in SEARCH if law.code == "S4")
    step = named(before, now)
    assert law.occurs(step) == occurs
    assert law.holds(step) == holds
    assert law.holds(step._replace(response=Done()))
