"""A session that keeps room for each row of its batch and stores views of it instead of copies.

Consequence: the next step, in the same room, rewrites what was stored.
"""

from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from kvref.tensors import BatchBuffer, KeysValues, SearchSession, Step, Working
from kvref.tensors.arena import Arena
from kvref.tensors.blocks import Block
from kvref.tensors.layout import Held
from stateful_models.reference.sessions import KvrefSession

ROOMS: Final[WeakKeyDictionary[BatchBuffer, dict[int, Tensor]]] = WeakKeyDictionary()


class ViewingRows(Working):
    def __init__(
        self,
        rows: Sequence[int],
        parents: Sequence[KeysValues],
        sharing: Sequence[bool],
        buffer: BatchBuffer,
        new: int,
        arena: Arena | None = None,
    ) -> None:
        super().__init__(rows, parents, sharing, buffer, new, arena)
        self.rooms = ROOMS.setdefault(buffer, {})

    def windows(self, new: int) -> list[KeysValues]:
        return [self._viewed(row, one) for row, one in enumerate(super().windows(new))]

    def _viewed(self, row: int, child: KeysValues) -> KeysValues:
        tokens = torch.cat(child.pieces(), dim=3)
        if row not in self.rooms:
            self.rooms[row] = torch.cat([tokens] * 8, dim=3)
        view = self.rooms[row][..., : child.size, :]
        view.copy_(tokens)
        held = Held((), Block(view), child.size, child.first)
        return KeysValues._of(child._layout, len(child), held)


class ViewingStep(Step):
    working_type = ViewingRows


class ViewingSession(SearchSession):
    step_type = ViewingStep


class StoresViews(KvrefSession):
    session_type = ViewingSession
