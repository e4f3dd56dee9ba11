"""The pool normalises, in place, what it is handed."""

from spec.ops import Contents
from spec.profile import FIFO_REFERENCE
from stateful_models.reference.pool import KvrefPool
from stateful_models.subjects.client import box


class SetWrites(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        if value is not None:
            box(value).contents = Contents(99)
        return super().set(key, value, rank)
