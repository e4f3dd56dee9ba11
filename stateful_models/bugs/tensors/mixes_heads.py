"""A window that delivers its tokens by `reshape` where heads and tokens have to change places.

Consequence: the shape is right, and with one head, or one token, all is; otherwise every head
attends to pieces of another's tokens.
"""

from torch import Tensor

from stateful_models.bugs.tensors.plain import PlainLayer


class MixesHeads(PlainLayer):
    def get(self) -> tuple[Tensor, Tensor]:
        k, v = (part.transpose(1, 2).reshape(part.shape) for part in super().get())
        return k, v
