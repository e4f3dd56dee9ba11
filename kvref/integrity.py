"""Whether a stored value is still as it was when it was set, for pools that verify."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypeVar, cast

from kvref.arguments import offers
from kvref.errors import IntegrityError, KVCacheTypeError, number, show

V = TypeVar("V")


class Verifiable(Protocol):
    """A value that can tell whether it was written into."""

    def mark(self) -> object:
        """What identifies the present contents: it differs after every write."""

    def written_since(self, mark: object) -> str | None:
        """Which part was written into since the mark was taken; None if none was."""


def require_verifiable(value: object) -> None:
    if not offers(value, "mark", "written_since"):
        raise KVCacheTypeError(
            f"verify=True needs values with mark() and written_since(), not {show(value)}"
        )


def marked(value: object) -> object:
    """The mark of a value that is about to be stored."""
    return cast(Verifiable, value).mark()


class Written(NamedTuple):
    """The mark of a value that had been written into before its pool was copied."""

    part: str


def written(value: object, mark: object) -> str | None:
    """Which part of a value was written into since the mark was taken."""
    if isinstance(mark, Written):
        return mark.part
    return cast(Verifiable, value).written_since(mark)


def verdicts(values: Mapping[int, object], marks: Mapping[int, object]) -> dict[int, Written]:
    """The entries that fail now: a copy of the pool must not forget it."""
    found = {key: written(value, marks[key]) for key, value in values.items()}
    return {key: Written(part) for key, part in found.items() if part is not None}


def verified(pool: str, values: Mapping[int, V], marks: Mapping[int, object], key: int) -> V | None:
    """The value under a key; raises `IntegrityError` if it was written into since it was set."""
    value = values.get(key)
    if value is None:
        return None
    part = written(value, marks[key])
    if part is not None:
        raise IntegrityError(
            f"pool {pool!r}: key {number(key)} was written into after it was set, {part}"
        )
    return value
