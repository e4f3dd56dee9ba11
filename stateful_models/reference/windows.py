"""kvref's own windows as a subject."""

from typing import ClassVar

import torch

from kvref.tensors import KeysValues
from stateful_models.subjects.window_driver import WindowLike
from stateful_models.subjects.windows import WindowSubject


class KvrefWindows(WindowSubject):
    """kvref's `KeysValues`, part by part."""

    window_type: ClassVar[type[KeysValues]] = KeysValues

    def make(self, samples: int, capacity: int, layers: int) -> WindowLike:
        width = self.heads * self.head_dim
        return self.window_type(samples, self.heads, capacity, width, layers, dtype=torch.float32)

    def first_of(self, window: WindowLike, part: int) -> int:
        assert isinstance(window, KeysValues)
        return window[part // 2].parts[part % 2].first
