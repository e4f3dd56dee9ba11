"""W2: how many tokens a window drops. Integers only: what decides needs no tensor."""


def drop(capacity: int, size: int, new: int) -> int:
    """W2: how many of `size` tokens go to make room for `new` ones.

    An even number, the fewest that fit; all of them if that many are not there.
    """
    excess = max(size + new - capacity, 0)
    return min(excess + excess % 2, size)
