"""Windows of unequal length side by side in one batch, and back."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple, SupportsIndex
from weakref import WeakSet

import torch
from torch import Tensor

from kvref.arguments import as_count, as_integer, as_size, as_tuple
from kvref.errors import KVCacheTypeError, KVCacheValueError, number, show
from kvref.tensors.blocks import Block, columns, durable, empty, fill, joined, on, same_memory
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.layout import Device, Held, Layout, as_device, layout


class Aligned(NamedTuple):
    """B2: row r of `batch` holds its window in its last `lengths[r]` tokens, zeros before."""

    batch: KeysValues
    lengths: tuple[int, ...]


class BatchBuffer:
    """Room for one batch, used again for every `align` into it.

    What was aligned into it before is overwritten, so it serves one batch at a time.

    Args: as `KeysValues`; `num_samples` and `max_tokens` are the most that a batch may have.
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
    ) -> None:
        made = layout(num_samples, num_heads, max_tokens, embed_dim, device, dtype)
        self._begin(made, as_size(num_layers, "num_layers"))

    def _begin(self, layout: Layout, layers: int) -> None:
        self.layout = layout
        self.num_layers = layers
        shape = (2 * layers, *layout.whole)
        self._tensor = empty(shape, layout.dtype, layout.device)
        self._given = WeakSet[Block]()
        self._layouts: dict[int, Layout] = {}

    def __reduce__(self) -> tuple[object, ...]:
        """A copy is room of its own, with nothing in it yet."""
        return _buffer, (self.layout, self.num_layers)

    @classmethod
    def for_windows(cls, windows: Sequence[KeysValues], max_tokens: int) -> "BatchBuffer":
        """A buffer that these windows fit into, with room for so many tokens."""
        samples = sum(shape[0] for shape in _compatible(windows))
        first, made, tokens = windows[0], cls.__new__(cls), as_size(max_tokens, "max_tokens")
        made._begin(replace(first._now(), samples=samples, max_tokens=tokens), len(first))
        return made

    @property
    def kind(self) -> tuple[object, ...]:
        """Of the windows that fit into it; see `kind`."""
        room = self.layout
        return self.num_layers, room.heads, room.head_dim, room.dtype, room.device

    def holds(self, window: KeysValues) -> bool:
        """Whether any of a window's tokens lie in this buffer, and would be overwritten."""
        return any(same_memory(tensor, self._tensor) for tensor in window._tensors())

    def rewritten(self, rows: int, tokens: int, *, first: bool = False) -> Block:
        """Dense storage for so many, tokens `first` or next to last; whatever was aligned here
        before has other contents now."""
        for block in self._given:
            block.rewritten()
        parts, heads, width = 2 * self.num_layers, self.layout.heads, self.layout.head_dim
        shape = (tokens, parts, rows, heads) if first else (parts, rows, heads, tokens)
        size = math.prod(shape) * width
        dense = self._tensor.view(-1).narrow(0, 0, size).view(*shape, width)
        made = Block(dense.permute(1, 2, 3, 0, 4) if first else dense, self._tensor)
        self._given.add(made)
        return made

    def batch(self, block: Block, width: int) -> KeysValues:
        """A window of a block's rows, and its first so many tokens."""
        rows = block.tensor.shape[1]
        layout = self._layouts.get(rows)
        if layout is None:
            layout = self._layouts[rows] = replace(self.layout, samples=rows)
        return KeysValues._of(layout, self.num_layers, Held((), block, width, 0))


def _buffer(layout: Layout, layers: int) -> BatchBuffer:
    made = BatchBuffer.__new__(BatchBuffer)
    made._begin(layout, layers)
    return made


def align(windows: Iterable[KeysValues], into: BatchBuffer | None = None) -> Aligned:
    """One batch with a row for each sample of each window, padded on the left with zeros.

    B3: a row depends on its own window alone. B4: dtype, device and contents stay as they are.
    The batch is a copy that may be written, in `into` if that is given; if it overflows, every
    row loses the same columns, so cut the windows first (`SearchSession` does). Gradients do not
    flow through it. Raises `KVCacheValueError` for windows that differ in layers, heads, head_dim,
    dtype or device, or that do not fit, before anything is touched.
    """
    windows = as_tuple(windows, "windows to align")
    if into is not None and not isinstance(into, BatchBuffer):
        raise KVCacheTypeError(f"into must be a BatchBuffer, not {show(into)}")
    shapes = _compatible(windows)
    lengths = tuple(size for samples, _, size, _ in shapes for _ in range(samples))
    if not lengths:
        raise KVCacheValueError("no samples to align: every window was pruned to nobody")
    width = max(lengths)
    if into is None:
        into = BatchBuffer.for_windows(windows, max(windows[0].max_tokens, width))
    _fits(windows[0], into, len(lengths), width)
    if any(into.holds(window) for window in windows):
        raise KVCacheValueError("a window to align lies in the buffer itself: clone() it first")
    block = into.rewritten(len(lengths), into.layout.max_tokens)
    if width:
        with durable(), torch.no_grad():
            _copy(windows, width, columns(block.tensor, 0, width))
    return Aligned(into.batch(block, width), lengths)


def _copy(windows: Sequence[KeysValues], width: int, target: Tensor) -> None:
    """Every row's padding and pieces, one after another along the tokens, each moved once."""
    zero, row = target.new_zeros(()), 0
    for window in windows:
        samples, heads, size, head_dim = window.shape
        if samples:
            padding = zero.expand(len(target), samples, heads, width - size, head_dim)
            pieces = window.pieces() if size == width else (padding, *window.pieces())
            fill(target.narrow(1, row, samples), pieces)
        row += samples


def split(
    batch: KeysValues,
    lengths: Iterable[SupportsIndex],
    *,
    firsts: Iterable[SupportsIndex] | None = None,
) -> tuple[KeysValues, ...]:
    """B1: one window for each row, of its last `lengths[row]` tokens, without the padding.

    The windows share nothing with the batch nor with each other. `firsts`: how many tokens each
    had dropped before (`KeysValues.first`); none if not given.
    """
    if not isinstance(batch, KeysValues):
        raise KVCacheTypeError(f"only a KeysValues can be split, not {show(batch)}")
    rows, _, width, _ = batch.shape
    counts = [as_integer(length, "length") for length in as_tuple(lengths, "lengths")]
    dropped = [0] * rows
    if firsts is not None:
        dropped = [as_count(first, "first") for first in as_tuple(firsts, "firsts")]
    if not len(counts) == len(dropped) == rows:
        raise KVCacheValueError(f"{rows} rows need as many lengths (and firsts), not {counts}")
    for count in counts:
        if not 0 <= count <= width:
            raise KVCacheValueError(
                f"a row of {width} tokens cannot hold a window of {number(count)}"
            )
    pieces = batch.pieces()
    layout, windows = replace(batch._now(), samples=1), []
    with durable(), torch.no_grad():
        joint = joined(pieces) if pieces else None
        for row, (count, first) in enumerate(zip(counts, dropped, strict=True)):
            block = None
            if joint is not None and count:
                block = Block(taken(joint, row, width - count))
            held = Held((), block, count, first)
            windows.append(KeysValues._of(layout, len(batch), held))
    return tuple(windows)


def taken(joint: Tensor, row: int, start: int) -> Tensor:
    """A copy of one row's tokens from `start` on, in a storage of its own."""
    row_tokens = columns(joint.narrow(1, row, 1), start, joint.shape[3])
    return row_tokens.clone(memory_format=torch.contiguous_format)


def attention_mask(
    lengths: Iterable[SupportsIndex],
    new: SupportsIndex,
    width: SupportsIndex | None = None,
    device: Device = None,
) -> Tensor:
    """B2: where row r's new tokens may look: (rows, 1, new, width + new), True where they may.

    `width` is the aligned tokens' number, the longest of `lengths` if not given. A new token sees
    its row's own window, the new tokens before it, and itself; never padding. Fits the boolean
    `attn_mask` of `torch.nn.functional.scaled_dot_product_attention`.
    """
    counts = [as_integer(length, "length") for length in as_tuple(lengths, "lengths")]
    columns = max(counts, default=0) if width is None else as_count(width, "width", 0, MOST_TOKENS)
    fresh = as_count(new, "new", 1, MOST_TOKENS)
    if any(not 0 <= count <= columns for count in counts):
        raise KVCacheValueError(
            f"lengths {show(counts)} do not fit into {number(columns)} aligned tokens"
        )
    place = torch.device("cpu") if device is None else as_device(device)
    padding = on(torch.tensor([columns - count for count in counts], device="cpu"), place)
    column = torch.arange(columns + fresh, device=place)
    visible = column >= padding.view(-1, 1, 1, 1)
    if fresh == 1:  # which comes after all others
        return visible
    query = column.narrow(0, columns, fresh)
    return visible & (column <= query.view(1, 1, -1, 1))


MOST_TOKENS: Final = 1 << 31
"""Of one mask: more is taken for a mistake."""


def _compatible(windows: Sequence[KeysValues]) -> list[tuple[int, int, int, int]]:
    if not windows:
        raise KVCacheValueError("no windows to align")
    for window in windows:
        if not isinstance(window, KeysValues):
            raise KVCacheTypeError(f"windows to align must be KeysValues, not {show(window)}")
    require_alike(windows)
    return [window.shape for window in windows]


def require_alike(windows: Sequence[KeysValues]) -> None:
    """Windows that could stand side by side in one batch."""
    kinds = [kind(window) for window in windows]
    for place, (before, now) in enumerate(pairwise(kinds)):
        if before != now:
            one, other = windows[place], windows[place + 1]
            raise KVCacheValueError(
                f"cannot align {one!r} with {other!r}: other layers, heads, "
                "head_dim, dtype or device"
            )


def kind(window: KeysValues) -> tuple[object, ...]:
    """What windows in one batch have in common."""
    layout = window._layout
    return len(window), layout.heads, layout.head_dim, layout.dtype, layout.device


def _fits(window: KeysValues, into: BatchBuffer, rows: int, width: int) -> None:
    room = into.layout
    if into.kind != kind(window) or rows > room.samples or width > room.max_tokens:
        raise KVCacheValueError(
            f"{rows} rows of {width} tokens like {window!r} do not fit into a buffer for "
            f"{into.num_layers} layers of {room}"
        )
