"""Storage of windows: blocks hold every part (K and V of every layer) of a run of tokens."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

Shape = tuple[int, int, int, int]
"""(samples, heads, tokens, head_dim)."""


def durable() -> AbstractContextManager[object]:
    """What is made here inside inference mode can be written outside it too."""
    return _outside_inference() if torch.is_inference_mode_enabled() else nullcontext()


@contextmanager
def _outside_inference() -> Iterator[None]:
    with torch.inference_mode(False), torch.no_grad():
        yield


def columns(tensor: Tensor, start: int, stop: int) -> Tensor:
    """A view of tokens `start` to `stop` of (..., tokens, head_dim)."""
    return tensor.narrow(-2, start, stop - start)


def joined(pieces: Sequence[Tensor]) -> Tensor:
    """One tensor of these tokens, one piece after another; a single piece as it is."""
    return pieces[0] if len(pieces) == 1 else torch.cat(tuple(pieces), dim=-2)


def same_storage(one: Tensor, other: Tensor) -> bool:
    return bool(one.untyped_storage()._cdata == other.untyped_storage()._cdata)


def on(host: Tensor, device: torch.device) -> Tensor:
    """A small tensor from the CPU on the device, without waiting for the device."""
    if device.type == "cpu":
        return host
    pinned = host.pin_memory() if torch.cuda.is_available() else host
    return pinned.to(device, non_blocking=True)


class Block:
    """One tensor (parts, samples, heads, tokens, head_dim).

    Each part is also a tensor of its own with its own version counter, so that a write through
    one part is told from a write through another; torch counts versions per tensor family.
    """

    __slots__ = ("__weakref__", "_parts", "_rewritten", "lender", "tensor")

    def __init__(self, tensor: Tensor, lender: Tensor | None = None) -> None:
        """`lender`: the buffer's tensor if this is a part of it, and will be written again."""
        self.tensor = tensor
        self.lender = lender
        self._parts: dict[int, Tensor] = {}
        self._rewritten = 0

    def __reduce__(self) -> tuple[type["Block"], tuple[Tensor]]:
        """A copy has one tensor too, and its parts are views of that one."""
        return Block, (self.tensor,)

    def part(self, part: int) -> Tensor:
        """(samples, heads, tokens, head_dim), in the block's own storage."""
        found = self._parts.get(part)
        if found is None:
            with durable():
                found = self._parts[part] = self.tensor.select(0, part).data
        return found

    def version(self, part: int) -> int:
        """How often the part was written: through `part()`, by whomever, or with all others."""
        found = self._parts.get(part)
        return self._rewritten + (0 if found is None else found._version)

    def rewritten(self) -> None:
        """Every part was written, and not through `part()`: count it, for autograd too."""
        self._rewritten += 1
        for part in self._parts.values():
            increment_version(part)


class Span:
    """Tokens `start` to `stop` of a block that nobody writes any more."""

    __slots__ = ("block", "start", "stop", "tensor")

    def __init__(self, block: Block, start: int, stop: int) -> None:
        self.block = block
        self.start = start
        self.stop = stop
        whole = start == 0 and stop == block.tensor.shape[3]
        self.tensor = block.tensor if whole else columns(block.tensor, start, stop)

    def __reduce__(self) -> tuple[type["Span"], tuple[Block, int, int]]:
        return Span, (self.block, self.start, self.stop)

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def spacious(self) -> bool:
        """Most of the block is not the span's, or it is only lent."""
        return self.block.lender is not None or 2 * len(self) < self.block.tensor.shape[3]

    def part(self, part: int) -> Tensor:
        return columns(self.block.part(part), self.start, self.stop)


Spans = tuple[Span, ...]


def alone(span: Span) -> Span:
    """The same tokens in a block of their own, and just so large."""
    with durable(), torch.no_grad():
        return Span(Block(span.tensor.clone(memory_format=torch.contiguous_format)), 0, len(span))


def length(spans: Spans) -> int:
    return sum(span.stop - span.start for span in spans)


def without_oldest(spans: Spans, tokens: int) -> tuple[Spans, int]:
    """The spans without so many oldest tokens, and how many were not there to be dropped."""
    for position, span in enumerate(spans):
        if tokens < len(span):
            kept = spans[position:]
            if tokens:
                kept = (Span(span.block, span.start + tokens, span.stop), *kept[1:])
            return kept, 0
        tokens -= len(span)
    return (), tokens


def without_newest(spans: Spans, tokens: int) -> Spans:
    """The spans without so many newest tokens, which must be there."""
    while tokens:
        last = spans[-1]
        kept = max(len(last) - tokens, 0)
        tokens -= len(last) - kept
        spans = (
            (*spans[:-1], Span(last.block, last.start, last.start + kept)) if kept else spans[:-1]
        )
    return spans


class Room:
    """Where the parts of one window get room for tokens: one block for all that ask alike."""

    def __init__(self, parts: int, dtype: torch.dtype, device: torch.device) -> None:
        self.parts = parts
        self.dtype = dtype
        self.device = device
        self._block: Block | None = None
        self._taken: set[int] = set()

    def take(self, part: int, shape: Shape) -> Block:
        """A block whose part of the asking one's number is free, with parts of this shape."""
        block = self._block
        if block is None or block.tensor.shape[1:] != shape or part in self._taken:
            with durable():
                tensor = torch.empty((self.parts, *shape), dtype=self.dtype, device=self.device)
            block = Block(tensor)
            self._taken.clear()
        self._taken.add(part)
        self._block = None if len(self._taken) == self.parts else block
        return block
