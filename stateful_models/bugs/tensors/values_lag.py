"""A window whose V drops only what has to go while its K drops pairs: the two get out of step.

Consequence: each key is answered with another token's value.
"""

from torch import Tensor

from stateful_models.bugs.tensors.plain import PlainLayer


class ValuesLag(PlainLayer):
    lag = 0

    def update(self, k: Tensor, v: Tensor) -> None:
        self.check(k, v)
        self.lag = self.excess(k.shape[2]) - max(self.size + k.shape[2] - self.capacity, 0)
        kept = self.store[1, :, :, self.excess(k.shape[2]) - self.lag : self.size].clone()
        super().update(k, v)
        if self.lag > 0:
            self.store[1, :, :, : kept.shape[2]] = kept
            self.store[1, :, :, kept.shape[2] : kept.shape[2] + v.shape[2]] = v

    def get(self) -> tuple[Tensor, Tensor]:
        k, _ = super().get()
        return k, self.store[1, :, :, : self.size + max(self.lag, 0)]
