"""The K and V of every layer for one batch of samples: what a cache stores."""

from operator import is_
from typing import SupportsIndex

import torch
from torch import Tensor

from kvref.arguments import as_count, as_size
from kvref.errors import KVCacheTypeError, KVCacheValueError, SealedError, show
from kvref.tensors.blocks import (
    Block,
    Span,
    Spans,
    alone,
    apart,
    columns,
    compact,
    durable,
    fill,
    joined,
    owned,
    room,
    without_oldest,
)
from kvref.tensors.changes import Tokens, remove, select
from kvref.tensors.hashing import salted_hash_state
from kvref.tensors.layers import Layers
from kvref.tensors.layout import Device, Held, Layout, Mask, layout, newest, selection
from kvref.window_drop import drop


class KeysValues(Layers):
    """A window: the K and V of the newest tokens, for every layer and sample.

    Indexing gives a layer's `KVCache`. W1: each part holds a suffix of the tokens appended to it,
    never more than `max_tokens`. A sealed window refuses every write; `fork()` goes on from it
    without copying the tokens that are shared, `clone()` from any window with a copy.
    Copies: `copy.copy` is `clone()`, of a sealed window a sealed one that shares its tokens;
    `copy.deepcopy` and pickles (`torch.save`) share nothing, stay sealed or open, can be written
    in and outside inference mode, and take no gradients along.

    Args:
        num_samples: rows of the batch, at least 1.
        num_heads: attention heads, at least 1.
        max_tokens: capacity in tokens, at least 1.
        embed_dim: width of all heads together, a multiple of `num_heads`.
        num_layers: at least 1.
        device: where; torch's default device if None.
        dtype: a floating dtype; torch's default dtype if None.
        first: the index of the first token that will be appended, if the history began earlier.
    """

    def __init__(
        self,
        num_samples: int,
        num_heads: int,
        max_tokens: int,
        embed_dim: int,
        num_layers: int,
        device: Device = None,
        *,
        dtype: torch.dtype | None = None,
        first: SupportsIndex = 0,
    ) -> None:
        made = layout(num_samples, num_heads, max_tokens, embed_dim, device, dtype)
        layers, start = as_size(num_layers, "num_layers"), as_count(first, "first")
        block = room(2 * layers, made.whole, made.dtype, made.device)
        self._begin(made, layers, Held((), block, 0, start))

    @classmethod
    def _of(
        cls,
        layout: Layout,
        layers: int,
        held: Held,
        sealed: bool = False,
        tokens: int | None = None,
    ) -> "KeysValues":
        made = cls.__new__(cls)
        made._begin(layout, layers, held, sealed, tokens)
        return made

    @property
    def sealed(self) -> bool:
        return self._sealed

    def _writable(self) -> None:
        if self._sealed:
            raise SealedError(f"{self!r} is sealed: fork() or clone() to go on")

    def prune(self, mask: Mask) -> None:
        """W5: keep exactly the samples that a boolean mask (torch, numpy) selects."""
        self._writable()
        select(self._parts(), selection(mask, self.num_samples))

    def reset(self) -> None:
        """Empty again, as if nothing had ever been appended."""
        self._writable()
        for part in self._parts():
            part.reset()

    def remove_register_tokens(self, n: SupportsIndex) -> None:
        """W5: without the `n` newest tokens, as if they had never been appended."""
        self._writable()
        remove(self._parts(), newest(n, self.size))

    def seal(self) -> None:
        """Refuse every write from here on. Sealing again changes nothing.

        Tokens in a `BatchBuffer`, or in a block of which they fill less than half, are copied out:
        a sealed window keeps at most twice the storage of its tokens. Gradients end here.
        """
        if self._sealed:
            return
        spans, first = self._as_spans(), self.first
        kept = apart(spans)
        if not all(map(is_, kept, spans)):
            self._every_layer()  # whose parts go on counting where they are
            spans = kept
        if self._layers is not None and any(p.get().requires_grad for p in self._parts()):
            spans = tuple([alone(span) for span in spans])
        if self._layers is not None:
            self._layout = self._layers[0].parts[0]._layout
            for part in self._parts():
                part._seal(spans)
        self._hold(Held(spans, None, 0, first))
        self._sealed = True

    def __copy__(self) -> "KeysValues":
        """`clone()`; of a sealed window a sealed one with the same tokens, which nobody writes."""
        if self._sealed:
            return KeysValues._of(self._layout, len(self), self._held, sealed=True)
        return self.clone()

    def fork(self) -> "KeysValues":
        """A writable continuation of a sealed window; the tokens that both hold are not copied.

        Neither ever sees the other's tokens. Raises `SealedError` if this window is not sealed.
        """
        if not self._sealed:
            raise SealedError(f"{self!r} is not sealed: seal() it first, or clone() it")
        return KeysValues._of(self._layout, len(self), self._held)

    def extended(self, tokens: Tensor) -> "KeysValues":
        """A sealed window that goes on from this sealed one by these tokens of all layers.

        `tokens`: (2 * layers, samples, heads, new, head_dim), K before V, layer by layer. It is
        kept, not copied: nobody may write into it any more. It is copied if it is a small part of
        a larger storage, or was made in inference mode, where torch counts no writes.
        """
        samples, heads, _, width = self.shape
        dense = isinstance(tokens, Tensor) and tokens.layout is torch.strided
        if not dense or tokens.is_nested:
            raise KVCacheTypeError(f"tokens must be a dense tensor, not {show(tokens)}")
        if (tokens.dtype, tokens.device) != (self.dtype, self.device):
            raise KVCacheTypeError(
                f"tokens must be {self.dtype} on {self.device}, not {tokens.dtype} on "
                f"{tokens.device}"
            )
        parts, new = 2 * len(self), tokens.shape[3] if tokens.dim() == 5 else 0
        if tuple(tokens.shape) != (parts, samples, heads, new, width) or new > self.max_tokens:
            raise KVCacheValueError(
                f"tokens must have shape ({parts}, {samples}, {heads}, up to {self.max_tokens} "
                f"tokens, {width}), not {tuple(tokens.shape)}"
            )
        if not self._sealed:
            raise SealedError(f"{self!r} is not sealed: update() it")
        return self._extended(Block(owned(tokens.detach())))

    def _extended(self, block: Block) -> "KeysValues":
        """`extended`, by a block of tokens that are known to be right, and nobody else's."""
        new, spans = block.tokens, self._held.spans
        dropped = drop(self._layout.max_tokens, self._tokens, new)
        if dropped:
            spans, _ = without_oldest(spans, dropped)
        if block.home is None:
            spans = compact(spans)
        held = Held((*spans, Span(block, 0, new)), None, 0, self._held.first + dropped)
        tokens = self._tokens - dropped + new
        return KeysValues._of(self._layout, self._num_layers, held, True, tokens)

    def compacted(self) -> "KeysValues":
        """This sealed window, keeping at most twice the storage of its tokens alive."""
        spans = apart(self._held.spans)
        if all(map(is_, spans, self._held.spans)):
            return self
        held = self._held._replace(spans=spans)
        return KeysValues._of(self._layout, len(self), held, sealed=True)

    def retire(self) -> None:
        """Empty and sealed, whatever state it was in: its storage is somebody else's again."""
        for part in self._parts() if self._layers is not None else ():
            part._seal(())
        self._hold(Held((), None, 0, 0))
        self._sealed = True

    def clone(self) -> "KeysValues":
        """W5: a writable copy that shares nothing; dtype and device stay.

        The copy of a sealed window gets room only for what is there until it is written.
        """
        layers = self._layers
        if layers is not None and torch.is_grad_enabled():
            parts = self._parts()
            if any(part._own is not None and part._own.requires_grad for part in parts):
                return self._differentiable_copy()
        pieces, (samples, heads, size, width) = self.pieces(), self.shape
        tokens = size if self._sealed else self.max_tokens
        shape = (2 * len(self), samples, heads, tokens, width)
        with durable(), torch.no_grad():
            tensor = torch.empty(shape, dtype=self.dtype, device=self.device)
            if pieces:
                fill(columns(tensor, 0, size), pieces)
        held = Held((), Block(tensor), size, self.first)
        return KeysValues._of(self._now(), len(self), held)

    def _differentiable_copy(self) -> "KeysValues":
        copy = KeysValues._of(self._now(), len(self), Held((), None, 0, self.first))
        for mine, its in zip(self._parts(), copy._parts(), strict=True):
            its._take(Tokens((), None, mine.get().clone(), mine.size, mine.first))
        return copy

    def pieces(self) -> tuple[Tensor, ...]:
        """The tokens as they are stored, oldest first, to be read only.

        Each (2 * layers, samples, heads, tokens, head_dim), K before V, layer by layer.
        """
        return tuple([span.tensor for span in self._as_spans()])

    def _as_spans(self) -> Spans:
        """What the window consists of; copied only if its parts lie in different blocks."""
        if self._sealed:
            return self._held.spans
        if self._layers is None:
            spans, block, size, _ = self._held
            return (*spans, Span(block, 0, size)) if block is not None and size else spans
        parts, size = self._parts(), self.size
        one = parts[0]
        if all(part._shares(one) for part in parts):
            if one._block is not None and one._size:
                return (*one._spans, Span(one._block, 0, one._size))
            if not one._size:
                return one._spans
        with durable(), torch.no_grad():
            joint = torch.stack([part.get() for part in parts])
        return (Span(Block(joint), 0, size),)

    def _tensors(self) -> tuple[Tensor, ...]:
        """Every tensor that its tokens lie in."""
        if self._layers is None or self._sealed:
            spans, block, _, _ = self._held
            blocks = [span.block for span in spans] + ([] if block is None else [block])
            return tuple([one.whole for one in blocks])
        parts = self._parts()
        shared = [span.block.whole for part in parts for span in part._spans]
        return (*shared, *(part._own for part in parts if part._own is not None))

    def fingerprint(self) -> int:
        """The xxh64 of its shape, its dtype, how many tokens it has dropped, and its tokens."""
        with torch.no_grad():
            told = joined(self.pieces()) if self.size else torch.empty(0, dtype=self.dtype)
        return salted_hash_state(told, *self.shape, len(self), self.first)

    def edits(self) -> tuple[int, ...]:
        """How often the tokens of each part were written, but for those that were appended."""
        return tuple([part._edits() for part in self._parts()])

    def mark(self) -> object:
        """How often each part was written so far: by a method, through `get()` or `pieces()`.

        A method counts even if it had nothing to change. What torch does not count, namely writes
        through `.data`, numpy or DLPack, is not seen.
        """
        if self._layers is not None:
            return tuple(part._count() for part in self._parts())
        spans, block, _, _ = self._held
        blocks = [span.block for span in spans] + ([] if block is None else [block])
        return tuple(sum(b.version(part) for b in blocks) for part in range(2 * len(self)))

    def written_since(self, mark: object) -> str | None:
        """The first part written since the mark was taken; None if none was."""
        now = self.mark()
        assert isinstance(now, tuple)
        assert isinstance(mark, tuple)
        pairs = enumerate(zip(mark, now, strict=True))
        part = next((part for part, (before, after) in pairs if before != after), None)
        return None if part is None else f"layer {part // 2} {'KV'[part % 2]}"
