"""A set that makes room before it finds that it cannot store: the victim is lost for nothing."""

from spec.profile import FIFO_REFERENCE
from stateful_models.refinement import KvrefPool


class EvictsThenFails(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        full = len(self.pool) == self.pool.pool_size and key not in self.pool
        if value is None and full:
            out, _ = self.pool._order.evict()
            del self.pool._values[out]
        return super().set(key, value, rank)


class CountsRefusals(KvrefPool):
    """Statistics counted for an operation that raised."""

    profiles = (FIFO_REFERENCE,)

    def get(self, key: int) -> object | None:
        if self.pool.stats is not None and not isinstance(key, int):
            self.pool.stats.misses += 1
        return super().get(key)
