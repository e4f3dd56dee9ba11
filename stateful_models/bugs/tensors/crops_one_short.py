"""Off by one: a window is cropped when it would be full, not when it would overflow.

Consequence: with every update that fills it exactly, the oldest pair of tokens is lost for nothing.
"""

from stateful_models.bugs.tensors.plain import PlainLayer


class CropsOneShort(PlainLayer):
    def excess(self, new: int) -> int:
        over = max(self.size + new - (self.capacity - 1), 0)
        return min(over + over % 2, self.size)
