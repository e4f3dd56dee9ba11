"""What the specification of windows says, operation by operation."""

import pytest

from spec.ops import Refused
from spec.window import (
    Clone,
    Fork,
    Part,
    Prune,
    RemoveNewest,
    Reset,
    Seal,
    Token,
    Update,
    Window,
    WindowOp,
    kin_after,
    new_shelf,
    step,
)
from tests.support.shelves import (
    FILLED,
    HERE,
    SEALED,
    THERE,
    THIRD,
    UNEVEN,
    columns,
    shelf,
    tokens,
    update,
)


def test_an_update_gives_k_to_every_k_and_v_to_every_v() -> None:
    assert tokens(shelf(update(1, 2))) == [columns(1, 2), columns(11, 12)] * 2


@pytest.mark.parametrize("layer", [0, 1])
def test_an_update_of_one_layer_leaves_the_other(layer: int) -> None:
    given, left = [columns(1), columns(11)], [columns()] * 2
    assert tokens(shelf(update(1, layer=layer))) == (left + given if layer else given + left)


def test_an_overflow_drops_pairs_and_counts_them() -> None:
    (window, *_), *_ = shelf(update(0, 1, 2), update(3, 4))
    assert window.parts[0] == Part(columns(2, 3, 4), 2)
    assert window.parts[1] == Part(columns(12, 13, 14), 2)


@pytest.mark.parametrize(
    ("before", "op"),
    [
        (FILLED, Update(HERE, columns(2), columns(3, 4))),
        (FILLED, Update(HERE, columns(2, 3), columns(4))),
        (FILLED, Update(HERE, columns(1), ((Token(3), Token(4)),))),
        (FILLED, Update(HERE, ((Token(3), Token(4)),), columns(1))),
        (FILLED, update(2, 3, 4, 5, 6)),
        (FILLED, Update(HERE, columns(2), columns(3, 4, 5, 6, 7))),
        (FILLED, Prune(HERE, None)),
        (FILLED, Prune(HERE, (True, False))),
        (FILLED, RemoveNewest(HERE, -1)),
        (FILLED, RemoveNewest(HERE, 3)),
        (FILLED, Fork(HERE, THERE)),
        (UNEVEN, RemoveNewest(HERE, 1)),
        (UNEVEN, Seal(HERE)),
        (UNEVEN, Clone(HERE, THERE)),
        (SEALED, update(2)),
        (SEALED, Prune(HERE, (True,))),
        (SEALED, RemoveNewest(HERE, 1)),
        (SEALED, Reset(HERE)),
    ],
    ids=repr,
)
def test_what_must_be_refused_is_and_changes_no_window(
    before: tuple[WindowOp, ...], op: WindowOp
) -> None:
    state = shelf(*before)
    after, response = step(state, op)
    assert response == Refused()
    assert (after.windows, after.kin) == (state.windows, state.kin)


@pytest.mark.parametrize("copy", [Clone(HERE, THERE), Fork(HERE, THERE)])
def test_a_copy_of_a_sealed_window_holds_the_same_and_may_be_written(copy: Clone | Fork) -> None:
    state = shelf(*SEALED, copy)
    assert state.windows[THERE] == state.windows[HERE]._replace(sealed=False)
    assert state.windows[HERE].sealed is True


def test_removing_the_newest_leaves_the_oldest_and_what_was_dropped() -> None:
    (window, *_), *_ = shelf(update(0, 1, 2), update(3, 4), RemoveNewest(HERE, 2))
    assert window.parts[0] == Part(columns(2), 2)


def test_a_reset_forgets_what_was_dropped() -> None:
    assert shelf(update(0, 1, 2), update(3, 4), Reset(HERE)).windows[0] == Window(
        4, 1, (Part(),) * 4
    )


def test_pruning_keeps_the_selected_samples_of_every_part() -> None:
    two = new_shelf(4, 3, 1, 1)
    k = ((Token(1), Token(2), Token(3)), (Token(4), Token(5), Token(6)))
    v = tuple(tuple(Token(token + 10) for token in column) for column in k)
    for op in (Update(HERE, k, v), Prune(HERE, (True, False, True))):
        two, _ = step(two, op)
    assert two.windows[0].samples == 2
    assert tokens(two) == [((1, 3), (4, 6)), ((11, 13), (14, 16))]


def test_a_fork_is_its_parents_kin_and_a_clone_is_nobodys() -> None:
    kin = (6, 7, 2)
    assert kin_after(kin, Fork(HERE, THERE)) == (6, 6, 2)
    assert kin_after(kin, Fork(THIRD, HERE)) == (2, 7, 2)
    assert kin_after(kin, Reset(HERE)) == kin
    first, other, third = kin_after(kin, Clone(THERE, THIRD))
    assert (first, other) == (6, 7)
    assert third not in kin
    assert shelf(*SEALED, Fork(HERE, THERE)).kin == (0, 0, 2)
