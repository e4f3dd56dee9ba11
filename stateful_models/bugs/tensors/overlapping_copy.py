"""A shift to the front by copying a slice onto an overlapping slice of the same tensor.

UniZero's `Cache.update` did so. torch leaves the result undefined: with one sample and one head it
raises, with several on two or more threads it silently mixes old and new tokens.
"""

from stateful_models.bugs.tensors.plain import PlainLayer


class OverlappingCopy(PlainLayer):
    def shift(self, dropped: int) -> None:
        if not dropped:
            return
        for part in self.store:
            part[:, :, : self.size - dropped] = part[:, :, dropped : self.size]
