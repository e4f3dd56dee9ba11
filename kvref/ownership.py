"""Who owns a stored value, and what a set does to it before it stores it."""

from collections.abc import Callable
from enum import Enum
from typing import Final, Protocol, cast

from kvref.arguments import offers
from kvref.errors import KVCacheTypeError, show


class Ownership(Enum):
    """What a set stores and a get delivers.

    REFERENCE: the object itself. SEALED: the object, sealed by the set. COPY: a private copy,
    sealed. SEALED values need `seal()`; COPY values need `clone()`, whose result needs `seal()`.
    """

    REFERENCE = "reference"
    SEALED = "sealed"
    COPY = "copy"


class Sealable(Protocol):
    """A value that can refuse further writes."""

    def seal(self) -> object: ...


class Cloneable(Protocol):
    """A value that can be copied; the copy can be sealed."""

    def clone(self) -> Sealable: ...


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


PREPARE: Final[dict[Ownership, Callable[[object], object] | None]] = {
    Ownership.REFERENCE: None,
    Ownership.SEALED: _sealed,
    Ownership.COPY: _sealed_copy,
}
