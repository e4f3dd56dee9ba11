"""Copies are shared: of each object the latest is kept, and the one before it.

Consequence: with three residents that are copies of three versions of one object, the oldest hit
delivers the contents of another. Copies that a shallow `copy.copy` makes share all versions.
"""

import copy

from spec.profile import FIFO_COPY, Profile
from stateful_models.bugs.caches.black_boxes import PlainFifo
from stateful_models.subjects.client import Box, box


class TwoGenerations(PlainFifo):
    profiles = (FIFO_COPY,)
    reports = frozenset()

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.made: dict[int, list[Box]] = {}

    def get(self, key: int) -> object | None:
        stored = self.entries.get(key)
        if not isinstance(stored, Box):
            return None
        kept = self.made[stored.ref]
        return stored if stored in kept else kept[0]

    def set(self, key: int, value: object, rank: float) -> None:
        given = box(value)
        kept = self.made.setdefault(given.ref, [])
        if not kept or kept[-1].contents != given.contents:
            kept.append(given.clone())
            kept[-1].seal()
        del kept[:-2]
        super().set(key, kept[-1], rank)


class CopiesAreShallow(PlainFifo):
    profiles = (FIFO_COPY,)

    def set(self, key: int, value: object, rank: float) -> None:
        mine = copy.copy(box(value))
        mine.seal()
        super().set(key, mine, rank)
