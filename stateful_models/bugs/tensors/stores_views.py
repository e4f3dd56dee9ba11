"""A session that keeps room for each row of its batch and stores views of it instead of copies.

Consequence: the next step, in the same room, rewrites what was stored.
"""

import torch
from torch import Tensor

from kvref.tensors import KeysValues, SearchSession, Step
from kvref.tensors.blocks import Block
from kvref.tensors.layout import Held
from stateful_models.reference.sessions import KvrefSession


class ViewingStep(Step):
    def _child(self, row: int, joint: Tensor, new: int) -> KeysValues:
        child = super()._child(row, joint, new)
        rooms: dict[int, Tensor] = vars(self.contexts).setdefault("rooms", {})
        tokens = torch.cat(child.pieces(), dim=3)
        if row not in rooms:
            rooms[row] = torch.cat([tokens] * 8, dim=3)
        view = rooms[row][..., : child.size, :]
        view.copy_(tokens)
        held = Held((), Block(view), child.size, child.first)
        return KeysValues._of(child._layout, len(child), held)


class ViewingSession(SearchSession):
    step_type = ViewingStep


class StoresViews(KvrefSession):
    session_type = ViewingSession
