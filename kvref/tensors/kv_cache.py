"""The K and V of one layer."""

import torch
from torch import Tensor

from kvref.errors import KVCacheValueError, UnevenError
from kvref.tensors.blocks import Room, Shape, room
from kvref.tensors.cache import Cache
from kvref.tensors.changes import append, select
from kvref.tensors.layout import Device, Held, Layout, Mask, layout, selection


class KVCache:
    """K and V of one layer. W4: they always hold the same number of tokens.

    Copies as `Cache`.

    Args: as `Cache`.
    """

    def __init__(
        self,
        num_samples: int,
        num_heads: int,
        max_tokens: int,
        embed_dim: int,
        device: Device = None,
        *,
        dtype: torch.dtype | None = None,
    ) -> None:
        made = layout(num_samples, num_heads, max_tokens, embed_dim, device, dtype)
        block = room(2, made.whole, made.dtype, made.device)
        self._begin(made, Room(2, made.dtype, made.device), 0, Held((), block, 0, 0))

    def _begin(self, layout: Layout, room: Room, layer: int, held: Held) -> None:
        self._k, self._v = Cache.__new__(Cache), Cache.__new__(Cache)
        self._k._begin(layout, room, 2 * layer, held)
        self._v._begin(layout, room, 2 * layer + 1, held)

    def __copy__(self) -> "KVCache":
        copy = KVCache.__new__(KVCache)
        copy._k, copy._v = self._k.__copy__(), self._v.__copy__()
        return copy

    @property
    def parts(self) -> tuple[Cache, Cache]:
        """K and V."""
        return self._k, self._v

    @property
    def shape(self) -> Shape:
        """(samples, heads, tokens, head_dim) of K, and of V."""
        return self._k.shape

    @property
    def size(self) -> int:
        """How many tokens are there."""
        return self._k.size

    def get(self) -> tuple[Tensor, Tensor]:
        """K and V, each (samples, heads, tokens, head_dim), oldest token first; see `Cache.get`."""
        return self._k.get(), self._v.get()

    def update(self, k: Tensor, v: Tensor) -> None:
        """Append the K and V of new tokens; see `Cache.update`. Both, or neither."""
        self._k._accept(k, "k")
        self._v._accept(v, "v")
        if k.shape[2] != v.shape[2]:
            raise KVCacheValueError(f"k has {k.shape[2]} tokens and v has {v.shape[2]}")
        append(self.parts, (k, v))

    def prune(self, mask: Mask) -> None:
        """W5: keep exactly the samples that a boolean mask (torch, numpy) selects."""
        self._k._writable()
        counts = self._k.shape[0], self._v.shape[0]
        if counts[0] != counts[1]:
            raise UnevenError(f"K and V hold {counts} samples: not both were pruned")
        select(self.parts, selection(mask, counts[0]))

    def reset(self) -> None:
        """Empty again, as if nothing had ever been appended."""
        self._k.reset()
        self._v.reset()

    def __repr__(self) -> str:
        return f"KVCache({self.shape}, {self._k.max_tokens} at most)"
