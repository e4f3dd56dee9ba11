"""What left the pool is remembered, and with it its memory."""

from kvref import Departure
from spec.profile import FIFO_REFERENCE, Profile
from stateful_models.reference.pool import KvrefPool


class Graveyard(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        note, dead = self.pool.on_evict, list[object]()

        def bury(departure: Departure[object]) -> None:
            dead.append(departure.value)
            if note is not None:
                note(departure)

        self.pool.on_evict = bury
