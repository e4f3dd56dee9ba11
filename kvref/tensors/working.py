"""Working batches: copies of contexts, side by side, for the model to update in place."""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import SupportsIndex

import torch
from torch import Tensor

from kvref.arguments import as_count
from kvref.errors import KVCacheValueError, show
from kvref.tensors.arena import Arena
from kvref.tensors.batch import MOST_TOKENS, BatchBuffer, align, attention_mask, taken
from kvref.tensors.blocks import Block, Span, columns, joined, on
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.layout import Held
from kvref.tensors.nodes import Node


class Positions(Enum):
    """From where a model counts the positions of its tokens."""

    HISTORY = "from the first token of the history, as rotary embeddings may"
    WINDOW = "from the oldest token that is left, as learned embeddings must"


class Working:
    """Rows that the model runs on together: their contexts, aligned, a copy.

    Attributes:
        rows: their places in the step.
        nodes: whose contexts they are.
        keys_values: the contexts, for the model to append to. It may also write into the tokens
            that are there, through `get()`: what is stored is what it left.
        lengths: how many tokens each row's context has.
        firsts: the index of each row's oldest token in its history.
        dropped: how many tokens each row has lost to make room for this step's.
    """

    keys_values: KeysValues
    nodes: tuple[Node, ...] = ()
    dropped: tuple[int, ...] = ()
    counted: Positions = Positions.HISTORY

    def __init__(
        self,
        rows: Sequence[int],
        parents: Sequence[KeysValues],
        sharing: Sequence[bool],
        buffer: BatchBuffer,
        new: int,
        arena: Arena | None = None,
    ) -> None:
        """`new`: how many tokens the model appends; `arena`: where all parents lie, if any."""
        self.rows = tuple(rows)
        self._parents, self._sharing, self._arena = parents, sharing, arena
        self.firsts = tuple([parent.first for parent in parents])
        self._batch, self.lengths = (
            align(parents, buffer) if arena is None else arena.align(parents, buffer, new)
        )
        self.keys_values = self._batch
        self._width = max(self.lengths)
        self._edits, self._written = self._batch.edits(), False

    def mask(self, new: SupportsIndex) -> Tensor:
        """The attention mask for the next `new` tokens; see `attention_mask`."""
        size = self.keys_values.size
        lengths = [length + size - self._width for length in self.lengths]
        return attention_mask(lengths, new, size, self.keys_values.device)

    def positions(self, new: SupportsIndex) -> Tensor:
        """(rows, new): the index of each of the next `new` tokens in its row's history, or among
        the tokens that are left, as the session's `positions` says."""
        fresh = as_count(new, "new", 1, MOST_TOKENS)
        grown = self.keys_values.size - self._width
        firsts = self.firsts if self.counted is Positions.HISTORY else (0,) * len(self.rows)
        starts = [first + n + grown for first, n in zip(firsts, self.lengths, strict=True)]
        place = self.keys_values.device
        return on(torch.tensor(starts, device="cpu"), place).unsqueeze(1) + torch.arange(
            fresh, device=place
        )

    def require_untouched_size(self) -> None:
        """Whoever writes tokens anew adds and drops none."""
        if (self.keys_values.size, self.keys_values.first) != (self._width, 0):
            raise KVCacheValueError(
                f"on_drop writes {self._width} tokens anew; there are now {self.keys_values.size}"
            )

    def windows(self, new: int) -> list[KeysValues]:
        """Every row's window, once the model has appended so many tokens."""
        if self.keys_values.num_samples != len(self.rows):
            raise KVCacheValueError(
                f"{len(self.rows)} rows are to be stored; the batch has "
                f"{self.keys_values.num_samples}"
            )
        size, first = self.keys_values._in_step()
        if size != self._width + new or first:
            raise KVCacheValueError(
                f"the model was to append {new} tokens to {self._width}; there are now "
                f"{size}, and {first} were dropped"
            )
        (joint,) = self.keys_values.pieces()
        self._written = self.keys_values is not self._batch or self._batch.edits() != self._edits
        rows, arena = range(len(self.rows)), self._arena
        if arena is not None and not self._written and arena.room >= len(rows) * new:
            blocks = arena.add(columns(joint, self._width, joint.shape[3]))
            return [one._extended(block) for one, block in zip(self._parents, blocks, strict=True)]
        return [self._child(row, joint, new) for row in rows]

    def _copied(self, joint: Tensor, row: int, start: int) -> Block:
        """One row's tokens from `start` on, where its search's lie if there is room."""
        if self._arena is not None and self._arena.room >= joint.shape[3] - start:
            return self._arena.add(columns(joint.narrow(1, row, 1), start, joint.shape[3]))[0]
        return Block(taken(joint, row, start))

    def retire(self) -> None:
        """Its storage is the next step's."""
        if not self._batch.sealed:  # sealed, it has been copied out
            self._batch.retire()

    def _child(self, row: int, joint: Tensor, new: int) -> KeysValues:
        """The parent's tokens and the new ones: shared with a sealed parent, else all copied.

        Older tokens that the model wrote are stored as it left them, whatever the parent was.
        """
        parent, size = self._parents[row], self.lengths[row] + new
        if self._sharing[row] and not self._edited(row, joint, joint.shape[3] - size):
            return parent._extended(self._copied(joint, row, self._width))
        block = self._copied(joint, row, joint.shape[3] - size)
        if block.home is not None:
            held = Held((Span(block, 0, size),), None, 0, parent.first)
            return KeysValues._of(parent._layout, len(parent), held, sealed=True)
        held = Held((), block, size, parent.first)
        return KeysValues._of(parent._layout, len(parent), held)

    def _edited(self, row: int, joint: Tensor, start: int) -> bool:
        """Whether the model wrote into tokens that were there; torch's counts tell of the batch."""
        if not self._written:
            return False
        parent = self._parents[row]
        older = columns(joint.narrow(1, row, 1), start, start + parent.size)
        return bool(parent.size) and not torch.equal(joined(parent.pieces()), older)


OnDrop = Callable[[Working, Tensor], object]
"""(batch, (rows,) tokens dropped): writes what is left anew, in place, at positions from 0 on."""


def by_length(lengths: Sequence[int]) -> list[list[int]]:
    """The rows of each length, in the order in which the lengths come."""
    groups: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        groups.setdefault(length, []).append(row)
    return list(groups.values())


def in_order(groups: Sequence[Working], made: Sequence[Tensor]) -> Tensor:
    """Rows that were made group by group, in the order of the step."""
    for group, one in zip(groups, made, strict=True):
        if not isinstance(one, Tensor) or one.dim() < 1 or one.shape[0] != len(group.rows):
            raise KVCacheValueError(f"{len(group.rows)} rows were run, not {show(one)}")
    if len(made) == 1:
        return made[0]
    rows, joint = [row for group in groups for row in group.rows], torch.cat(list(made))
    place = torch.tensor(sorted(range(len(rows)), key=rows.__getitem__), device="cpu")
    return joint.index_select(0, on(place, joint.device))
