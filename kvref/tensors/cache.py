"""One K or V of one layer: a window onto the newest tokens appended to it."""

from typing import SupportsIndex

import torch
from torch import Tensor

from kvref.errors import KVCacheTypeError, KVCacheValueError, SealedError, show
from kvref.tensors.blocks import (
    Room,
    Shape,
    Spans,
    columns,
    durable,
    length,
    on,
    plain,
    room,
    same_memory,
    without_newest,
    without_oldest,
)
from kvref.tensors.changes import Tokens, append, remove, select
from kvref.tensors.layout import Device, Held, Layout, Mask, layout, newest, selection
from kvref.window_drop import drop


class Cache:
    """The tokens of one K or V, oldest first; never more than `max_tokens`.

    `update` appends and W2 decides what goes; W1: what is there is a suffix of what was appended.
    `copy.copy`, `copy.deepcopy` and pickles share no tokens with it, and take no gradients along.
    With gradients enabled an update builds a new tensor, so that earlier results can still be
    differentiated; without, it writes in place. Raises `KVCacheError` subclasses; a failed
    operation changes nothing.

    Args:
        num_samples: rows, at least 1.
        num_heads: heads, at least 1.
        max_tokens: capacity in tokens, at least 1.
        embed_dim: width of all heads together.
        device: where; torch's default device if None.
        dtype: a floating dtype; torch's default dtype if None.
    """

    first: int
    """How many tokens have been dropped: the index of the first that is still there."""

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
        block = room(1, made.whole, made.dtype, made.device)
        self._begin(made, Room(1, made.dtype, made.device), 0, Held((), block, 0, 0))

    def _begin(self, layout: Layout, room: Room, part: int, held: Held) -> None:
        self._layout = layout
        self._room = room
        self._part = part
        self._spans, self._block, self._size, self.first = held
        self._own: Tensor | None = None if held.block is None else held.block.part(part)
        self._writes = self._appends = 0
        self._sealed = False

    def __copy__(self) -> "Cache":
        here, copy = self._layout, Cache.__new__(Cache)
        with durable(), torch.no_grad():
            tokens = self.get().clone(memory_format=torch.contiguous_format)
        copy._begin(here, Room(1, here.dtype, here.device), 0, Held((), None, 0, self.first))
        copy._own, copy._size, copy._sealed = tokens, self.size, self._sealed
        return copy

    def __getstate__(self) -> dict[str, object]:
        """A copy's block makes its own tensors; what has been counted is taken along."""
        own = None if self._block is not None or self._own is None else self._own.detach()
        return {**vars(self), "_own": own, "_writes": self._count()}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        if self._block is not None:
            self._own = self._block.part(self._part)
        elif self._own is not None:
            self._own = plain(self._own)
        self._counts(self._writes)

    @property
    def shape(self) -> Shape:
        """(samples, heads, tokens, head_dim) of what is there."""
        here = self._layout
        return here.samples, here.heads, self.size, here.head_dim

    @property
    def size(self) -> int:
        """How many tokens are there."""
        return length(self._spans) + self._size if self._spans else self._size

    @property
    def max_tokens(self) -> int:
        return self._layout.max_tokens

    @property
    def dtype(self) -> torch.dtype:
        return self._layout.dtype

    @property
    def device(self) -> torch.device:
        return self._layout.device

    def get(self) -> Tensor:
        """(samples, heads, tokens, head_dim), oldest token first.

        A view of the window's storage, good until the next operation on it; a copy where the
        tokens are shared with other windows.
        """
        own = self._own_tokens()
        if not self._spans:
            return own
        shared = [span.part(self._part) for span in self._spans]
        if self._sealed and len(shared) == 1 and self._size == 0:
            return shared[0]
        return torch.cat((*shared, own) if self._size else shared, dim=2)

    def _own_tokens(self) -> Tensor:
        if self._own is None:
            samples, heads, _, width = self.shape
            return torch.empty((samples, heads, 0, width), dtype=self.dtype, device=self.device)
        return columns(self._own, 0, self._size)

    def update(self, x: Tensor) -> None:
        """Append tokens (samples, heads, new, head_dim), dropping the oldest as W2 says.

        Raises `KVCacheValueError` or `KVCacheTypeError` for another shape, dtype or device, and
        for more tokens than fit (W3), before anything is touched.
        """
        self._accept(x)
        append((self,), (x,))

    def _accept(self, x: Tensor, name: str = "x") -> None:
        self._writable()
        if not isinstance(x, Tensor):
            raise KVCacheTypeError(f"{name} must be a tensor, not {show(x)}")
        if x.layout is not torch.strided or x.is_nested:
            raise KVCacheTypeError(f"{name} must be a dense tensor, not {x.layout}")
        here, shape = self._layout, tuple(x.shape)
        like = here.samples, here.heads, here.head_dim
        if len(shape) != 4 or (shape[0], shape[1], shape[3]) != like:
            expected = f"({here.samples}, {here.heads}, new tokens, {here.head_dim})"
            raise KVCacheValueError(f"{name} must have shape {expected}, not {shape}")
        if shape[2] > here.max_tokens:
            raise KVCacheValueError(
                f"{name} has {shape[2]} tokens; the window holds {here.max_tokens}"
            )
        if x.dtype != here.dtype:
            raise KVCacheTypeError(f"{name} must be {here.dtype}, not {x.dtype}")
        if x.device != here.device:
            raise KVCacheValueError(f"{name} must be on {here.device}, not on {x.device}")

    def _writable(self) -> None:
        if self._sealed:
            raise SealedError(f"a sealed window of {self.size} tokens: fork() or clone() to go on")

    def _appended(self, x: Tensor) -> Tokens:
        """What is there after these are appended; what is there now stays until it is taken."""
        dropped = drop(self.max_tokens, self.size, x.shape[2])
        if torch.is_grad_enabled() or (self._own is not None and self._own.requires_grad):
            with durable():
                kept = columns(self.get(), dropped, self.size)
                tokens = torch.cat((kept, x), dim=2)
            return Tokens((), None, tokens, tokens.shape[2], self.first + dropped)
        return self._written(x, dropped)

    def _written(self, x: Tensor, dropped: int) -> Tokens:
        """Behind what is there, or with what is kept of it in new room: never over it."""
        spans, rest = without_oldest(self._spans, dropped)
        kept, new, own, block = self._size - rest, x.shape[2], self._own, self._block
        if own is None or rest or kept + new > own.shape[2]:
            here, before = self._layout, 0 if own is None else own.shape[2]
            tokens = max(min(2 * before, self.max_tokens), kept + new)
            shape = here.samples, here.heads, tokens, here.head_dim
            block = self._room.take(self._part, shape)
            own = block.part(self._part)
            if self._own is not None and kept:
                columns(own, 0, kept).copy_(columns(self._own, rest, self._size))
        columns(own, kept, kept + new).copy_(x)
        return Tokens(spans, block, own, kept + new, self.first + dropped)

    def _take(self, tokens: Tokens) -> None:
        """These from here on."""
        self._spans, self._block, self._own, self._size, self.first = tokens

    def apart(self, x: Tensor) -> Tensor:
        """These tokens where a write to this window does not reach them."""
        return x if self._own is None or not same_memory(x, self._own) else x.clone()

    def prune(self, mask: Mask) -> None:
        """W5: keep exactly the samples that a boolean mask (torch, numpy) selects."""
        self._writable()
        select((self,), selection(mask, self._layout.samples))

    def _selected(self, samples: Tensor) -> Tokens:
        with durable():
            kept = self.get().index_select(0, on(samples, self.device))
        return Tokens((), None, kept, kept.shape[2], self.first)

    def reset(self) -> None:
        """Empty again, as if nothing had ever been appended."""
        self._writable()
        before = self._count()
        self._spans, self._size, self.first = (), 0, 0
        if self._own is not None and self._own.requires_grad:
            self._block = self._own = None
        self._counts(before + 1)

    def remove_newest(self, tokens: SupportsIndex) -> None:
        """Without its newest tokens, as if they had never been appended."""
        self._writable()
        remove((self,), newest(tokens, self.size))

    def _without(self, tokens: int) -> Tokens:
        own = min(tokens, self._size)
        spans = without_newest(self._spans, tokens - own)
        return Tokens(spans, self._block, self._own, self._size - own, self.first)

    def _count(self) -> int:
        """How often these tokens were written, by a method or around it; it never goes back."""
        if self._block is not None:
            own = self._block.version(self._part)
        else:
            own = 0 if self._own is None else self._own._version
        shared = sum([span.block.version(self._part) for span in self._spans]) if self._spans else 0
        return self._writes + own + shared

    def _edits(self) -> int:
        """How often tokens that were there were written: every write but the appending ones."""
        return self._count() - self._appends

    def _counts(self, writes: int) -> None:
        """From here on count from `writes`, whatever the storage at hand has counted."""
        self._writes += writes - self._count()

    def _shares(self, other: "Cache") -> bool:
        """Whether both consist of the same tokens of the same blocks."""
        mine, its = self._spans, other._spans
        return (
            self._block is other._block
            and (self._block is not None or not self._size)
            and self._size == other._size
            and len(mine) == len(its)
            and all(
                a.block is b.block and a.start == b.start for a, b in zip(mine, its, strict=True)
            )
        )

    def _seal(self, spans: Spans) -> None:
        """Refuse writes from here on; `spans` are the same tokens."""
        before = self._count()
        self._room.forget()
        self._spans, self._block, self._own, self._size = spans, None, None, 0
        self._sealed = True
        self._counts(before)

    def __repr__(self) -> str:
        sealed = ", sealed" if self._sealed else ""
        return (
            f"Cache({self.shape}, {self.max_tokens} at most, {self.dtype}, {self.device}{sealed})"
        )
