"""Windows that come back in another dtype than they went in: a buffer of the default dtype.

UniZero's clone made tensors of the default dtype. Consequence: a float64 or bfloat16 model meets
float32 contexts, and either raises or computes something else.
"""

import torch

from kvref.tensors import Aligned, KeysValues
from stateful_models.reference.batches import KvrefBatches


class HalvesPrecision(KvrefBatches):
    def split(self, aligned: Aligned) -> tuple[KeysValues, ...]:
        return tuple(self.converted(window) for window in super().split(aligned))

    def converted(self, window: KeysValues) -> KeysValues:
        made = KeysValues(1, 1, window.max_tokens, 1, len(window), dtype=torch.float32)
        with torch.no_grad():
            for mine, its in zip(made, window, strict=True):
                k, v = its.get()
                mine.update(k.float(), v.float())
        return made
