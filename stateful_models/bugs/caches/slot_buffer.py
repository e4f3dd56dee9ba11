"""A slot's buffer is rewritten while a caller still holds it.

Pools of preallocated buffers that copy on set and deliver the buffer itself: the result of an
earlier get changes under the model that is using it.
"""

from spec.profile import FIFO_COPY, LRU_COPY, PRIORITY_COPY
from stateful_models.reference.pool import KvrefPool
from stateful_models.subjects.client import box


class SlotBuffer(KvrefPool):
    profiles = (FIFO_COPY, LRU_COPY, PRIORITY_COPY)

    def set(self, key: int, value: object, rank: float) -> int:
        buffers = {entry.slot: entry.value for entry in self.pool.residents()}
        slot = super().set(key, value, rank)
        if slot in buffers:
            box(buffers[slot]).contents = box(value).contents
        return slot
