"""One working window stored under every key, its tokens rewritten at each set.

UniZero's first KVCacheManager stored the world model's own working `KeysValues`. Consequence: 87%
of the hits of a recorded run delivered another state's tokens.
"""

from spec.ops import Ref
from spec.profile import FIFO_REFERENCE
from stateful_models.reference.tensor_pool import KvrefTensorPool, TensorBox
from stateful_models.subjects.client import box


class OneWindowForAll(KvrefTensorPool):
    profiles = (FIFO_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        if value is None:
            return super().set(key, value, rank)
        if not hasattr(self, "working"):
            made = self.client.make(Ref(-1))
            assert isinstance(made, TensorBox)
            self.working = made
        self.working.write(box(value).contents)
        return super().set(key, self.working, rank)
