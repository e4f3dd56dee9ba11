"""A buffer that is used again without zeroing the padding: it holds the last batch's tokens.

Consequence: without a mask, and with a wrong one, a row attends to another row's old context.
"""

from collections.abc import Sequence

from kvref.tensors import Aligned, KeysValues
from stateful_models.reference.batches import KvrefBatches


class KeepsDirtyPadding(KvrefBatches):
    def align(self, windows: Sequence[KeysValues]) -> Aligned:
        aligned = super().align(windows)
        width = max(aligned.lengths)
        for part in (part for layer in aligned.batch for part in layer.get()):
            for row, length in enumerate(aligned.lengths):
                part[row, :, : width - length] = 7
        return aligned
