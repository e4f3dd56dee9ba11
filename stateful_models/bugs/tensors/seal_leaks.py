"""A sealed window that can still be reset.

Consequence: an entry of the cache becomes empty while it is resident.
"""

from stateful_models.bugs.tensors.plain import PlainWindow, PlainWindows


class SealLeaksWindow(PlainWindow):
    def reset(self) -> None:
        for layer in self.layers:
            layer.size = layer.first = 0


class SealLeaks(PlainWindows):
    window_type = SealLeaksWindow
