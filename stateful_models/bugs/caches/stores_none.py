"""None is stored like any value, and taken for a miss when it is got.

Consequence: an entry that exists, takes a slot and may push another out, but that no lookup ever
finds; the model is run again and again for a state that the cache says it holds.
"""

from spec.ops import Contents, Ref
from stateful_models.reference.pool import KvrefPool
from stateful_models.subjects.client import Box

HOLE = Box(Ref(-1), Contents(-1), [])


class StoresNone(KvrefPool):
    def set(self, key: int, value: object, rank: float) -> int:
        return super().set(key, HOLE if value is None else value, rank)

    def get(self, key: int) -> object | None:
        value = super().get(key)
        return None if value is HOLE else value
