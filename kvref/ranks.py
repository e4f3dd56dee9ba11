"""Priorities: what a caller may give, and the number that it is compared by, exactly."""

from decimal import Decimal
from fractions import Fraction
from math import isnan
from numbers import Rational
from operator import index
from typing import Final, Protocol, SupportsFloat, SupportsIndex, TypeAlias, cast

from kvref.arguments import Scalar, is_bool, kind_of
from kvref.errors import KVCacheTypeError, KVCacheValueError, show

Priority: TypeAlias = SupportsFloat | SupportsIndex
Rank: TypeAlias = int | float | Fraction
"""Compared exactly, whatever the kinds: Python rounds neither side."""

NO_NUMBERS: Final = (str, bytes, bytearray, memoryview, complex)


class _Exact(Protocol):
    """A number that can say what it is, such as Decimal and numpy's longdouble."""

    def as_integer_ratio(self) -> tuple[int, int]: ...


def as_rank(priority: object, what: str = "priority") -> Rank:
    """A priority as a number of the same value.

    Every real number is one: integers and rationals of any library exactly, also beyond 2**53,
    floats of any width. Bools, text, bytes, complex numbers and arrays are not; NaN has no order.
    """
    if type(priority) is int:
        return priority
    try:
        rank = _number(priority)
    except Exception as error:  # whatever a foreign number raises, it is none
        raise KVCacheTypeError(f"{what} must be a number, not {show(priority)}") from error
    if rank is None:
        raise KVCacheTypeError(f"{what} must be a number, not {show(priority)}")
    if isinstance(rank, float) and isnan(rank):
        raise KVCacheValueError(f"{what} must be ordered, which {show(priority)} is not")
    return rank


def _number(value: object) -> Rank | None:
    if isinstance(value, float):
        return float(value)
    if kind_of(value) and hasattr(value, "item"):  # an array or tensor, or a scalar of one
        inner = cast(Scalar, value).item() if getattr(value, "shape", ()) == () else None
        if type(inner) is not type(value):
            return None if is_bool(value) or inner is None else _number(inner)
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) > 10_000:
        raise OverflowError("of too many digits")
    if is_bool(value) or isinstance(value, NO_NUMBERS) or "complex" in kind_of(value):
        return None
    if getattr(value, "shape", ()) != ():
        return None  # an array, whatever it holds
    if hasattr(value, "__index__"):
        try:
            return int(index(cast(SupportsIndex, value)))
        except TypeError:  # a tensor of floats offers it, too, and refuses
            pass
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    near = float(cast(SupportsFloat, value))
    if isnan(near) or (near in (float("inf"), float("-inf")) and not _finite(value)):
        return near
    if hasattr(value, "as_integer_ratio"):
        exact = Fraction(*map(int, cast(_Exact, value).as_integer_ratio()))
        return near if exact == near else exact
    return near


def _finite(value: object) -> bool:
    """Whether a number that is infinite as a float is so only for its size."""
    try:
        cast(_Exact, value).as_integer_ratio()
    except (AttributeError, OverflowError, ValueError):
        return False
    return True


def written(rank: Rank) -> str:
    """A rank as a trace has it: exact, and short for what is small."""
    if isinstance(rank, float):
        return repr(rank)
    if isinstance(rank, Fraction):
        return f"{written(rank.numerator)}/{written(rank.denominator)}"
    return str(rank) if rank.bit_length() < 4096 else hex(rank)
