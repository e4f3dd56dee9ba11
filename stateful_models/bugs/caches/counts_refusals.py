"""Statistics counted for an operation that raised."""

from spec.profile import FIFO_REFERENCE
from stateful_models.reference.pool import KvrefPool


class CountsRefusals(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def get(self, key: int) -> object | None:
        if self.pool.stats is not None and not isinstance(key, int):
            self.pool.stats._misses += 1
        return super().get(key)
