"""A mask that lets every row look as far back as the longest: padding is not masked.

Consequence: zeros take part in the softmax, and the shorter a row's context, the fainter it is.
"""

from collections.abc import Sequence

from torch import Tensor

from stateful_models.reference.batches import KvrefBatches


class MaskOfLongest(KvrefBatches):
    def mask(self, lengths: Sequence[int], new: int) -> Tensor:
        return super().mask([max(lengths)] * len(lengths), new)
