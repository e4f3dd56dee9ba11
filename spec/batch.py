"""Windows of unequal length side by side: left padding, its mask, and the way back."""

from typing import Final, NamedTuple

from spec.law import Law
from spec.window import Token

Row = tuple[Token, ...]  # one sample's tokens, oldest first
Padded = tuple[Token | None, ...]  # None is padding: zeros


class Batch(NamedTuple):
    """Rows of one length; `lengths[r]` tokens of row r are its window's."""

    rows: tuple[Padded, ...]
    lengths: tuple[int, ...]


def align(windows: tuple[Row, ...]) -> Batch:
    """B1, B2: every row as long as the longest window, padded on the left."""
    width = max((len(row) for row in windows), default=0)
    rows = tuple((None,) * (width - len(row)) + row for row in windows)
    return Batch(rows, tuple(len(row) for row in windows))


def split(batch: Batch) -> tuple[Row, ...]:
    """The last tokens of each row, as many as its window has."""
    return tuple(
        tuple(token for token in row[len(row) - length :] if token is not None)
        for row, length in zip(batch.rows, batch.lengths, strict=True)
    )


def visible(batch: Batch, row: int, new: int) -> tuple[frozenset[int], ...]:
    """The columns where each of a row's `new` tokens may look: its past, never padding."""
    width = len(batch.rows[row])
    own = range(width - batch.lengths[row], width)
    return tuple(frozenset((*own, *range(width, width + n + 1))) for n in range(new))


class Alignment(NamedTuple):
    """What was observed: windows, the batch made of them, and what splitting it gave back.

    `alone[r]` is the batch made of window r alone. `kinds` are dtype and device of the windows,
    of the batch, and of what came back.
    """

    windows: tuple[Row, ...]
    batch: Batch
    alone: tuple[Batch, ...]
    back: tuple[Row, ...]
    masks: tuple[tuple[frozenset[int], ...], ...]
    kinds: tuple[str, ...]


def round_trip(a: Alignment) -> bool:
    """Splitting what was aligned gives the windows back."""
    return a.back == a.windows


def padded_left(a: Alignment) -> bool:
    """Padding is on the left, zero, reported, and seen by no token."""
    lengths = tuple(len(row) for row in a.windows)
    if a.batch.lengths != lengths or len(a.batch.rows) != len(lengths) or not all(a.masks):
        return False
    left = all(
        len(row) == max(lengths) and row[: len(row) - length] == (None,) * (len(row) - length)
        for row, length in zip(a.batch.rows, lengths, strict=True)
    )
    new = len(a.masks[0])
    return left and a.masks == tuple(visible(a.batch, row, new) for row in range(len(lengths)))


def rows_apart(a: Alignment) -> bool:
    """A row's own tokens are those that it has when aligned alone."""
    return len(a.batch.rows) == len(a.alone) and all(
        row[len(row) - len(single.rows[0]) :] == single.rows[0]
        for row, single in zip(a.batch.rows, a.alone, strict=True)
    )


def kind_kept(a: Alignment) -> bool:
    """Dtype and device survive; so do contents."""
    return len(set(a.kinds)) == 1 and set(a.windows) == set(a.back)


def ragged(a: Alignment) -> bool:
    """Windows of unequal length, one of them not empty."""
    return len({len(row) for row in a.windows}) > 1


def unusual(a: Alignment) -> bool:
    """Windows of another kind than the usual one."""
    return ragged(a) and a.kinds[0] != "float32 cpu"


ABOUT: Final = (Alignment,)
BATCH: Final[tuple[Law[Alignment], ...]] = (
    Law("B1", "round trip", ABOUT, round_trip, ragged),
    Law("B2", "padded left", ABOUT, padded_left, ragged),
    Law("B3", "rows apart", ABOUT, rows_apart, ragged),
    Law("B4", "kind kept", ABOUT, kind_kept, unusual),
)
