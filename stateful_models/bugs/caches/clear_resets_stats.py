"""A clear that forgets what has been counted."""

from spec.profile import FIFO_REFERENCE
from stateful_models.reference.pool import KvrefPool


class ClearResetsStats(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def clear(self) -> None:
        super().clear()
        self.reset_counters()
