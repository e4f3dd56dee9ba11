"""Alignment under test: what an adapter's author writes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor

from kvref.tensors import Aligned, KeysValues


class BatchSubject(ABC):
    """Alignment of `KeysValues` of unequal length, its mask, and the way back.

    One subject aligns again and again, as a search does: room may be used anew each time.
    """

    @abstractmethod
    def align(self, windows: Sequence[KeysValues]) -> Aligned:
        """(batch, lengths): one window, a row for each sample of each of these."""

    @abstractmethod
    def split(self, aligned: Aligned) -> tuple[KeysValues, ...]:
        """What was aligned, row by row."""

    @abstractmethod
    def mask(self, lengths: Sequence[int], new: int) -> Tensor:
        """Booleans (rows, 1, new, columns): where each of `new` tokens of each row may look."""
