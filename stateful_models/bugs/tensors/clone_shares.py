"""A clone that copies the objects and not their tensors, as `copy.copy` does.

Consequence: whoever writes into the copy rewrites what is stored.
"""

from copy import copy

from stateful_models.bugs.tensors.plain import PlainWindow, PlainWindows


class CloneSharesWindow(PlainWindow):
    def clone(self) -> PlainWindow:
        twin = copy(self)
        twin.layers = [copy(layer) for layer in self.layers]
        twin.sealed = False
        return twin


class CloneShares(PlainWindows):
    window_type = CloneSharesWindow
