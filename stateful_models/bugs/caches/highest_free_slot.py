"""A free slot is overlooked: the first insert takes the last slot."""

from spec.profile import FIFO_REFERENCE
from stateful_models.reference.pool import KvrefPool


class HighestFreeSlot(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        resident = key in self.pool
        slot = super().set(key, value, rank)
        if not resident and len(self.pool) <= slot + 1:
            slot = self.pool._slots[key] = self.pool.pool_size - 1 - slot
        return slot
