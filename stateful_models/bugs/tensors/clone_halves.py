"""A clone that does not keep the dtype: it is made in half precision and converted back.

`torch.empty(shape)` without `dtype=` takes the default, and a copy into it converts silently.
Consequence: every context that went through the cache is rounded; in bfloat16 runs, or with a
default dtype set elsewhere, hits and misses give different predictions.
"""

import torch

from kvref.tensors import KeysValues


class CloneHalves(KeysValues):
    def clone(self) -> "CloneHalves":
        copy = super().clone()
        with torch.no_grad():
            for layer in copy:
                for part in layer.get():
                    part.copy_(part.half())
        made = CloneHalves.__new__(CloneHalves)
        vars(made).update(vars(copy))
        return made
