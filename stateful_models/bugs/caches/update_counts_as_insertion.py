"""An update that is counted as an insertion: entries seem to vanish."""

from spec.profile import FIFO_REFERENCE
from stateful_models.reference.pool import KvrefPool


class UpdateCountsAsInsertion(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        slot = super().set(key, value, rank)
        stats = self.pool.stats
        if stats is not None and stats.updates:
            stats._insertions, stats._updates = stats.insertions + stats.updates, 0
        return slot
