"""A window that, when it overflows, drops the newest of what it holds instead of the oldest.

Consequence: the model attends to the distant past and to the present, with a hole between.
"""

from stateful_models.bugs.tensors.plain import PlainLayer


class KeepsOldest(PlainLayer):
    def shift(self, dropped: int) -> None:
        """The oldest are at the front already."""
