"""P3 under PRIORITY: every real number is a priority of exactly its value, and nothing else is."""

import math
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from itertools import pairwise, permutations
from random import Random
from typing import cast

import numpy as np
import pytest
import torch

from kvref import EvictionStrategy, KVCacheError, KVCachePool, Priority, Rank
from kvref.ranks import as_rank, written
from stateful_models.traces.values import rank_of
from tests.support.garbage import raising

NOW = 1_763_000_000_000_000_000  # nanoseconds: far beyond 2**53, where floats have gaps


class Level(IntEnum):
    LOW = NOW
    HIGH = NOW + 1


MAKERS: dict[str, Callable[[int], Priority]] = {
    "int": int,
    "np.int64": np.int64,
    "np.uint64": np.uint64,
    "torch": lambda number: torch.tensor(number, dtype=torch.int64),
    "IntEnum": Level,
    "Fraction": Fraction,
    "Decimal": Decimal,
    "0-d array": lambda number: cast(Priority, np.array(number)),
}


@pytest.mark.parametrize("high", MAKERS)
@pytest.mark.parametrize("low", MAKERS)
def test_neighbours_beyond_2_to_53_are_told_apart(low: str, high: str) -> None:
    """Whatever the two kinds, and whichever came first."""
    for first in (0, 1):
        pool: KVCachePool[str] = KVCachePool(2, EvictionStrategy.PRIORITY)
        ranks = [(1, MAKERS[high](NOW + 1)), (2, MAKERS[low](NOW))]
        for key, rank in (ranks[first], ranks[1 - first]):
            pool.set(key, "v", priority=rank)
        pool.set(3, "v", priority=NOW + 2)
        assert set(pool) == {1, 3}


LONG = 2**60 + 1 if np.finfo(np.longdouble).nmant >= 60 else 2**60  # as wide as it is here

EXACT = {
    "float32": (np.float32(0.1), Fraction(float(np.float32(0.1)))),
    "longdouble": (np.longdouble(2) ** 60 + 1, LONG),
    "array of objects": (np.array(Fraction(1, 3), object), Fraction(1, 3)),
    "torch.uint64": (torch.tensor(2**64 - 1, dtype=torch.uint64), 2**64 - 1),
    "third": (Fraction(1, 3), Fraction(1, 3)),
    "decimal": (Decimal("0.1"), Fraction(1, 10)),
    "huge decimal": (Decimal(10) ** 400, 10**400),
    "tiny decimal": (Decimal(10) ** -400, Fraction(1, 10**400)),
    "infinite decimal": (Decimal("-Infinity"), -math.inf),
    "half": (torch.tensor(0.5, dtype=torch.bfloat16), 0.5),
    "negative zero": (-0.0, 0),
    "inf": (np.float16(np.inf), math.inf),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_a_rank_is_the_number_itself(name: str) -> None:
    given, value = EXACT[name]
    assert as_rank(given) == value


def test_ranks_of_all_kinds_have_one_order() -> None:
    ranks = [as_rank(r) for r in (-math.inf, -(10**400), Fraction(-1, 3), 0.1, Decimal("0.1"))]
    ranks = [*ranks[:3], *ranks[:2:-1], 2**53, float(2**53), 2**53 + 1, 10**400, math.inf]
    assert all(not one > other for one, other in pairwise(ranks))
    for some in permutations(ranks[3:8]):
        assert sorted(some) == ranks[3:8]


@pytest.mark.parametrize(
    "bad",
    [
        *(b"5", bytearray(b"5"), memoryview(b"5"), "5", True, np.bool_(True), torch.tensor(True)),
        *(1j, np.complex128(1 + 2j), torch.tensor(1j), [5], np.array([5]), torch.tensor([5, 6])),
        *(math.nan, np.float32("nan"), Decimal("NaN"), Decimal("sNaN"), torch.tensor(math.nan)),
        *(torch.empty((), device="meta"), np.datetime64("2026-01-01"), object()),
        *(np.array("5"), np.array(b"5"), np.array("5", object), np.array(True, object)),
        Decimal("1E+10000000"),
        *(raising("__float__"), raising("__index__", "__float__", error=KeyError)),
    ],
    ids=lambda bad: type(bad).__name__,
)
def test_what_is_no_real_number_is_refused(bad: object) -> None:
    pool: KVCachePool[str] = KVCachePool(2, EvictionStrategy.PRIORITY)
    with pytest.raises(KVCacheError, match="priority must be"):
        pool.set(1, "v", priority=bad)  # type: ignore[arg-type]  # wrong on purpose
    assert len(pool) == 0


def test_a_written_rank_is_read_as_the_same_number() -> None:
    random = Random(0)
    ranks: list[Rank] = [
        0,
        -1,
        10**5000,
        -(10**5000),
        0.1,
        -0.0,
        5e-324,
        1e308,
        math.inf,
        -math.inf,
    ]
    ranks += [Fraction(1, 3), Fraction(-(10**5000), 7), Fraction(1, 10**5000)]
    ranks += [random.uniform(-1e9, 1e9) for _ in range(100)]
    for rank in ranks:
        assert rank_of(written(as_rank(rank))) == rank
