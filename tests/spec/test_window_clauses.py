"""W1 to W6, R3 and R4 of windows clause by clause: K and V hold other tokens."""

from itertools import product

import pytest

from spec.laws import window_broken
from spec.ops import Done, Refused
from spec.window import (
    Clone,
    Fork,
    Part,
    Place,
    Prune,
    RemoveNewest,
    Reset,
    Seal,
    Shelf,
    Update,
    Window,
    WindowOp,
    drop,
    new_shelf,
    step,
)
from spec.window_laws import WINDOW, Growth, WindowTransition, fewest, fewest_dropped, growths
from tests.support.shelves import (
    FILLED,
    HERE,
    SEALED,
    THERE,
    UNEVEN,
    columns,
    shelf,
    update,
)

FULL = (update(0, 1, 2), update(3))
DROPPED = (update(0, 1, 2), update(3, 4))
RIGHTFUL: tuple[tuple[tuple[WindowOp, ...], WindowOp], ...] = (
    ((), update(1)),
    (FILLED, update(2, 3, 4)),
    (FULL, update(4, 5, 6, 7)),
    (FILLED, update(2, layer=0)),
    (FILLED, update(2, layer=1)),
    (UNEVEN, update(3)),
    (DROPPED, Prune(HERE, (True,))),
    (DROPPED, Prune(HERE, (False,))),
    (DROPPED, RemoveNewest(HERE, 0)),
    (DROPPED, RemoveNewest(HERE, 3)),
    (DROPPED, Reset(HERE)),
    (UNEVEN, Reset(HERE)),
    (DROPPED, Seal(HERE)),
    ((*DROPPED, Seal(HERE)), Seal(HERE)),
    (DROPPED, Clone(HERE, THERE)),
    ((*DROPPED, Seal(HERE)), Clone(HERE, THERE)),
    ((*DROPPED, Seal(HERE)), Fork(HERE, THERE)),
    ((*DROPPED, Seal(HERE)), Fork(HERE, HERE)),
)
REFUSED: tuple[tuple[tuple[WindowOp, ...], WindowOp], ...] = (
    (FILLED, Update(HERE, columns(2), columns(3, 4))),
    (FILLED, Update(HERE, ((2, 3),), columns(4))),  # type: ignore[arg-type]  # plain tokens
    (FILLED, Update(HERE, columns(4), ((2, 3),))),  # type: ignore[arg-type]  # plain tokens
    (FILLED, update(2, 3, 4, 5, 6)),
    (FILLED, Prune(HERE, None)),
    (FILLED, Prune(HERE, (True, False))),
    (FILLED, RemoveNewest(HERE, -1)),
    (FILLED, RemoveNewest(HERE, 3)),
    (UNEVEN, RemoveNewest(HERE, 1)),
    (FILLED, Fork(HERE, THERE)),
    (UNEVEN, Seal(HERE)),
    (UNEVEN, Clone(HERE, THERE)),
    *((SEALED, op) for op in (update(2), Prune(HERE, (True,)), RemoveNewest(HERE, 1), Reset(HERE))),
)


def transition(before: Shelf, op: WindowOp) -> WindowTransition:
    after, response = step(before, op)
    return WindowTransition(before, op, response, after)


def changed(t: WindowTransition, window: Window, place: Place = HERE) -> WindowTransition:
    windows = list(t.after.windows)
    windows[place] = window
    return t._replace(after=t.after._replace(windows=tuple(windows)))


def with_part(window: Window, number: int, part: Part) -> Window:
    return window._replace(parts=(*window.parts[:number], part, *window.parts[number + 1 :]))


@pytest.mark.parametrize(("before", "op"), [*RIGHTFUL, *REFUSED], ids=repr)
def test_every_law_holds_on_every_rightful_transition(
    before: tuple[WindowOp, ...], op: WindowOp
) -> None:
    """Whatever it is about."""
    t = transition(shelf(*before), op)
    assert [law.code for law in WINDOW if not law.holds(t)] == []
    assert window_broken(t) == ()


@pytest.mark.parametrize(("before", "op"), RIGHTFUL, ids=repr)
def test_what_is_proper_must_not_be_refused(before: tuple[WindowOp, ...], op: WindowOp) -> None:
    state = shelf(*before)
    assert "W3" in window_broken(WindowTransition(state, op, Refused(), state))


@pytest.mark.parametrize(("before", "op"), REFUSED, ids=repr)
def test_what_is_improper_must_not_be_done(before: tuple[WindowOp, ...], op: WindowOp) -> None:
    state = shelf(*before)
    assert "W3" in window_broken(WindowTransition(state, op, Done(), state))


def test_a_refusal_must_not_change_another_window() -> None:
    t = transition(shelf(*FILLED), Prune(HERE, None))
    assert {"W3", "R3"} <= set(window_broken(changed(t, Window(4, 1, (Part(),) * 4, True), THERE)))


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("layer", [None, 0, 1])
def test_every_part_updated_ends_in_what_it_was_given(part: int, layer: int | None) -> None:
    t = transition(shelf(*FILLED), update(2, layer=layer))
    wrong = Part(columns(7, 8, 9), 0) if len(t.new.parts[part].tokens) == 3 else Part(columns(7, 8))
    law = "W1" if layer in (None, part // 2) else "W4"
    assert law in window_broken(changed(t, with_part(t.new, part, wrong)))


def test_growths_are_those_of_the_parts_updated() -> None:
    t = transition(shelf(*FILLED), update(2, layer=1))
    assert [(g.added, g.capacity) for g in growths(t)] == [(columns(2), 4), (columns(12), 4)]
    assert [(g.old.tokens, len(g.new.tokens)) for g in growths(t)] == [
        (columns(0, 1), 3),
        (columns(10, 11), 3),
    ]
    assert len(growths(transition(shelf(*FILLED), update(2)))) == 4
    assert growths(transition(shelf(*FILLED), Reset(HERE))) == ()
    assert growths(t._replace(response=Refused())) == ()
    assert growths(changed(t, t.new._replace(parts=t.new.parts[:2]))) == ()


def test_more_than_fits_is_no_suffix() -> None:
    t = transition(shelf(*FULL), update(4, 5))
    every = [
        Part(old.tokens + new.tokens[2:], 0)
        for old, new in zip(t.old.parts, t.new.parts, strict=True)
    ]
    assert "W1" in window_broken(changed(t, t.new._replace(parts=tuple(every))))


def growth(capacity: int, had: int, new: int, dropped: int) -> Growth:
    old, added = columns(*range(had)), columns(*range(had, had + new))
    return Growth(Part(old), added, Part((old + added)[dropped:], dropped), capacity)


@pytest.mark.parametrize("capacity", range(1, 8))
def test_exactly_what_the_specification_drops_is_fewest(capacity: int) -> None:
    for had, new in product(range(capacity + 1), repeat=2):
        accepted = [n for n in range(had + 1) if fewest(growth(capacity, had, new, n))]
        assert accepted == [drop(capacity, had, new)], (had, new)


def test_every_part_drops_the_fewest() -> None:
    t = transition(shelf(*FULL), update(4, 5))
    assert fewest_dropped(t)
    for part in range(4):
        all_gone = with_part(t.new, part, Part(t.new.parts[part].tokens[2:], 4))
        assert "W2" in window_broken(changed(t, all_gone))


UPDATE = transition(shelf(*DROPPED), update(5))
LAYER_1 = transition(shelf(*DROPPED), update(5, layer=1))
PRUNE = transition(shelf(*DROPPED), Prune(HERE, (True,)))
REMOVE = transition(shelf(*DROPPED), RemoveNewest(HERE, 1))
RESET = transition(shelf(*DROPPED), Reset(HERE))
SEAL = transition(shelf(*DROPPED), Seal(HERE))
CLONE = transition(shelf(*DROPPED, Seal(HERE)), Clone(HERE, THERE))
FORK = transition(shelf(*DROPPED, Seal(HERE)), Fork(HERE, THERE))
DENIED = transition(shelf(*DROPPED, Seal(HERE)), Reset(HERE))
K, V = columns(2, 3, 4), columns(12, 13, 14)
EMPTY = Window(4, 1, (Part(),) * 4)


@pytest.mark.parametrize(
    ("observed", "law"),
    [
        (changed(UPDATE, with_part(UPDATE.new, 1, Part(UPDATE.new.parts[1].tokens, 1))), "W4"),
        (changed(UPDATE, UPDATE.new._replace(samples=2)), "W4"),
        (changed(UPDATE, UPDATE.new._replace(capacity=5)), "W4"),
        (changed(LAYER_1, with_part(LAYER_1.new, 2, LAYER_1.old.parts[2])), "W4"),
        (changed(LAYER_1, with_part(LAYER_1.new, 3, LAYER_1.old.parts[3])), "W4"),
        (changed(REMOVE, REMOVE.new._replace(parts=REMOVE.new.parts[:2])), "W4"),
        (changed(SEAL, SEAL.new._replace(parts=SEAL.new.parts[:2])), "W4"),
        (changed(RESET, RESET.new._replace(samples=2)), "W4"),
        (changed(RESET, RESET.new._replace(parts=RESET.new.parts[:2])), "W4"),
        (changed(SEAL, with_part(SEAL.new, 2, Part())), "W4"),
        (changed(SEAL, SEAL.new._replace(parts=(*SEAL.new.parts[:2], Part(), Part()))), "W4"),
        (changed(PRUNE, with_part(PRUNE.new, 3, Part(columns(7, 8, 9), 2))), "W5"),
        (changed(PRUNE, PRUNE.new._replace(samples=2)), "W5"),
        (changed(REMOVE, with_part(REMOVE.new, 0, Part(columns(3, 4), 2))), "W5"),
        (changed(REMOVE, with_part(REMOVE.new, 3, Part(V, 2))), "W5"),
        (changed(RESET, with_part(RESET.new, 3, Part(columns(1)))), "W5"),
        (changed(CLONE, EMPTY, THERE), "W5"),
        (changed(CLONE, CLONE.new._replace(sealed=True), THERE), "W5"),
        (changed(FORK, with_part(FORK.new, 1, Part(K, 2)), THERE), "W5"),
        (changed(UPDATE, UPDATE.old), "W6"),
        (changed(UPDATE, with_part(UPDATE.new, 0, Part(UPDATE.new.parts[0].tokens, 4))), "W6"),
        (changed(RESET, with_part(RESET.new, 1, Part((), 2))), "W6"),
        (changed(REMOVE, with_part(REMOVE.new, 1, Part(V[:2], 0))), "W6"),
        (changed(PRUNE, with_part(PRUNE.new, 2, Part(K, 3))), "W6"),
        (changed(CLONE, with_part(CLONE.new, 2, Part(K, 3)), THERE), "W6"),
        (changed(UPDATE, EMPTY._replace(samples=2), THERE), "R3"),
        (changed(CLONE, EMPTY, HERE), "R3"),
        (FORK._replace(after=FORK.before), "W5"),
        (changed(FORK, EMPTY._replace(capacity=5), Place(2)), "R3"),
        (changed(SEAL, SEAL.new._replace(sealed=False)), "R4"),
        (changed(SEAL, with_part(SEAL.new, 0, Part())), "R4"),
        (changed(CLONE, CLONE.new._replace(sealed=True), THERE), "R4"),
        (changed(FORK, FORK.new._replace(sealed=True), THERE), "R4"),
        (changed(DENIED, EMPTY._replace(sealed=True)), "R4"),
        (DENIED._replace(response=Done()), "R4"),
        (changed(UPDATE, UPDATE.new._replace(sealed=True)), "R4"),
    ],
)
def test_each_clause_is_broken_by_its_transition(observed: WindowTransition, law: str) -> None:
    assert law in window_broken(observed)


@pytest.mark.parametrize(
    "t", [UPDATE, PRUNE, REMOVE, RESET, SEAL, CLONE, FORK, DENIED], ids=lambda t: repr(t.op)
)
def test_those_transitions_are_right_before_they_are_changed(t: WindowTransition) -> None:
    assert window_broken(t) == ()


def test_an_odd_number_goes_only_when_everything_does() -> None:
    """W6: the phase flips when a full update finds an odd number of tokens, and only then."""
    two = new_shelf(4, 1, 1, 1)
    for op in (update(0, 1, 2), update(3, 4, 5, 6)):
        before, (two, _) = two, step(two, op)
    assert {part.first for part in two.windows[0].parts} == {3}
    assert window_broken(WindowTransition(before, op, Done(), two)) == ()
    one = transition(shelf(update(0, 1, 2)), update(3, 4))
    fewer = [Part(part.tokens[1:], 1) for part in one.old.parts]
    wrong = [
        Part(p.tokens + new.tokens[-2:], 1) for p, new in zip(fewer, one.new.parts, strict=True)
    ]
    assert {"W2", "W6"} <= set(window_broken(changed(one, one.new._replace(parts=tuple(wrong)))))
