"""A window seen as its layers: how many there are, what they hold, whether they are in step."""

from collections.abc import Iterator
from typing import SupportsIndex

import torch

from kvref.arguments import as_integer
from kvref.errors import KVCacheIndexError, UnevenError
from kvref.errors import number as told
from kvref.tensors.blocks import Room, Shape, length
from kvref.tensors.cache import Cache
from kvref.tensors.kv_cache import KVCache
from kvref.tensors.layout import Held, Layout


class Layers:
    """A sequence of `KVCache`, one a layer, made when first asked for."""

    def _begin(
        self,
        layout: Layout,
        layers: int,
        held: Held,
        sealed: bool = False,
        tokens: int | None = None,
    ) -> None:
        self._layout = layout
        self._num_layers = layers
        self._layers: tuple[KVCache, ...] | None = None
        self._sealed = sealed
        self._hold(held, tokens)

    def _hold(self, held: Held, tokens: int | None = None) -> None:
        """This from here on; its tokens are counted once, for they are asked for often."""
        self._held = held
        self._tokens = length(held.spans) + held.size if tokens is None else tokens

    def _every_layer(self) -> tuple[KVCache, ...]:
        """The layers, made when first asked for: most stored windows are never looked into."""
        if self._layers is None:
            room = Room(2 * self._num_layers, self._layout.dtype, self._layout.device)
            layers = tuple([KVCache.__new__(KVCache) for _ in range(self._num_layers)])
            for number, layer in enumerate(layers):
                layer._begin(self._layout, room, number, self._held)
                for part in layer.parts:
                    part._sealed = self._sealed
            self._layers = layers
            if not self._sealed:
                self._hold(Held((), None, 0, 0))  # from here on each part keeps its own
        return self._layers

    def _parts(self) -> tuple[Cache, ...]:
        """K of layer 0, V of layer 0, K of layer 1, ..."""
        return tuple([part for layer in self._every_layer() for part in layer.parts])

    def __getitem__(self, layer: SupportsIndex) -> KVCache:
        number = as_integer(layer, "layer")
        if not -len(self) <= number < len(self):
            raise KVCacheIndexError(f"layer {told(number)} of a window with {len(self)} layers")
        return self._every_layer()[number]

    def __iter__(self) -> Iterator[KVCache]:
        return iter(self._every_layer())

    def __len__(self) -> int:
        """How many layers."""
        return self._num_layers

    def _in_step(self) -> tuple[int, int]:
        """W4: how many tokens every part holds, and how many it has dropped."""
        if self._layers is None or self._sealed:
            return self._tokens, self._held.first
        parts, _ = self._parts(), self.num_samples
        sizes, firsts = [part.size for part in parts], [part.first for part in parts]
        if len({*zip(sizes, firsts, strict=True)}) > 1:
            raise UnevenError(
                f"K and V of the layers are out of step: {sizes} tokens, {firsts} dropped before "
                "them; not all were updated alike"
            )
        return sizes[0], firsts[0]

    @property
    def size(self) -> int:
        """How many tokens each layer holds; raises `UnevenError` if they are out of step (W4)."""
        if self._layers is None or self._sealed:
            return self._tokens
        return self._in_step()[0]

    @property
    def first(self) -> int:
        """W6: how many tokens were dropped, the index of the oldest that is still there."""
        if self._layers is None or self._sealed:
            return self._held.first
        return self._in_step()[1]

    @property
    def num_samples(self) -> int:
        """How many samples each layer holds; raises `UnevenError` if only some were pruned."""
        if self._layers is None:
            return self._layout.samples
        counts = [part._layout.samples for part in self._parts()]
        if len({*counts}) > 1:
            raise UnevenError(f"K and V of the layers hold {counts} samples: not all were pruned")
        return counts[0]

    @property
    def shape(self) -> Shape:
        """(samples, heads, tokens, head_dim) of each part."""
        return self.num_samples, self._layout.heads, self.size, self._layout.head_dim

    @property
    def max_tokens(self) -> int:
        return self._layout.max_tokens

    @property
    def dtype(self) -> torch.dtype:
        return self._layout.dtype

    @property
    def device(self) -> torch.device:
        return self._layout.device

    def _now(self) -> Layout:
        """The layout, with the number of samples that pruning has left."""
        return self._layout if self._layers is None else self._layers[0].parts[0]._layout

    def __repr__(self) -> str:
        sizes = {part.size for part in self._parts()} if self._layers else {self.size}
        tokens = "/".join(map(str, sorted(sizes)))
        return (
            f"KeysValues({len(self)} layers, {self._now().samples} samples, "
            f"{self._layout.heads} heads of {self._layout.head_dim}, {tokens} of "
            f"{self.max_tokens} tokens, {self.dtype}, {self.device}"
            f"{', sealed' if self._sealed else ''})"
        )
