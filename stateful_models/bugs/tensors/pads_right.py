"""Padding behind the tokens instead of before them.

Consequence: the new tokens are appended after zeros, and the last of the context is a hole.
"""

from collections.abc import Sequence

import torch

from kvref.tensors import Aligned, KeysValues
from stateful_models.reference.batches import KvrefBatches


class PadsRight(KvrefBatches):
    def align(self, windows: Sequence[KeysValues]) -> Aligned:
        aligned = super().align(windows)
        width = max(aligned.lengths)
        for part in (part for layer in aligned.batch for part in layer.get()):
            for row, length in enumerate(aligned.lengths):
                part[row] = torch.roll(part[row], length - width, dims=1)
        return aligned

    def split(self, aligned: Aligned) -> tuple[KeysValues, ...]:
        batch, lengths = aligned
        width = max(lengths)
        for part in (part for layer in batch for part in layer.get()):
            for row, length in enumerate(lengths):
                part[row] = torch.roll(part[row], width - length, dims=1)
        return super().split(aligned)
