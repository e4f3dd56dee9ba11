"""A session that stores views of the working batch instead of copies.

Consequence: the next step, in the same buffer, rewrites what was stored.
"""

from torch import Tensor

from kvref.tensors import KeysValues, SearchSession, Step
from kvref.tensors.blocks import Block
from kvref.tensors.layout import Held


class ViewingStep(Step):
    def _child(self, row: int, joint: Tensor, new: int) -> KeysValues:
        child = super()._child(row, joint, new)
        size = self.lengths[row] + new
        view = joint[:, row : row + 1, :, joint.shape[3] - size :]
        return KeysValues._of(child._layout, len(child), Held((), Block(view), size, child.first))


class StoresViews(SearchSession):
    step_type = ViewingStep
