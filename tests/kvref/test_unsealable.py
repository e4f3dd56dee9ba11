"""COPY stores what has no `seal()`, and no `clone()` either: a hit delivers what was set."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from kvref import KVCachePool, KVCacheTypeError, Ownership


class Plain:
    """The window of a world model that knows nothing of caches: a tensor, and a closure."""

    def __init__(self, width: int = 3) -> None:
        self._fresh: Callable[[], Tensor] = lambda: torch.zeros(2, width)
        self.tokens = self._fresh()

    def write(self, value: float) -> None:
        self.tokens.fill_(value)


class Cloning(Plain):
    def clone(self) -> "Cloning":
        copy = Cloning()
        copy.tokens = self.tokens.clone()
        return copy


class GivesNothing:
    def clone(self) -> None:
        return None


def pool_of(ownership: Ownership = Ownership.COPY) -> Any:
    """A `KVCachePool` of whatever, so that a hit need not be told from a miss."""
    return KVCachePool[object](2, ownership=ownership)


def filled(pool: Any) -> Plain:
    """One object, stored under two keys and written in between."""
    kept = Plain()
    for key in range(2):
        kept.write(key)
        pool.set(key, kept)
    kept.write(9)
    return kept


def contents(pool: Any) -> list[float]:
    return [float(pool.get(key).tokens[0, 0]) for key in range(2)]


def test_one_object_stored_again_and_again_is_harmless() -> None:
    pool = pool_of()
    filled(pool)
    assert contents(pool) == [0, 1]


def test_references_to_it_are_not() -> None:
    """What the test above must reject."""
    pool = pool_of(Ownership.REFERENCE)
    filled(pool)
    assert contents(pool) == [9, 9]


@pytest.mark.parametrize("kind", [Plain, Cloning])
def test_an_update_takes_a_copy_of_its_own(kind: type[Plain]) -> None:
    pool, kept = pool_of(), kind()
    pool.set(1, kept)
    first = pool.get(1)
    kept.write(5)
    pool.set(1, kept)
    assert type(first) is kind
    assert pool.get(1) is not first
    assert (float(first.tokens[0, 0]), float(pool.get(1).tokens[0, 0])) == (0, 5)


def test_what_is_delivered_is_the_pools_own_copy_and_can_be_written() -> None:
    """Nothing seals it: a caller that writes into it finds that again. COPY_BOTH for such."""
    pool = pool_of()
    pool.set(1, Plain())
    pool.get(1).write(7)
    assert float(pool.get(1).tokens[0, 0]) == 7
    both = pool_of(Ownership.COPY_BOTH)
    both.set(1, Cloning())
    both.get(1).write(7)
    assert float(both.get(1).tokens[0, 0]) == 0


def test_values_that_cannot_change_are_stored_as_they_are() -> None:
    pool = pool_of()
    pool.set(1, "text")
    pool.set(2, 12345)
    assert (pool.get(1), pool.get(2)) == ("text", 12345)


@pytest.mark.parametrize("bad", [GivesNothing(), threading.Lock(), (n for n in (1, 2))])
def test_what_cannot_be_copied_is_refused_and_named(bad: object) -> None:
    pool = pool_of()
    pool.set(1, "text")
    with pytest.raises(KVCacheTypeError, match=type(bad).__name__):
        pool.set(1, bad)
    assert pool.get(1) == "text"


def test_no_room_for_a_deep_copy_is_told_as_that() -> None:
    class Huge:
        def __deepcopy__(self, memo: object) -> "Huge":
            raise MemoryError

    pool = pool_of()
    with pytest.raises(MemoryError):
        pool.set(1, Huge())
    assert len(pool) == 0


def test_a_copy_that_can_be_sealed_is_sealed() -> None:
    class Sealing(Cloning):
        sealed = False

        def clone(self) -> "Sealing":
            return Sealing()

        def seal(self) -> None:
            self.sealed = True

    pool, value = pool_of(), Sealing()
    pool.set(1, value)
    assert pool.get(1).sealed
    assert not value.sealed


@pytest.mark.parametrize("value", [Plain(), Cloning(), "text"])
def test_sealed_storage_still_asks_for_a_seal(value: object) -> None:
    with pytest.raises(KVCacheTypeError, match=r"SEALED storage needs values with seal\(\)"):
        pool_of(Ownership.SEALED).set(1, value)
