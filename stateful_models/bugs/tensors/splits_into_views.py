"""A split that hands out views of the batch instead of copies.

Consequence: the next batch, in the same buffer, rewrites every window that was stored.
"""

from kvref.tensors import Aligned, KeysValues
from kvref.tensors.blocks import Block
from kvref.tensors.layout import Held
from stateful_models.reference.batches import KvrefBatches


class SplitsIntoViews(KvrefBatches):
    def split(self, aligned: Aligned) -> tuple[KeysValues, ...]:
        windows = list(super().split(aligned))
        if not aligned.batch.size:
            return tuple(windows)
        (joint,) = aligned.batch.pieces()
        for row, length in enumerate(aligned.lengths):
            if length:
                view = joint[:, row : row + 1, :, joint.shape[3] - length :]
                held = Held((), Block(view), length, 0)
                windows[row] = KeysValues._of(windows[row]._layout, len(windows[row]), held)
        return tuple(windows)
