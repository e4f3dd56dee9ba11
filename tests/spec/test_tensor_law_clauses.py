"""Laws of tensors, clause by clause: observations made by hand, each breaking one."""

from dataclasses import replace

import pytest

from spec.batch import Alignment, Batch, align, visible
from spec.laws import batch_broken, search_broken, window_broken
from spec.ops import Done, EnvId, Key, Refused
from spec.search_laws import SearchTransition, Shown
from spec.search_nodes import Node
from spec.search_state import NOWHERE, Expand, Inferred, Simulate, Visit, Where
from spec.window import (
    Columns,
    Fork,
    Part,
    Place,
    Prune,
    RemoveNewest,
    Reset,
    Shelf,
    Token,
    Update,
    Window,
    WindowOp,
    new_shelf,
    step,
)
from spec.window_laws import WindowTransition

HERE, ONE = Place(0), ((Token(7),),)
FULL = Part(((Token(1),), (Token(2),)))
SHELF = Shelf((Window(4, 1, (FULL, FULL, FULL, FULL)),), 8, (0,))


def observed(op: WindowOp, window: Window | None) -> tuple[str, ...]:
    """The laws broken by doing `op` on SHELF and finding this window after it."""
    if window is None:
        return window_broken(WindowTransition(SHELF, op, Refused(), SHELF))
    return window_broken(WindowTransition(SHELF, op, Done(), SHELF._replace(windows=(window,))))


def right(op: WindowOp) -> Window:
    return step(SHELF, op)[0].windows[0]


UPDATE = Update(HERE, ONE, ONE, layer=0)


def test_what_is_right_breaks_nothing() -> None:
    for op in (UPDATE, RemoveNewest(HERE, 1), Prune(HERE, (True,)), Reset(HERE)):
        assert observed(op, right(op)) == ()


@pytest.mark.parametrize(
    ("op", "window", "law"),
    [
        (UPDATE, right(UPDATE)._replace(parts=(*right(UPDATE).parts[:3], Part())), "W4"),
        (UPDATE, right(UPDATE)._replace(parts=right(UPDATE).parts[:2]), "W4"),
        (UPDATE, right(UPDATE)._replace(capacity=5), "W4"),
        (UPDATE, right(UPDATE)._replace(samples=2), "W4"),
        (RemoveNewest(HERE, -1), SHELF.windows[0], "W3"),
        (RemoveNewest(HERE, 4), right(Reset(HERE)), "W5"),
        (RemoveNewest(HERE, 1), None, "W3"),
        (Prune(HERE, None), SHELF.windows[0], "W3"),
        (Prune(HERE, (True,)), None, "W3"),
        (Reset(HERE), None, "W3"),
        (Fork(HERE, HERE), SHELF.windows[0], "W3"),
    ],
)
def test_clause_of_windows(op: WindowOp, window: Window | None, law: str) -> None:
    assert law in observed(op, window)


def test_a_refusal_changes_nothing() -> None:
    empty = new_shelf(4, 1, 2, 1)
    assert "W3" in window_broken(WindowTransition(SHELF, Prune(HERE, None), Refused(), empty))


ROWS = ((Token(1), Token(2)), (Token(3),))
WIDE = Batch(((None, None, Token(1), Token(2)), (None, None, None, Token(3))), (2, 1))


def alignment(batch: Batch, new: int = 2) -> Alignment:
    """As it would be observed of this batch, with the masks that are right for it."""
    masks = tuple(visible(batch, row, new) for row in range(2))
    alone = tuple(align((row,)) for row in ROWS)
    return Alignment(ROWS, batch, alone, ROWS, masks, ("float64 cpu",) * 3)


def test_clause_of_batches() -> None:
    narrow = align(ROWS)
    assert batch_broken(alignment(narrow)) == ()
    assert batch_broken(alignment(WIDE)) == ("B2",)
    assert batch_broken(alignment(WIDE)._replace(masks=alignment(narrow).masks)) == ("B2",)
    assert batch_broken(alignment(narrow, new=0)) == ("B2",)


WHERE = "recur", Key(1)
STORED: dict[Where, Columns] = {WHERE: ONE}
MINE = frozenset({WHERE})
VISIT = Visit(Node(EnvId(0), (ONE,)), Part(ONE))
DONE = Inferred((VISIT,), STORED, NOWHERE)
STEP = SearchTransition(
    4, 1, Shown(STORED, MINE), Simulate((Expand(EnvId(0), 0, 0),)), DONE, Shown(STORED, MINE)
)
CHANGED = Shown({WHERE: ((Token(8),),)}, MINE)


@pytest.mark.parametrize(
    ("observed", "broken"),
    [
        (STEP, ()),
        (STEP._replace(after=Shown({}, MINE)), ("S1",)),
        (
            STEP._replace(
                response=replace(DONE, visits=(VISIT._replace(given=Part(((Token(8),),))),))
            ),
            ("S2",),
        ),
        (STEP._replace(response=replace(DONE, modelled={WHERE: ()})), ("S3",)),
        (STEP._replace(after=CHANGED), ("S3",)),
        (STEP._replace(after=CHANGED, response=replace(DONE, put=MINE)), ()),
        (STEP._replace(response=replace(DONE, put=frozenset({("recur", Key(2))}))), ("S1",)),
        (STEP._replace(response=Done(), after=CHANGED), ("S3",)),
    ],
)
def test_clause_of_searches(observed: SearchTransition, broken: tuple[str, ...]) -> None:
    assert search_broken(observed) == broken
