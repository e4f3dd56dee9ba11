"""How contents are kept and compared, unless the user says otherwise; without torch."""

from copy import deepcopy
from typing import Protocol, TypeVar, cast

from kvref.arguments import offers
from kvref.errors import KVCacheTypeError, show
from kvref.records import Fingerprinted

V = TypeVar("V")


class Array(Protocol):
    """An array or a tensor, of whatever library."""

    @property
    def shape(self) -> object: ...

    @property
    def dtype(self) -> object: ...

    def all(self) -> object: ...


class Tensor(Protocol):
    """What torch has and arrays have not."""

    def detach(self) -> "Tensor": ...

    def clone(self) -> "Tensor": ...


class Cloning(Protocol):
    def clone(self) -> object: ...


def copied(value: V) -> V:
    """A copy that shares nothing with a value: its `clone()`, or else a deep copy."""
    if offers(value, "clone"):
        return cast(V, cast(Cloning, value).clone())
    return deepcopy(value)


def snapshot(value: object) -> object:
    """What a value holds now, whatever is written into it later.

    Its `fingerprint()` if it has one; a tensor's copy; else a deep copy, if that can be compared.
    """
    if isinstance(value, Fingerprinted):
        return value.fingerprint()
    if offers(value, "detach", "clone"):
        return cast(Tensor, value).detach().clone()
    if type(value).__eq__ is object.__eq__:
        raise KVCacheTypeError(
            f"{show(value)} compares by identity: say what it holds (snapshot=...)"
        )
    return deepcopy(value)


def alike(one: object, other: object) -> bool:
    """Equal: tensors and arrays element by element, lists, tuples and dicts part by part."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if offers(one, "shape", "dtype"):
        mine, theirs = cast(Array, one), cast(Array, other)
        same = mine.shape == theirs.shape and mine.dtype == theirs.dtype
        return same and bool(cast(Array, mine == theirs).all())
    return bool(one == other)
