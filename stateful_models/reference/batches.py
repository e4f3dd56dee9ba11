"""kvref's own alignment as a subject."""

from collections.abc import Sequence

from torch import Tensor

from kvref.tensors import Aligned, BatchBuffer, KeysValues, align, attention_mask, split
from stateful_models.subjects.batches import BatchSubject


class KvrefBatches(BatchSubject):
    """Into the same buffer every time."""

    buffer: BatchBuffer | None = None

    def align(self, windows: Sequence[KeysValues]) -> Aligned:
        if self.buffer is None:
            like = windows[0]
            self.buffer = BatchBuffer(
                4, 1, like.max_tokens, 1, len(like), like.device, dtype=like.dtype
            )
        return align(windows, self.buffer)

    def split(self, aligned: Aligned) -> tuple[KeysValues, ...]:
        return split(*aligned)

    def mask(self, lengths: Sequence[int], new: int) -> Tensor:
        return attention_mask(lengths, new)
