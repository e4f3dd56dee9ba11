"""Windows under UniZero's names and signatures, over plain tensors that its code reaches into.

By their methods they are kvref's windows. `_keys_values`, `_k_cache`, `_v_cache`, `_cache` (all of
a part's storage, of whatever batch and width) and `_size` can be read and assigned besides. They
cannot be sealed: store them under COPY.
"""

from collections.abc import Iterator, Sequence
from typing import SupportsIndex

import torch
from torch import Tensor

from kvref.arguments import as_integer, as_size
from kvref.compat.lightzero.storage import TOKENS, Cache, append, rooms, select
from kvref.errors import KVCacheIndexError, KVCacheValueError, UnevenError, number
from kvref.tensors import KeysValues as Window
from kvref.tensors.blocks import Shape
from kvref.tensors.layout import Device, Mask, layout

__all__ = ["Cache", "KVCache", "KeysValues"]


class KVCache:
    """K and V of one layer, `_k_cache` and `_v_cache`. Copies, and arguments: as `Cache`."""

    def __init__(
        self,
        num_samples: int,
        num_heads: int,
        max_tokens: int,
        embed_dim: int,
        device: Device = None,
    ) -> None:
        made = layout(num_samples, num_heads, max_tokens, embed_dim, device, None)
        self._begin(*rooms(2, made))

    def _begin(self, k: Tensor, v: Tensor) -> None:
        self._k_cache, self._v_cache = Cache.__new__(Cache), Cache.__new__(Cache)
        self._k_cache._begin(k)
        self._v_cache._begin(v)

    @property
    def parts(self) -> tuple[Cache, Cache]:
        """K and V."""
        return self._k_cache, self._v_cache

    @property
    def shape(self) -> Shape:
        """(samples, heads, tokens, head_dim) of K."""
        return self._k_cache.shape

    @property
    def size(self) -> int:
        """How many tokens are there."""
        return self._k_cache.size

    def get(self) -> tuple[Tensor, Tensor]:
        """K and V, each (samples, heads, tokens, head_dim), oldest token first; see `Cache.get`."""
        return self._k_cache.get(), self._v_cache.get()

    def update(self, k: Tensor, v: Tensor) -> None:
        """Append the K and V of new tokens; see `Cache.update`. Both, or neither."""
        self._k_cache._accept(k, "k")
        self._v_cache._accept(v, "v")
        if k.shape[TOKENS] != v.shape[TOKENS]:
            raise KVCacheValueError(f"k has {k.shape[TOKENS]} tokens and v has {v.shape[TOKENS]}")
        append(self.parts, (k, v))

    def prune(self, mask: Mask) -> None:
        """W5: keep exactly the samples that a boolean mask (torch, numpy) selects."""
        select(self.parts, mask)

    def reset(self) -> None:
        """Empty again, for as many samples as it holds."""
        for part in self.parts:
            part.reset()

    def clone(self) -> "KVCache":
        """W5: a copy that shares nothing."""
        copy = KVCache.__new__(KVCache)
        copy._k_cache, copy._v_cache = self._k_cache.clone(), self._v_cache.clone()
        return copy

    def __copy__(self) -> "KVCache":
        return self.clone()

    def __deepcopy__(self, memo: object) -> "KVCache":
        return self.clone()

    def __repr__(self) -> str:
        return f"KVCache({self.shape}, {self._k_cache.max_tokens} at most)"


class KeysValues:
    """K and V of every layer for one batch of samples: the `KVCache`s in `_keys_values`.

    `copy.copy` and `copy.deepcopy` are `clone()`.

    Args: as `Cache`, and
        num_layers: at least 1.
    """

    def __init__(
        self,
        num_samples: int,
        num_heads: int,
        max_tokens: int,
        embed_dim: int,
        num_layers: int,
        device: Device = None,
    ) -> None:
        made = layout(num_samples, num_heads, max_tokens, embed_dim, device, None)
        room = rooms(2 * as_size(num_layers, "num_layers"), made)
        self._keys_values: Sequence[KVCache] = tuple(
            [KVCache.__new__(KVCache) for _ in range(len(room) // 2)]
        )
        for layer, k, v in zip(self._keys_values, room[::2], room[1::2], strict=True):
            layer._begin(k, v)

    def _parts(self) -> tuple[Cache, ...]:
        """K of layer 0, V of layer 0, K of layer 1, ..."""
        return tuple([part for layer in self._keys_values for part in layer.parts])

    def __getitem__(self, layer: SupportsIndex) -> KVCache:
        place = as_integer(layer, "layer")
        if not -len(self) <= place < len(self):
            raise KVCacheIndexError(f"layer {number(place)} of a window with {len(self)} layers")
        return self._keys_values[place]

    def __iter__(self) -> Iterator[KVCache]:
        return iter(self._keys_values)

    def __len__(self) -> int:
        """How many layers."""
        return len(self._keys_values)

    @property
    def size(self) -> int:
        """How many tokens each layer holds; raises `UnevenError` if they are out of step (W4)."""
        sizes = [part.size for part in self._parts()]
        if min(sizes) != max(sizes):
            raise UnevenError(f"K and V of the layers are out of step: {sizes} tokens")
        return sizes[0]

    @property
    def num_samples(self) -> int:
        """How many samples each layer holds; raises `UnevenError` if they differ."""
        counts = [part.shape[0] for part in self._parts()]
        if min(counts) != max(counts):
            raise UnevenError(f"K and V of the layers hold {counts} samples")
        return counts[0]

    @property
    def shape(self) -> Shape:
        """(samples, heads, tokens, head_dim) of each part."""
        _, heads, _, head_dim = self._keys_values[0].shape
        return self.num_samples, heads, self.size, head_dim

    @property
    def max_tokens(self) -> int:
        return self._keys_values[0]._k_cache.max_tokens

    @property
    def dtype(self) -> torch.dtype:
        return self._keys_values[0]._k_cache.dtype

    @property
    def device(self) -> torch.device:
        return self._keys_values[0]._k_cache.device

    def prune(self, mask: Mask) -> None:
        """W5: keep exactly the samples that a boolean mask (torch, numpy) selects."""
        select(self._parts(), mask)

    def reset(self) -> None:
        """Empty again, for as many samples as it holds."""
        for part in self._parts():
            part.reset()

    def remove_register_tokens(self, n: SupportsIndex) -> None:
        """W5: without the `n` newest tokens; without any if that many are not there."""
        count = as_integer(n, "tokens to remove")
        for part in self._parts():
            part.remove_newest(count)

    def clone(self) -> "KeysValues":
        """W5: a copy that shares nothing."""
        copy = KeysValues.__new__(KeysValues)
        copy._keys_values = tuple([layer.clone() for layer in self._keys_values])
        return copy

    def __copy__(self) -> "KeysValues":
        return self.clone()

    def __deepcopy__(self, memo: object) -> "KeysValues":
        return self.clone()

    def to_kvref(self) -> Window:
        """A window of `kvref.tensors`, open, with a copy of these tokens."""
        samples, heads, _, head_dim = self.shape
        sizes = samples, heads, self.max_tokens, heads * head_dim, len(self)
        window = Window(*sizes, self.device, dtype=self.dtype)
        with torch.no_grad():
            for mine, its in zip(self, window, strict=True):
                its.update(*mine.get())
        return window

    def fingerprint(self) -> int:
        """That of `to_kvref()`: its shape, its dtype and its tokens."""
        return self.to_kvref().fingerprint()

    def __repr__(self) -> str:
        sizes = "/".join(map(str, sorted({part.size for part in self._parts()})))
        return f"KeysValues({len(self)} layers, {sizes} tokens; {self._keys_values[0]!r})"
