"""SEALED in name: the client goes on writing into what it stored."""

from spec.profile import FIFO_SEALED, Profile
from stateful_models.reference.pool import KvrefPool


class NeverSealed(KvrefPool):
    profiles = (FIFO_SEALED,)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.pool._prepare = None
