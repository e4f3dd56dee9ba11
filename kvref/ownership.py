"""Who owns a stored value, and what a set does to it before it stores it."""

from collections.abc import Callable
from copy import deepcopy
from enum import Enum
from typing import Final, Protocol, cast

from kvref.arguments import offers
from kvref.errors import KVCacheTypeError, show


class Ownership(Enum):
    """What a set stores and a get delivers.

    REFERENCE: the object itself. SEALED: the object, sealed by the set, which needs `seal()`.
    COPY: a private copy, by `clone()` or else `copy.deepcopy`, and sealed if it has `seal()`; of
    one that has not, R4 holds for callers that do not write into what a get delivered. COPY_BOTH:
    a private copy, and of it a fresh one by each get, which is the caller's to write; values and
    their copies need `clone()`.
    """

    REFERENCE = "reference"
    SEALED = "sealed"
    COPY = "copy"
    COPY_BOTH = "copy-both"


class Sealable(Protocol):
    """A value that can refuse further writes."""

    def seal(self) -> object: ...


class Cloneable(Protocol):
    """A value that can be copied; a copy with `seal()` is sealed when it is stored."""

    def clone(self) -> object: ...


class Copyable(Protocol):
    """A value that can be copied, and so can its copies."""

    def clone(self) -> "Copyable": ...


def _sealed(value: object) -> object:
    if not offers(value, "seal"):
        raise KVCacheTypeError(f"SEALED storage needs values with seal(), not {show(value)}")
    cast(Sealable, value).seal()
    return value


def _private_copy(value: object) -> object:
    """By `clone()` or else deep; sealed if it can be."""
    clones = offers(value, "clone")
    copy = cast(Cloneable, value).clone() if clones else _deep_copy(value)
    if copy is None:
        raise KVCacheTypeError(f"clone() of {show(value)} must give a copy, not None")
    return _sealed(copy) if offers(copy, "seal") else copy


def _deep_copy(value: object) -> object:
    try:
        return deepcopy(value)
    except MemoryError:
        raise
    except Exception as error:  # a foreign __deepcopy__ may raise anything
        raise KVCacheTypeError(
            f"COPY storage needs values with clone(), or that copy.deepcopy can copy, not "
            f"{show(value)}"
        ) from error


def copied(value: object) -> object:
    if not offers(value, "clone"):
        raise KVCacheTypeError(f"COPY_BOTH storage needs values with clone(), not {show(value)}")
    copy: object = cast(Copyable, value).clone()
    if not offers(copy, "clone"):
        raise KVCacheTypeError(f"clone() must give a value with clone(), not {show(copy)}")
    return copy


PREPARE: Final[dict[Ownership, Callable[[object], object] | None]] = {
    Ownership.REFERENCE: None,
    Ownership.SEALED: _sealed,
    Ownership.COPY: _private_copy,
    Ownership.COPY_BOTH: copied,
}
COPYING: Final = (Ownership.COPY, Ownership.COPY_BOTH)
"""Those whose sets may fail while they copy."""
