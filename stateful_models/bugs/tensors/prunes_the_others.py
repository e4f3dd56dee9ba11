"""A prune that keeps the samples it was told to drop: the mask is of those that are done.

Consequence: the environments that ended go on, the others are lost.
"""

from torch import Tensor

from stateful_models.bugs.tensors.plain import PlainWindow, PlainWindows


class PrunesTheOthersWindow(PlainWindow):
    def prune(self, mask: Tensor) -> None:
        super().prune(~mask)


class PrunesTheOthers(PlainWindows):
    window_type = PrunesTheOthersWindow
