"""`pop` where `get` was meant."""

from spec.profile import FIFO_REFERENCE
from stateful_models.reference.pool import KvrefPool


class GetRemoves(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def get(self, key: int) -> object | None:
        value = self.pool.get(key)
        self.pool._values.pop(key, None)
        self.pool._slots.pop(key, None)
        return value
