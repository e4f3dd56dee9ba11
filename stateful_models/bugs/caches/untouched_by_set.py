"""LRU that a set of a resident key does not refresh.

Recency kept in a map beside a ring gets there too: the two orders drift apart."""

from spec.profile import LRU_REFERENCE
from stateful_models.reference.pool import KvrefPool


class UntouchedBySet(KvrefPool):
    profiles = (LRU_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        touch, self.pool._touch = self.pool._touch, None
        try:
            return super().set(key, value, rank)
        finally:
            self.pool._touch = touch
