"""`>` where `>=` was meant."""

from spec.profile import FIFO_REFERENCE, Profile
from stateful_models.reference.pool import KvrefPool


class OneTooMany(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity + 1)
        self.capacity = self.pool._pool_size = capacity

    def set(self, key: int, value: object, rank: float) -> int:
        self.pool._pool_size = self.capacity + 1
        try:
            return super().set(key, value, rank)
        finally:
            self.pool._pool_size = self.capacity
