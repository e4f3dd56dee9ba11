"""Who owns a stored value, and what a set does to it before it stores it."""

from collections.abc import Callable
from enum import Enum
from typing import Final, Protocol, cast

from kvref.arguments import offers
from kvref.errors import KVCacheTypeError, show


class Ownership(Enum):
    """What a set stores and a get delivers.

    REFERENCE: the object itself. SEALED: the object, sealed by the set. COPY: a private copy,
    sealed. COPY_BOTH: a private copy, and of it a fresh one by each get, which is the caller's to
    write. SEALED values need `seal()`; COPY and COPY_BOTH values need `clone()`, whose result
    needs `seal()` under COPY and `clone()` under COPY_BOTH.
    """

    REFERENCE = "reference"
    SEALED = "sealed"
    COPY = "copy"
    COPY_BOTH = "copy-both"


class Sealable(Protocol):
    """A value that can refuse further writes."""

    def seal(self) -> object: ...


class Cloneable(Protocol):
    """A value that can be copied; the copy can be sealed."""

    def clone(self) -> Sealable: ...


class Copyable(Protocol):
    """A value that can be copied, and so can its copies."""

    def clone(self) -> "Copyable": ...


def _sealed(value: object) -> object:
    if not offers(value, "seal"):
        raise KVCacheTypeError(f"SEALED storage needs values with seal(), not {show(value)}")
    cast(Sealable, value).seal()
    return value


def _sealed_copy(value: object) -> object:
    if not offers(value, "clone", "seal"):
        raise KVCacheTypeError(
            f"COPY storage needs values with clone() and seal(), not {show(value)}"
        )
    return _sealed(cast(Cloneable, value).clone())


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
    Ownership.COPY: _sealed_copy,
    Ownership.COPY_BOTH: copied,
}
COPYING: Final = (Ownership.COPY, Ownership.COPY_BOTH)
"""Those whose sets may fail while they copy."""
