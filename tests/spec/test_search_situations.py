"""The situation that S1, S2 and S3 each speak of occurs where it should, and nowhere else."""

import pytest

from spec.ops import EnvId, Key
from spec.search_laws import SEARCH, SearchTransition, Shown
from spec.search_nodes import Node
from spec.search_state import Inferred, Root, Simulate, Visit, Where
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
    op = Simulate((0,), (0,))
    return SearchTransition(4, 1, Shown(before, mine), op, response, Shown(after, mine))


@pytest.mark.parametrize(
    ("step", "codes"),
    [
        (seen(ROOT, Part(), STORED), ""),
        (seen(ROOT, Part(), MORE), "S1"),
        (seen(ROOT, Part(), MORE)._replace(before=Shown(STORED, frozenset())), ""),
        (seen(ROOT, Part(), MORE)._replace(op=Root()), ""),
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
