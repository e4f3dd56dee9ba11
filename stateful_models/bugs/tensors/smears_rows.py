"""Rows shortened to what all of them have: a short context cuts those of its neighbours.

Consequence: what an environment's model sees depends on who else is in the batch.
"""

from collections.abc import Sequence

from kvref.tensors import Aligned, KeysValues
from stateful_models.reference.batches import KvrefBatches


class SmearsRows(KvrefBatches):
    def align(self, windows: Sequence[KeysValues]) -> Aligned:
        aligned = super().align(windows)
        width = max(aligned.lengths)
        for part in (part for layer in aligned.batch for part in layer.get()):
            part[:, :, : width - min(aligned.lengths)] = 0
        return aligned
