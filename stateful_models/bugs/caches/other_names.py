"""Right for keys 0, 1, 2, for ranks 0 and 1, for values that are true; wrong for real ones.

Keys of a world model are 64-bit hashes, priorities are floats, and an empty window has no length.
Consequence: entries of other states are delivered, or what is stored is never found.
"""

from stateful_models.bugs.caches.black_boxes import PlainLru, PlainPriority
from stateful_models.subjects.client import Box


class FilesUnderHash(PlainLru):
    """`hash(-1)` is that of -2, and `hash(2**61 - 1)` is 0."""

    def get(self, key: int) -> object | None:
        return super().get(hash(key))

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(hash(key), value, rank)


class RanksAreWhole(PlainPriority):
    """0.25 and 0.75 are both 0, and infinity is no integer at all."""

    def ranked(self, rank: float) -> float:
        return int(max(-1e9, min(rank, 1e9)))


class EmptyIsMissing(PlainLru):
    """`value or None`, where a value may be false."""

    def get(self, key: int) -> object | None:
        return super().get(key) or None


class StoresOneOfEquals(PlainLru):
    """A value equal to one that is stored is taken for it."""

    def set(self, key: int, value: object, rank: float) -> None:
        equal = (one for one in self.entries.values() if isinstance(one, Box) and one == value)
        super().set(key, next(equal, value), rank)
