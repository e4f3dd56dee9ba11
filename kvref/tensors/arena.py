"""The storage of one search: a context is a list of places in it, gathered in one move."""

from collections.abc import Sequence
from weakref import ref as weak

import torch
from torch import Tensor

from kvref.tensors.batch import Aligned, BatchBuffer, kind
from kvref.tensors.blocks import Block, Span, columns, durable, empty, on
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.layout import Held

PADDING = 0
"""The place that holds zeros."""


class Home:
    """One search's tenancy of a storage: as long as a window of it is there, so is this.

    `looked`: somebody was given a view, which torch keeps alive by itself.
    """

    __slots__ = ("__weakref__", "looked", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.looked = tensor, False


class Stretch(Block):
    """A block that lies in an arena, a view of it made when first asked for, with a count of its
    own of the writes through it."""

    __slots__ = ("_tokens",)

    home: Home

    def __init__(self, home: Home, place: int, tokens: int) -> None:
        self._tensor = self.lender = None
        self._parts, self._rewritten = {}, 0
        self.home, self.place, self._tokens = home, place, tokens

    @property
    def tensor(self) -> Tensor:
        if self._tensor is None:
            self.home.looked, whole = True, self.home.tensor
            with durable():
                self._tensor = columns(whole, self.place, self.place + self._tokens).data
        return self._tensor

    @property
    def whole(self) -> Tensor:
        return self.home.tensor

    @property
    def tokens(self) -> int:
        return self._tokens


class Arena:
    """Room for the tokens of a search; what lies here is written once, and never moved.

    Tokens first: (tokens, parts, heads, head_dim), so that a context is gathered line by line.
    S3: windows that share tokens share their places, and nobody is given a place twice.
    """

    def __init__(self, like: KeysValues, tokens: int) -> None:
        self._kind, self._layout = kind(like), like._layout
        parts, heads, width = 2 * len(like), self._layout.heads, self._layout.head_dim
        shape, self._room = (tokens + 1, parts, heads, width), tokens + 1
        self._tokens = empty(shape, self._layout.dtype, self._layout.device)
        self._tokens.narrow(0, PADDING, 1).zero_()
        self._lines = self._tokens.view(-1, heads * width)  # of each token, one for each part
        self._parts = torch.arange(parts, device=self._layout.device).view(1, parts, 1)
        self._begin()

    def _begin(self) -> None:
        self._home = Home(self._tokens.permute(1, 2, 0, 3).unsqueeze(1))
        self._used = PADDING + 1
        self._brought: dict[int, tuple[KeysValues, KeysValues]] = {}

    def vacated(self) -> bool:
        """Begin anew, if nothing that lay here can be seen any more: told by whether it is so."""
        looked, tenant = self._home.looked, weak(self._home)
        self._brought.clear()
        del self._home
        left = tenant()
        if looked or left is not None:
            return False
        self._begin()
        return True

    @property
    def tokens(self) -> int:
        """For how many tokens there is room in all."""
        return self._room - 1

    @property
    def room(self) -> int:
        """For how many tokens there is still room."""
        return self._room - self._used

    def takes(self, windows: Sequence[KeysValues]) -> bool:
        """Whether they are such windows as lie here, of one sample each, and there is room for
        those that do not yet."""
        if any(one._layout is not self._layout and not self._alike(one) for one in windows):
            return False
        return sum([one._tokens for one in windows if not self._knows(one)]) <= self.room

    def _alike(self, window: KeysValues) -> bool:
        return kind(window) == self._kind and window._layout.samples == 1

    def _knows(self, window: KeysValues) -> bool:
        return id(window) in self._brought or self._holds(window)

    def _holds(self, window: KeysValues) -> bool:
        home = self._home
        return all(span.block.home is home for span in window._held.spans)

    def bring(self, window: KeysValues) -> KeysValues:
        """A sealed window's tokens, here: copied if it has not been seen before."""
        if self._holds(window):
            return window
        before = self._brought.get(id(window))
        if before is None:
            (block,) = self.add(torch.cat(window.pieces(), dim=3))
            held = Held((Span(block, 0, block.tokens),), None, 0, window.first)
            made = KeysValues._of(window._layout, len(window), held, sealed=True)
            before = self._brought[id(window)] = window, made
        return before[1]

    def add(self, tokens: Tensor) -> list[Stretch]:
        """A block for each row of (parts, rows, heads, tokens, head_dim): moved once, together."""
        parts, rows, heads, new, width = tokens.shape
        place = self._used
        self._used += rows * new
        there = self._tokens.narrow(0, place, rows * new).view(rows, new, parts, heads, width)
        with durable(), torch.no_grad():
            there.copy_(tokens.permute(1, 3, 0, 2, 4))
        return [Stretch(self._home, place + row * new, new) for row in range(rows)]

    def align(self, windows: Sequence[KeysValues], into: BatchBuffer, new: int) -> Aligned:
        """As `align`, of windows that lie here, with room for so many tokens more."""
        lengths = tuple([one._tokens for one in windows])
        width = max(lengths)
        block = into.rewritten(len(windows), min(width + new, into.layout.max_tokens), first=True)
        rows = [self._places(one, width) for one in windows]
        places = [place for column in zip(*rows, strict=True) for place in column]
        there = on(torch.tensor(places, dtype=torch.int64, device="cpu"), self._layout.device)
        parts = self._tokens.shape[1]
        lines = there.view(width, 1, len(windows)) * parts + self._parts
        with durable(), torch.no_grad():
            target = columns(block.tensor, 0, width).permute(3, 0, 1, 2, 4)
            torch.index_select(
                self._lines, 0, lines.view(-1), out=target.view(-1, self._lines.shape[1])
            )
        return Aligned(into.batch(block, width), lengths)

    @staticmethod
    def _places(window: KeysValues, width: int) -> list[int]:
        """Of a window's tokens, right aligned in `width`."""
        places = [PADDING] * (width - window._tokens)
        for span in window._held.spans:
            start = span.block.place
            places.extend(range(start + span.start, start + span.stop))
        return places
