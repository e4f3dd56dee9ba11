"""The usual design of a window, and a right one: every part has room for every token.

The exhibits beside it each get one thing wrong.
"""

from copy import deepcopy
from typing import ClassVar

import torch
from torch import Tensor

from spec.window_laws import EVERY
from stateful_models.subjects.window_driver import WindowLike
from stateful_models.subjects.windows import WindowSubject


class PlainLayer:
    """K and V, stacked: (2, samples, heads, capacity, head_dim)."""

    def __init__(self, samples: int, heads: int, capacity: int, head_dim: int) -> None:
        self.store = torch.zeros(2, samples, heads, capacity, head_dim)
        self.size = 0
        self.first = 0

    @property
    def capacity(self) -> int:
        return self.store.shape[3]

    def excess(self, new: int) -> int:
        """How many tokens go to make room."""
        over = max(self.size + new - self.capacity, 0)
        return min(over + over % 2, self.size)

    def shift(self, dropped: int) -> None:
        """Move the tokens that stay to the front."""
        self.store[:, :, :, : self.size - dropped] = self.store[
            :, :, :, dropped : self.size
        ].clone()

    def check(self, k: Tensor, v: Tensor) -> None:
        if k.shape != v.shape or k.shape[0] != self.store.shape[1] or k.shape[2] > self.capacity:
            raise ValueError(f"k {tuple(k.shape)}, v {tuple(v.shape)}")

    def count(self, dropped: int) -> None:
        self.first += dropped

    def update(self, k: Tensor, v: Tensor) -> None:
        self.check(k, v)
        dropped = self.excess(k.shape[2])
        self.shift(dropped)
        self.count(dropped)
        kept = self.size - dropped
        self.size = kept + k.shape[2]
        self.store[:, :, :, kept : self.size] = torch.stack((k, v))

    def get(self) -> tuple[Tensor, Tensor]:
        k, v = self.store[:, :, :, : self.size]
        return k, v

    def remove(self, count: int) -> None:
        self.size -= count


class PlainWindow:
    """Layers of one window, and whether it is sealed."""

    layer_type: ClassVar[type[PlainLayer]] = PlainLayer

    def __init__(self, samples: int, heads: int, capacity: int, dim: int, layers: int) -> None:
        self.layers = [self.layer_type(samples, heads, capacity, dim) for _ in range(layers)]
        self.sealed = False

    def __getitem__(self, layer: int) -> PlainLayer:
        self.refuse_if_sealed()
        return self.layers[layer]

    @property
    def first(self) -> int:
        return self.layers[0].first

    def refuse_if_sealed(self) -> None:
        if self.sealed:
            raise ValueError("sealed")

    def prune(self, mask: Tensor) -> None:
        self.refuse_if_sealed()
        if mask.dtype != torch.bool or len(mask) != self.layers[0].store.shape[1]:
            raise ValueError(f"mask {mask}")
        for layer in self.layers:
            layer.store = layer.store[:, mask]

    def remove_register_tokens(self, n: int) -> None:
        self.refuse_if_sealed()
        if not 0 <= n <= self.layers[0].size:
            raise ValueError(f"{n} tokens to remove")
        for layer in self.layers:
            layer.remove(n)

    def reset(self) -> None:
        self.refuse_if_sealed()
        for layer in self.layers:
            layer.size = layer.first = 0

    def clone(self) -> "PlainWindow":
        copy = deepcopy(self)
        copy.sealed = False
        return copy

    def seal(self) -> None:
        self.sealed = True

    def fork(self) -> "PlainWindow":
        if not self.sealed:
            raise ValueError("not sealed")
        return self.clone()


class PlainWindows(WindowSubject):
    """Drives windows of `window_type`."""

    window_type: ClassVar[type[PlainWindow]] = PlainWindow
    operations: ClassVar[tuple[type, ...]] = EVERY

    def make(self, samples: int, capacity: int, layers: int) -> WindowLike:
        return self.window_type(samples, self.heads, capacity, self.head_dim, layers)

    def get(self, window: WindowLike, layer: int) -> tuple[Tensor, Tensor]:
        assert isinstance(window, PlainWindow)
        return window.layers[layer].get()


def windows_of(kind: type[PlainLayer], name: str) -> type[PlainWindows]:
    """Subjects whose windows are right but for the kind of their layers."""
    window = type(f"{name}Window", (PlainWindow,), {"layer_type": kind})
    return type(name, (PlainWindows,), {"window_type": window, "__doc__": kind.__doc__})
