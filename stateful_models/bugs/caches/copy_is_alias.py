"""COPY in name: the pool keeps the client's own object."""

from spec.profile import FIFO_COPY, Profile
from stateful_models.reference.pool import KvrefPool


class CopyIsAlias(KvrefPool):
    profiles = (FIFO_COPY,)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.pool._prepare = None
