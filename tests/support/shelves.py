"""Three windows of four tokens after some operations; V holds other tokens than K."""

from spec.ops import Done
from spec.window import (
    Columns,
    Place,
    Seal,
    Shelf,
    Token,
    Update,
    WindowOp,
    new_shelf,
    step,
)

HERE, THERE, THIRD = Place(0), Place(1), Place(2)


def columns(*tokens: int) -> Columns:
    return tuple((Token(token),) for token in tokens)


def shelf(*ops: WindowOp) -> Shelf:
    """Three windows of four tokens, one sample and two layers, after these operations."""
    state = new_shelf(4, 1, 2, 3)
    for op in ops:
        state, response = step(state, op)
        assert response == Done()
    return state


def update(*k: int, layer: int | None = None) -> Update:
    """V holds other tokens than K."""
    return Update(HERE, columns(*k), columns(*(token + 10 for token in k)), layer)


def tokens(state: Shelf, place: Place = HERE) -> list[Columns]:
    return [part.tokens for part in state.windows[place].parts]


FILLED = (update(0, 1),)
UNEVEN = (update(0, 1), update(2, layer=0))
SEALED = (update(0, 1), Seal(HERE))
