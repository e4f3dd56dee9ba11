"""Windows and batches: how many tokens go, which stay, and where each row begins."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from spec.batch import Batch, align, split, visible
from spec.window import Columns, Part, Place, Shelf, Token, Update, Window, drop, step
from spec.window_laws import (
    WindowTransition,
    fewest_dropped,
    parts_agree,
    phase,
    refused_whole,
    suffix,
)
from stateful_models.engines.contracts.condition import Condition, Fault, Theorem


def columns(tokens: tuple[int, ...]) -> Columns:
    return tuple((Token(token),) for token in tokens)


def of_update(law: Callable[[WindowTransition], bool], capacity: int) -> Theorem:
    """One layer of one sample, of any tokens; up to one new token more than the window holds."""

    def theorem(tokens: tuple[int, ...], first: int, new: tuple[int, ...]) -> None:
        assert len(tokens) <= capacity
        assert first >= 0
        assert len(new) <= capacity + 1
        part = Part(columns(tokens), first)
        before = Shelf((Window(capacity, 1, (part, part)),))
        op = Update(Place(0), columns(new), columns(new))
        after, response = step(before, op)
        assert law(WindowTransition(before, op, response, after))

    return theorem


def of_drop(capacity: int) -> Theorem:
    """W2 of the number alone, for every capacity up to twice the bound."""

    def theorem(room: int, size: int, new: int) -> None:
        assert 1 <= room <= 2 * capacity
        assert 0 <= size <= room
        assert 0 <= new <= room
        gone = drop(room, size, new)
        next_fewer = gone - 2 if gone % 2 == 0 else gone - 1
        assert 0 <= gone <= size
        assert size - gone + new <= room
        assert gone % 2 == 0 or gone == size
        assert gone == 0 or size - next_fewer + new > room

    return theorem


def of_round_trip(capacity: int) -> Theorem:
    def theorem(rows: tuple[tuple[int, ...], ...]) -> None:
        assert len(rows) <= 2
        assert all(len(row) <= capacity for row in rows)
        given = tuple(tuple(Token(token) for token in row) for row in rows)
        assert split(align(given)) == given

    return theorem


def of_offsets(capacity: int) -> Theorem:
    """Row r's tokens begin at the width less its length; before them is nothing but padding."""

    def theorem(lengths: tuple[int, ...]) -> None:
        assert 0 < len(lengths) <= 2
        assert all(0 <= length <= capacity for length in lengths)
        made = align(tuple((Token(1),) * length for length in lengths))
        starts = [max(lengths) - length for length in lengths]
        assert made.lengths == lengths
        assert all(
            row == (None,) * start + (Token(1),) * (max(lengths) - start)
            for row, start in zip(made.rows, starts, strict=True)
        )

    return theorem


def of_visibility(capacity: int) -> Theorem:
    """A new token sees its row's own tokens, itself and the new ones before it: no padding."""

    def theorem(length: int, other: int, new: int) -> None:
        assert 0 <= length <= capacity
        assert 0 <= other <= capacity
        assert 1 <= new <= 2
        width = length if length > other else other
        made = Batch(((None,) * width,) * 2, (length, other))
        seen = visible(made, 0, new)
        assert all(
            (column in seen[n]) == (width - length <= column <= width + n)
            for n in range(new)
            for column in range(width + new)
        )

    return theorem


def drops_singly(capacity: int, size: int, new: int) -> int:
    return max(size + new - capacity, 0)


def drops_all(capacity: int, size: int, new: int) -> int:
    return size if size + new > capacity else 0


def keeps_oldest(part: Part, capacity: int, new: Columns) -> Part:
    dropped = drop(capacity, len(part.tokens), len(new))
    return Part(part.tokens[: len(part.tokens) - dropped] + new, part.first + dropped)


def forgets_phase(part: Part, capacity: int, new: Columns) -> Part:
    dropped = drop(capacity, len(part.tokens), len(new))
    return Part(part.tokens[dropped:] + new, part.first)


def anything_fits(window: Window, new: Columns) -> bool:
    return True


def only_keys(window: Window, op: Update) -> Window:
    k, v = window.parts
    return window._replace(parts=(Part(k.tokens + op.k, k.first), v))


def pads_right(windows: tuple[tuple[Token, ...], ...]) -> Batch:
    width = max((len(row) for row in windows), default=0)
    rows = tuple(row + (None,) * (width - len(row)) for row in windows)
    return Batch(rows, tuple(len(row) for row in windows))


def sees_padding(batch: Batch, row: int, new: int) -> tuple[frozenset[int], ...]:
    return tuple(frozenset(range(len(batch.rows[row]) + n + 1)) for n in range(new))


HERE: Final = (
    "stateful_models.engines.contracts.windows"  # what is imported by name is replaced here
)
UPDATES: Final = (
    ("W1", suffix, Fault("spec.window", "append", keeps_oldest)),
    ("W2", fewest_dropped, Fault("spec.window", "drop", drops_singly)),
    ("W3", refused_whole, Fault("spec.window", "fits", anything_fits)),
    ("W4", parts_agree, Fault("spec.window", "update", only_keys)),
    ("W6", phase, Fault("spec.window", "append", forgets_phase)),
)


def window_conditions() -> Iterator[Condition]:
    for code, law, fault in UPDATES:
        says = (law.__doc__ or law.__name__.replace("_", " ")).splitlines()[0]
        yield Condition(f"{code} update", says, partial(of_update, law), fault)
    yield Condition(
        "W2 drop count",
        "The fewest tokens go, an even number, or all of them.",
        of_drop,
        Fault(HERE, "drop", drops_all),
    )
    yield Condition(
        "B1 round trip",
        "split(align(rows)) == rows.",
        of_round_trip,
        Fault(HERE, "align", pads_right),
    )
    yield Condition(
        "B2 offsets",
        "Each row begins at the width less its length.",
        of_offsets,
        Fault(HERE, "align", pads_right),
    )
    yield Condition(
        "B2 visibility",
        "A new token sees its row, itself and what is between: no padding.",
        of_visibility,
        Fault(HERE, "visible", sees_padding),
    )
