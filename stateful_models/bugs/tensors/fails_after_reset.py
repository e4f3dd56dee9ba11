"""A window that empties itself to make room, and only then finds that the tokens do not fit.

UniZero's `Cache.update` zeroes the buffer first and copies then, which raises. Consequence: whoever
catches the error goes on with an empty context.
"""

from torch import Tensor

from stateful_models.bugs.tensors.plain import PlainLayer


class FailsAfterReset(PlainLayer):
    def check(self, k: Tensor, v: Tensor) -> None:
        if k.shape == v.shape and k.shape[2] > self.capacity:
            self.size = 0
        super().check(k, v)
