"""LRU that a hit does not refresh: FIFO under another name."""

from spec.profile import LRU_REFERENCE
from stateful_models.reference.pool import KvrefPool


class UntouchedByHit(KvrefPool):
    profiles = (LRU_REFERENCE,)

    def get(self, key: int) -> object | None:
        touch, self.pool._on_hit = self.pool._on_hit, None
        try:
            return self.pool.get(key)
        finally:
            self.pool._on_hit = touch
