"""Looking leaves a trace in the statistics."""

from spec.profile import FIFO_REFERENCE
from stateful_models.reference.pool import KvrefPool


class PeekCounts(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def peek(self, key: int) -> object | None:
        return self.pool.get(key)
