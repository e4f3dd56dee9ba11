"""A removal of register tokens that takes the oldest tokens instead of the newest.

Consequence: the register tokens stay in the context and history goes.
"""

from stateful_models.bugs.tensors.plain import PlainLayer


class RemovesOldest(PlainLayer):
    def remove(self, count: int) -> None:
        self.shift(count)
        super().remove(count)
