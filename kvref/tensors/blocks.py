"""Storage of windows: blocks hold every part (K and V of every layer) of a run of tokens."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

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

    __slots__ = ("__weakref__", "_parts", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self._parts: dict[int, Tensor] = {}

    def part(self, part: int) -> Tensor:
        """(samples, heads, tokens, head_dim), in the block's own storage."""
        found = self._parts.get(part)
        if found is None:
            with durable():
                found = self._parts[part] = self.tensor.select(0, part).data
        return found

    def version(self, part: int) -> int:
        """How often the part was written through `part()`, by whomever."""
        found = self._parts.get(part)
        return 0 if found is None else found._version


class Span:
    """Tokens `start` to `stop` of a block that nobody writes any more."""

    __slots__ = ("block", "start", "stop", "tensor")

    def __init__(self, block: Block, start: int, stop: int) -> None:
        self.block = block
        self.start = start
        self.stop = stop
        whole = start == 0 and stop == block.tensor.shape[3]
        self.tensor = block.tensor if whole else columns(block.tensor, start, stop)

    def __len__(self) -> int:
        return self.stop - self.start

    def part(self, part: int) -> Tensor:
        return columns(self.block.part(part), self.start, self.stop)


Spans = tuple[Span, ...]


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
