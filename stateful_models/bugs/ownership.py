"""Ownership promised and not kept."""

from kvref import Departure
from spec.profile import FIFO_COPY, FIFO_REFERENCE, FIFO_SEALED, Profile
from stateful_models.refinement import KvrefPool


class NeverSealed(KvrefPool):
    """SEALED in name: the client goes on writing into what it stored."""

    profiles = (FIFO_SEALED,)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.pool._prepare = None


class CopyIsAlias(KvrefPool):
    """COPY in name: the pool keeps the client's own object."""

    profiles = (FIFO_COPY,)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.pool._prepare = None


class Graveyard(KvrefPool):
    """What left the pool is remembered, and with it its memory."""

    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        note, dead = self.pool.on_evict, list[object]()

        def bury(departure: Departure[object]) -> None:
            dead.append(departure.value)
            if note is not None:
                note(departure)

        self.pool.on_evict = bury
