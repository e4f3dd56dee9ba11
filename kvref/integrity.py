"""Whether a stored value is still as it was when it was set, for pools that verify."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar, cast

from kvref.errors import IntegrityError, KVCacheTypeError, show

V = TypeVar("V")


class Verifiable(Protocol):
    """A value that can tell whether it was written into."""

    def mark(self) -> object:
        """What identifies the present contents: it differs after every write."""

    def written_since(self, mark: object) -> str | None:
        """Which part was written into since the mark was taken; None if none was."""


def require_verifiable(value: object) -> None:
    if not (hasattr(value, "mark") and hasattr(value, "written_since")):
        raise KVCacheTypeError(
            f"verify=True needs values with mark() and written_since(), not {show(value)}"
        )


def marked(value: object) -> object:
    """The mark of a value that is about to be stored."""
    return cast(Verifiable, value).mark()


def check(
    pool: str,
    values: Mapping[int, V],
    marks: Mapping[int, object],
    touch: Callable[[int], object] | None,
    key: int,
) -> None:
    """Refuse a hit on a value written into since it was set; else refresh its recency."""
    part = cast(Verifiable, values[key]).written_since(marks[key])
    if part is not None:
        raise IntegrityError(f"pool {pool!r}: key {key} was written into after it was set, {part}")
    if touch is not None:
        touch(key)
