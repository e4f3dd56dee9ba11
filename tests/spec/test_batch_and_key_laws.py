"""B1 to B4 and K1 to K3 clause by clause, and their specification by values known elsewhere."""

import pytest
import xxhash

from spec.batch import BATCH, Alignment, Batch, align, split, visible
from spec.keys import KEYS, Keyed, Pair, xxh64
from spec.laws import batch_broken, keys_broken
from spec.window import Token

T1, T2, T3 = Token(1), Token(2), Token(3)
ROWS = ((T1, T2), (T3,), ())
BATCH_OF_ROWS = Batch(((T1, T2), (None, T3), (None, None)), (2, 1, 0))


def test_alignment_pads_on_the_left_and_splitting_undoes_it() -> None:
    assert align(ROWS) == BATCH_OF_ROWS
    assert split(BATCH_OF_ROWS) == ROWS
    assert split(Batch(((None, None, T1),), (2,))) == ((T1,),)


def test_a_batch_with_a_length_too_few_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="shorter"):
        split(BATCH_OF_ROWS._replace(lengths=(2, 1)))


def test_no_windows_make_an_empty_batch() -> None:
    assert align(()) == Batch((), ())


def test_new_tokens_see_their_past_and_no_padding() -> None:
    assert visible(BATCH_OF_ROWS, 0, 2) == (frozenset({0, 1, 2}), frozenset({0, 1, 2, 3}))
    assert visible(BATCH_OF_ROWS, 1, 1) == (frozenset({1, 2}),)
    assert visible(BATCH_OF_ROWS, 2, 1) == (frozenset({2}),)


def alignment(rows: tuple[tuple[Token, ...], ...] = ROWS) -> Alignment:
    """What a rightful cache shows."""
    batch = align(rows)
    masks = tuple(visible(batch, row, 2) for row in range(len(rows)))
    alone = tuple(align((row,)) for row in rows)
    return Alignment(rows, batch, alone, rows, masks, ("float64 cpu",) * 3)


RIGHT = alignment()
SWAPPED = RIGHT.batch._replace(rows=((T2, T1), *RIGHT.batch.rows[1:]))


@pytest.mark.parametrize(
    ("observed", "law"),
    [
        (RIGHT._replace(back=(*ROWS[:2], (T1,))), "B1"),
        (RIGHT._replace(batch=RIGHT.batch._replace(lengths=(2, 1, 1))), "B2"),
        (RIGHT._replace(batch=Batch(((T1, T2), (T3, None), (None, None)), (2, 1, 0))), "B2"),
        (RIGHT._replace(batch=Batch(((T1, T2), (T2, T3), (None, None)), (2, 1, 0))), "B2"),
        (RIGHT._replace(masks=(*RIGHT.masks[:2], visible(SWAPPED, 0, 2))), "B2"),
        (RIGHT._replace(batch=SWAPPED), "B3"),
        (RIGHT._replace(kinds=("float64 cpu", "float32 cpu", "float64 cpu")), "B4"),
        (RIGHT._replace(back=((T2, T1), *ROWS[1:])), "B4"),
    ],
)
def test_each_clause_of_batches_is_broken_by_its_observation(observed: Alignment, law: str) -> None:
    assert batch_broken(RIGHT) == ()
    assert law in batch_broken(observed)


def accepted(observed: Alignment) -> bool:
    try:
        return not batch_broken(observed)
    except ValueError:
        return False


def test_a_row_too_many_is_not_accepted() -> None:
    more = RIGHT.batch._replace(rows=(*RIGHT.batch.rows, (None, None)))
    assert accepted(RIGHT)
    assert not accepted(RIGHT._replace(batch=more))
    assert not accepted(RIGHT._replace(alone=RIGHT.alone[:2]))


def test_laws_of_batches_speak_of_unequal_windows() -> None:
    occurs = {law.code: law.occurs for law in BATCH}
    even = alignment(((T1,), (T2,)))
    two = alignment(((T1, T2), (T3,)))
    assert not any(occurs[code](even) for code in occurs)
    assert all(occurs[code](two) for code in occurs)
    usual = two._replace(kinds=("float32 cpu", "float64 cpu", "float64 cpu"))
    assert [code for code in occurs if not occurs[code](usual)] == ["B4"]


@pytest.mark.parametrize("size", range(101))
def test_xxh64_is_that_of_another_implementation(size: int) -> None:
    """Every number of stripes, words and bytes behind them."""
    data = bytes((7 * n + 131) % 256 for n in range(size))
    assert xxh64(data) == xxhash.xxh64_intdigest(data)


def keyed(
    data: bytes = b"state",
    dtype: str = "uint8",
    shape: tuple[int, ...] = (5,),
    salt: tuple[int, ...] = (0,),
    layout: str = "as it came",
    key: int | None = None,
    salted: int = 7,
) -> Keyed:
    return Keyed(data, dtype, shape, salt, layout, xxh64(data) if key is None else key, salted)


@pytest.mark.parametrize(
    ("other", "law"),
    [
        (keyed(key=1), "K1"),
        (keyed(b"other", key=xxh64(b"state"), salted=8), "K2"),
        (keyed(salted=8), "K3"),
        (keyed(b"other"), "K3"),
        (keyed(dtype="int8"), "K3"),
        (keyed(shape=(1, 5)), "K3"),
        (keyed(salt=(1,)), "K3"),
    ],
)
def test_each_clause_of_keys_is_broken_by_its_pair(other: Keyed, law: str) -> None:
    assert keys_broken(Pair(keyed(), keyed(layout="a copy"))) == ()
    assert keys_broken(Pair(keyed(), keyed(b"other", salted=8))) == ()
    assert law in keys_broken(Pair(keyed(), other))
    assert law in keys_broken(Pair(other, keyed()))


LONG, WHOLE, SHORT = keyed(bytes(33)), keyed(bytes(64)), keyed(bytes(5))


@pytest.mark.parametrize(
    ("pair", "codes"),
    [
        (Pair(keyed(), keyed(layout="a copy")), ["K1"]),
        (Pair(keyed(), keyed(b"other", layout="a copy")), []),
        (Pair(keyed(), keyed()), []),
        (Pair(keyed(), keyed(salt=(1,))), ["K3"]),
        (Pair(LONG, WHOLE), ["K2"]),
        (Pair(WHOLE, WHOLE), []),
        (Pair(SHORT, SHORT), []),
        (Pair(keyed(bytes(32)), SHORT), ["K2"]),
        (Pair(keyed(bytes(31)), SHORT), []),
    ],
)
def test_laws_of_keys_speak_of_their_pairs(pair: Pair, codes: list[str]) -> None:
    assert [law.code for law in KEYS if law.occurs(pair)] == codes


def test_reported_lengths_are_the_windows_own() -> None:
    """Though mask and padding agree with what is reported."""
    batch = RIGHT.batch._replace(lengths=(2, 1, 1))
    masks = tuple(visible(batch, row, 2) for row in range(3))
    assert batch_broken(RIGHT._replace(batch=batch, masks=masks)) == ("B2",)


def test_a_row_too_many_is_told() -> None:
    batch = RIGHT.batch._replace(rows=(*RIGHT.batch.rows, (None, None)))
    assert batch_broken(RIGHT._replace(batch=batch)) == ("B2", "B3")
