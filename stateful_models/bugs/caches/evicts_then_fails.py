"""A set that makes room before it finds that it cannot store: the victim is lost for nothing."""

from spec.profile import FIFO_REFERENCE
from stateful_models.reference.pool import KvrefPool


class EvictsThenFails(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        full = len(self.pool) == self.pool.pool_size and key not in self.pool
        if value is None and full:
            out, _ = self.pool._order.evict()
            del self.pool._values[out]
        return super().set(key, value, rank)
