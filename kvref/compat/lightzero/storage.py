"""One K or V of one layer, over a plain tensor that can be read, written and assigned."""

from collections.abc import Sequence
from typing import Final, NamedTuple, SupportsIndex

import torch
from torch import Tensor

from kvref.arguments import as_count, as_integer
from kvref.errors import KVCacheTypeError, KVCacheValueError, UnevenError, show
from kvref.tensors.blocks import Shape, columns, durable, empty, on
from kvref.tensors.layout import Device, Layout, Mask, layout, selection, usable
from kvref.window_drop import drop

TOKENS: Final = 2
"""The dimension of tokens in (samples, heads, tokens, head_dim)."""


class Stored(NamedTuple):
    """A part's storage, and whether somebody else may hold it: then it is not written into."""

    tensor: Tensor
    foreign: bool = False


class Cache:
    """One K or V of one layer: the first `_size` tokens of the tensor `_cache`.

    `update` drops the oldest tokens as W2 says, and writes into no tensor that was assigned to
    `_cache`; where gradients are enabled it builds a new one. A failed operation changes nothing.
    Copies share nothing and take no gradients along.

    Args:
        num_samples: rows, at least 1.
        num_heads: heads, at least 1.
        max_tokens: capacity in tokens, at least 1; a wider tensor assigned to `_cache` extends it.
        embed_dim: width of all heads together.
        device: where; torch's default device if None.
    """

    def __init__(
        self,
        num_samples: int,
        num_heads: int,
        max_tokens: int,
        embed_dim: int,
        device: Device = None,
    ) -> None:
        made = layout(num_samples, num_heads, max_tokens, embed_dim, device, None)
        self._begin(rooms(1, made)[0])

    def _begin(self, room: Tensor) -> None:
        self._stored = Stored(room)
        self._least_room: int = room.shape[TOKENS]
        self._tokens = 0

    @property
    def _cache(self) -> Tensor:
        """The storage itself: what is written into it is in the window."""
        return self._stored.tensor

    @_cache.setter
    def _cache(self, tensor: Tensor) -> None:
        self._stored = Stored(self._as_storage(tensor), foreign=True)

    @property
    def _size(self) -> int:
        """How many tokens of `_cache` are there."""
        return self._tokens

    @_size.setter
    def _size(self, tokens: SupportsIndex) -> None:
        self._tokens = as_count(tokens, "_size")

    def _as_storage(self, tensor: object) -> Tensor:
        if not isinstance(tensor, Tensor) or tensor.layout is not torch.strided or tensor.is_nested:
            raise KVCacheTypeError(f"_cache must be a dense tensor, not {show(tensor)}")
        if not tensor.is_floating_point() or not usable(tensor.dtype, tensor.device):
            raise KVCacheTypeError(f"_cache cannot be {tensor.dtype} on {tensor.device}")
        _, heads, _, width = self._stored.tensor.shape
        shape = tuple(tensor.shape)
        if len(shape) != 4 or (shape[1], shape[3]) != (heads, width):
            raise KVCacheValueError(
                f"_cache must have shape (samples, {heads}, tokens, {width}), not {shape}"
            )
        return tensor

    @property
    def shape(self) -> Shape:
        """(samples, heads, tokens, head_dim) of what is there."""
        samples, heads, _, width = self._stored.tensor.shape
        return samples, heads, self._tokens, width

    @property
    def size(self) -> int:
        """How many tokens are there."""
        return self._tokens

    @property
    def max_tokens(self) -> int:
        """As it was made, or the width of its storage if that is more."""
        return max(self._least_room, self._stored.tensor.shape[TOKENS])

    @property
    def dtype(self) -> torch.dtype:
        return self._stored.tensor.dtype

    @property
    def device(self) -> torch.device:
        return self._stored.tensor.device

    def get(self) -> Tensor:
        """(samples, heads, tokens, head_dim), oldest first: a view, good until the next operation.

        Raises `KVCacheValueError` where `_size` is more than `_cache` holds.
        """
        width = self._stored.tensor.shape[TOKENS]
        if self._tokens > width:
            raise KVCacheValueError(f"_size is {self._tokens}, and _cache holds {width} tokens")
        return columns(self._stored.tensor, 0, self._tokens)

    def update(self, x: Tensor, tokens: SupportsIndex | None = None) -> None:
        """Append tokens (samples, heads, new, head_dim); `tokens`, if given, says how many.

        Raises for another shape or device, for a dtype that this window's cannot hold without
        loss, and for more tokens than fit (W3), before anything is touched.
        """
        self._accept(x, "x")
        if tokens is not None and as_integer(tokens, "tokens") != x.shape[TOKENS]:
            raise KVCacheValueError(f"tokens is {show(tokens)}, and x has {x.shape[TOKENS]}")
        append((self,), (x,))

    def _accept(self, x: object, name: str) -> None:
        if not isinstance(x, Tensor) or x.layout is not torch.strided or x.is_nested:
            raise KVCacheTypeError(f"{name} must be a dense tensor, not {show(x)}")
        samples, heads, _, width = self.shape
        shape = tuple(x.shape)
        if len(shape) != 4 or (shape[0], shape[1], shape[3]) != (samples, heads, width):
            expected = f"({samples}, {heads}, new tokens, {width})"
            raise KVCacheValueError(f"{name} must have shape {expected}, not {shape}")
        if shape[TOKENS] > self.max_tokens:
            raise KVCacheValueError(
                f"{name} has {shape[TOKENS]} tokens; the window holds {self.max_tokens}"
            )
        if not x.is_floating_point() or not holds(self.dtype, x.dtype):
            raise KVCacheTypeError(f"{name} must be {self.dtype}, not {x.dtype}")
        if x.device != self.device:
            raise KVCacheValueError(f"{name} must be on {self.device}, not on {x.device}")

    def _appended(self, x: Tensor) -> tuple[Stored, int]:
        """The storage with these appended, and how many are then there."""
        dropped = drop(self.max_tokens, self._tokens, x.shape[TOKENS])
        kept = columns(self.get(), dropped, self._tokens)
        before, total = kept.shape[TOKENS], kept.shape[TOKENS] + x.shape[TOKENS]
        samples, heads, width, head_dim = self._stored.tensor.shape
        room = max(self.max_tokens, total)
        if torch.is_grad_enabled() or self._stored.tensor.requires_grad:
            rest = kept.new_zeros((samples, heads, room - total, head_dim))
            with durable():
                return Stored(torch.cat((kept, x.to(self.dtype), rest), dim=TOKENS)), total
        with durable(), torch.no_grad():
            tensor = self._stored.tensor
            if dropped or self._stored.foreign or total > width:
                tensor = zeros((samples, heads, room, head_dim), self.dtype, self.device)
                columns(tensor, 0, before).copy_(kept)
            columns(tensor, before, total).copy_(x)
        return Stored(tensor), total

    def prune(self, mask: Mask) -> None:
        """W5: keep exactly the samples that a boolean mask (torch, numpy) selects."""
        select((self,), mask)

    def _selected(self, samples: Tensor) -> Stored:
        with durable():
            return Stored(self._stored.tensor.index_select(0, on(samples, self.device)))

    def reset(self) -> None:
        """Empty again, for as many samples as it holds."""
        samples, heads, _, head_dim = self.shape
        whole = samples, heads, self.max_tokens, head_dim
        self._stored, self._tokens = Stored(zeros(whole, self.dtype, self.device)), 0

    def remove_newest(self, tokens: SupportsIndex) -> None:
        """Without its newest tokens; without any if that many are not there."""
        self._tokens -= min(max(as_integer(tokens, "tokens to remove"), 0), self._tokens)

    def clone(self) -> "Cache":
        """W5: a copy that shares nothing."""
        copy = Cache.__new__(Cache)
        vars(copy).update(self.__getstate__())
        return copy

    def __getstate__(self) -> dict[str, object]:
        """What a copy or a pickle takes along: a tensor of its own."""
        with durable(), torch.no_grad():
            tensor = self._stored.tensor.detach().clone(memory_format=torch.contiguous_format)
        return {**vars(self), "_stored": Stored(tensor)}

    def __copy__(self) -> "Cache":
        return self.clone()

    def __deepcopy__(self, memo: object) -> "Cache":
        return self.clone()

    def __repr__(self) -> str:
        return f"Cache({self.shape}, {self.max_tokens} at most, {self.dtype}, {self.device})"


def zeros(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Room with nothing in it; refused, naming its shape, where torch has none."""
    with torch.no_grad():
        return empty(shape, dtype, device).zero_()


def rooms(parts: int, layout: Layout) -> list[Tensor]:
    """Room for each of so many parts, made at once; each counts its own writes, for autograd."""
    whole = zeros((parts, *layout.whole), layout.dtype, layout.device)
    with durable():
        return [whole.select(0, part).data for part in range(parts)]


def holds(wide: torch.dtype, narrow: torch.dtype) -> bool:
    """Whether one dtype has every value of another, as a window's has autocast's."""
    try:
        return torch.promote_types(wide, narrow) == wide
    except RuntimeError:  # some dtypes have no common one
        return False


def append(parts: Sequence[Cache], tokens: Sequence[Tensor]) -> None:
    """Each part's new tokens, for all parts or, if one fails (no memory), for none."""
    appended = [part._appended(x) for part, x in zip(parts, tokens, strict=True)]
    for part, (stored, size) in zip(parts, appended, strict=True):
        part._stored, part._tokens = stored, size


def select(parts: Sequence[Cache], mask: Mask) -> None:
    """Keep these samples of every part or, if one fails, of none."""
    counts = [part.shape[0] for part in parts]
    if min(counts) != max(counts):
        raise UnevenError(f"K and V of the layers hold {counts} samples: not all were pruned")
    samples = selection(mask, counts[0])
    for part, stored in zip(parts, [part._selected(samples) for part in parts], strict=True):
        part._stored = stored
