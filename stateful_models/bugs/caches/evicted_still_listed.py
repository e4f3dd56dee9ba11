"""The evicted key stays in the map that gets consult: two keys, one slot."""

from spec.profile import FIFO_REFERENCE
from stateful_models.reference.pool import KvrefPool


class EvictedStillListed(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        before = dict(self.pool._values)
        slot = super().set(key, value, rank)
        self.pool._values.update({k: v for k, v in before.items() if k not in self.pool._values})
        return slot
