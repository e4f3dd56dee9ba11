"""A fork that appends behind its parent's tokens in the parent's own spare room.

Right for the first fork, and so it passes the tests: the second one overwrites the first one's
tokens. Consequence: siblings in the search tree see each other's futures.
"""

from copy import copy

from stateful_models.bugs.tensors.plain import PlainWindow, PlainWindows


class ForkSharesRoomWindow(PlainWindow):
    def fork(self) -> PlainWindow:
        if not self.sealed:
            raise ValueError("not sealed")
        twin = copy(self)
        twin.layers = [copy(layer) for layer in self.layers]
        twin.sealed = False
        return twin


class ForkSharesRoom(PlainWindows):
    window_type = ForkSharesRoomWindow
