"""LRU that is not refreshed: by a hit, or by a set of a resident key.

Two ways to be FIFO under another name. A map with recency kept beside a ring gets there too:
the two orders drift apart.
"""

from spec.profile import LRU_REFERENCE
from stateful_models.refinement import KvrefPool


class UntouchedByHit(KvrefPool):
    profiles = (LRU_REFERENCE,)

    def get(self, key: int) -> object | None:
        touch, self.pool._touch = self.pool._touch, None
        try:
            return self.pool.get(key)
        finally:
            self.pool._touch = touch


class UntouchedBySet(KvrefPool):
    profiles = (LRU_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        touch, self.pool._touch = self.pool._touch, None
        try:
            return super().set(key, value, rank)
        finally:
            self.pool._touch = touch
