"""W2 in integers: how many tokens a window drops, against its definition by trying."""

from itertools import product

import spec.window
from kvref.window_drop import drop


def fewest(capacity: int, size: int, new: int) -> int:
    """The least even number after which the new ones fit; all, if that many are not there."""
    enough = (gone for gone in range(0, size + 1, 2) if size - gone + new <= capacity)
    return next(enough, size)


def test_the_fewest_pairs_that_fit_go() -> None:
    """Every window of up to 9 tokens, every update that fits into it at all."""
    for capacity, size, new in product(range(1, 10), range(10), range(10)):
        if size <= capacity and new <= capacity:
            told = drop(capacity, size, new)
            assert told == fewest(capacity, size, new) == spec.window.drop(capacity, size, new)


def test_what_fits_drops_nothing_and_what_does_not_drops_pairs() -> None:
    assert drop(4, 2, 2) == 0
    assert drop(4, 4, 1) == 2
    assert drop(4, 4, 3) == 4
    assert drop(5, 5, 5) == 5  # six would have to go
