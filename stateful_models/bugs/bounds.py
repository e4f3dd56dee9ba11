"""Capacity and slots miscounted: one entry too many; a free slot overlooked; two keys, one slot."""

from spec.profile import FIFO_REFERENCE, Profile
from stateful_models.refinement import KvrefPool


class OneTooMany(KvrefPool):
    """`>` where `>=` was meant."""

    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity + 1)
        self.capacity = self.pool.pool_size = capacity

    def set(self, key: int, value: object, rank: float) -> int:
        self.pool.pool_size = self.capacity + 1
        try:
            return super().set(key, value, rank)
        finally:
            self.pool.pool_size = self.capacity


class HighestFreeSlot(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        resident = key in self.pool
        slot = super().set(key, value, rank)
        if not resident and len(self.pool) <= slot + 1:
            slot = self.pool._slots[key] = self.pool.pool_size - 1 - slot
        return slot


class EvictedStillListed(KvrefPool):
    """The evicted key stays in the map that gets consult: two keys, one slot."""

    profiles = (FIFO_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        before = dict(self.pool._values)
        slot = super().set(key, value, rank)
        self.pool._values.update({k: v for k, v in before.items() if k not in self.pool._values})
        return slot
