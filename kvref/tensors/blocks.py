"""Storage of windows: blocks hold every part (K and V of every layer) of a run of tokens."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.nn import Parameter

from kvref.errors import KVCacheValueError

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


def fill(place: Tensor, pieces: Sequence[Tensor]) -> None:
    """These tokens, one piece after another, into a view with room for just so many: moved once."""
    if len(pieces) == 1:
        place.copy_(pieces[0])
    else:
        torch.cat(tuple(pieces), dim=-2, out=place)


def same_memory(one: Tensor, other: Tensor) -> bool:
    """Whether a write to one may reach the other: also through numpy or DLPack, whose tensors
    have a storage of their own over the same bytes."""
    mine, its = one.untyped_storage(), other.untyped_storage()
    if mine._cdata == its._cdata:
        return True
    if one.device != other.device or not {type(one), type(other)} <= {Tensor, Parameter}:
        return False  # another subclass may have no bytes, as fake tensors have none
    start, other_start = mine.data_ptr(), its.data_ptr()
    return bool(start < other_start + its.nbytes() and other_start < start + mine.nbytes())


def plain(tensor: Tensor) -> Tensor:
    """The tensor, or a copy of one made in inference mode, which counts no writes."""
    if not tensor.is_inference():
        return tensor
    with durable():
        return tensor.clone()


def on(host: Tensor, device: torch.device) -> Tensor:
    """A small tensor from the CPU on the device, without waiting for the device."""
    if device.type == "cpu":
        return host
    pinned = host.pin_memory() if torch.cuda.is_available() else host
    return pinned.to(device, non_blocking=True)


def owned(tensor: Tensor) -> Tensor:
    """The tensor, or a copy: of one whose writes are not counted, or in a far larger storage."""
    bytes_held = tensor.untyped_storage().nbytes()
    if not tensor.is_inference() and bytes_held <= 2 * tensor.numel() * tensor.element_size():
        return tensor
    with durable(), torch.no_grad():
        return tensor.clone(memory_format=torch.contiguous_format)


class Block:
    """One tensor (parts, samples, heads, tokens, head_dim).

    Each part is also a tensor of its own with its own version counter, so that a write through
    one part is told from a write through another; torch counts versions per tensor family.
    """

    __slots__ = ("__weakref__", "_parts", "_rewritten", "_tensor", "home", "lender", "place")

    home: object
    """The search whose storage it lies in, from `place` on; None if it is alone."""

    def __init__(self, tensor: Tensor, lender: Tensor | None = None) -> None:
        """`lender`: the buffer's tensor if this is a part of it, and will be written again."""
        self._tensor: Tensor | None = tensor
        self.lender = lender
        self.home, self.place = None, 0
        self._parts: dict[int, Tensor] = {}
        self._rewritten = 0

    @property
    def tensor(self) -> Tensor:
        """(parts, samples, heads, tokens, head_dim)."""
        assert self._tensor is not None
        return self._tensor

    @property
    def whole(self) -> Tensor:
        """What it lies in, or itself."""
        return self.tensor

    @property
    def tokens(self) -> int:
        return self.tensor.shape[3]

    def __reduce__(self) -> tuple[Callable[[Tensor], "Block"], tuple[Tensor]]:
        """A copy has one tensor too, and its parts are views of that one."""
        return _made_again, (owned(self.tensor),)

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
        tensor = self._tensor
        whole = 0 if tensor is None or tensor.is_inference() else tensor._version
        return self._rewritten + whole + (0 if found is None else found._version)

    def rewritten(self) -> None:
        """Every part was written, and not through `part()`: count it, for autograd too."""
        self._rewritten += 1
        for part in self._parts.values():
            if part.requires_grad:  # somebody wrote there with gradients on: that ends here
                part.detach_()
            increment_version(part)


def _made_again(tensor: Tensor) -> Block:
    return Block(plain(tensor))


class Span:
    """Tokens `start` to `stop` of a block that nobody writes any more."""

    __slots__ = ("_spacious", "_tensor", "block", "start", "stop")

    def __init__(self, block: Block, start: int, stop: int) -> None:
        self.block = block
        self.start = start
        self.stop = stop
        self._tensor: Tensor | None = None
        self._spacious: bool | None = None

    def __reduce__(self) -> tuple[type["Span"], tuple[Block, int, int]]:
        return Span, (self.block, self.start, self.stop)

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def tensor(self) -> Tensor:
        """(parts, samples, heads, tokens, head_dim), made when first asked for."""
        if self._tensor is None:
            whole = self.start == 0 and self.stop == self.block.tokens
            tensor = self.block.tensor
            self._tensor = tensor if whole else columns(tensor, self.start, self.stop)
        return self._tensor

    @property
    def spacious(self) -> bool:
        """Most of the storage is not the span's, or it is only lent: found out once.

        What lies in a search's storage is counted with all that lies there.
        """
        if self.block.home is not None:
            return False
        if self._spacious is None:
            whole = self.block.tensor
            bytes_held = whole.untyped_storage().nbytes() * whole.shape[3]
            small = 2 * len(self) * whole.numel() * whole.element_size() < bytes_held
            self._spacious = self.block.lender is not None or small
        return self._spacious

    def part(self, part: int) -> Tensor:
        return columns(self.block.part(part), self.start, self.stop)


Spans = tuple[Span, ...]


def alone(span: Span) -> Span:
    """The same tokens in a block of their own, and just so large."""
    with durable(), torch.no_grad():
        return Span(Block(span.tensor.clone(memory_format=torch.contiguous_format)), 0, len(span))


def compact(spans: Spans) -> Spans:
    """The same tokens, keeping no more than twice their storage alive, or their search's."""
    return tuple([alone(span) if span.spacious else span for span in spans])


def apart(spans: Spans) -> Spans:
    """The same tokens, keeping no more than twice their storage alive."""
    return tuple([alone(s) if s.spacious or s.block.home is not None else s for s in spans])


def length(spans: Spans) -> int:
    return sum([span.stop - span.start for span in spans])


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


def room(parts: int, shape: Shape, dtype: torch.dtype, device: torch.device) -> Block:
    """A block for so many parts of this shape, with anything in it."""
    return Block(empty((parts, *shape), dtype, device))


def empty(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Room for a tensor; refused, naming its shape, where torch has none."""
    try:
        with durable():
            return torch.empty(tuple(shape), dtype=dtype, device=device)
    except (RuntimeError, TypeError, OverflowError) as error:  # each for another kind of too much
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise KVCacheValueError(f"no room for {tuple(shape)} of {dtype}: {error}") from error


class Room:
    """Where the parts of one window get room for tokens: one block for all that ask alike.

    Parts that ask again before all others have asked are not in step: they get room of their own.
    """

    def __init__(self, parts: int, dtype: torch.dtype, device: torch.device) -> None:
        self.parts = parts
        self.dtype = dtype
        self.device = device
        self._block: Block | None = None
        self._taken: set[int] = set()

    def take(self, part: int, shape: Shape) -> Block:
        """A block whose part of the asking one's number is free, with parts of this shape."""
        block = self._block
        if block is None:
            block, self._taken = room(self.parts, shape, self.dtype, self.device), set()
        elif part in self._taken or block.tensor.shape[1:] != shape:
            return self._alone(shape)
        self._taken.add(part)
        self._block = None if len(self._taken) == self.parts else block
        return block

    def forget(self) -> None:
        """A round that failed: the next one begins with a block of its own."""
        self._block = None

    def _alone(self, shape: Shape) -> Block:
        """Room for one part, whatever its number."""
        one = empty((1, *shape), self.dtype, self.device)
        with durable():
            return Block(one.expand(self.parts, *shape))
