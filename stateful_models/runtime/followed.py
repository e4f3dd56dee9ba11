"""One pool as a guard follows it, and by what its keys and values are known."""

from weakref import ref as weak

from kvref import KVCacheTypeError
from kvref.arguments import as_key
from kvref.shadow.course import Course
from stateful_models.runtime.oracle import Oracle


class Followed:
    """One pool: its ledger, and whether the present history is followed."""

    __slots__ = ("capacity", "course", "name", "oracle")

    def __init__(self, name: str, oracle: Oracle[object], course: Course) -> None:
        self.name, self.oracle, self.course = name, oracle, course


def weakly(value: object) -> object:
    """What a client's object is known by where only a copy of it is stored; None if by nothing."""
    try:
        return weak(value)
    except TypeError:
        return None


def plain(key: object) -> int:
    """A key as an integer; what is none stands for itself."""
    if type(key) is int:
        return key
    try:
        return as_key(key)
    except KVCacheTypeError:
        return key  # type: ignore[return-value]  # the ledger needs no more than its hash
