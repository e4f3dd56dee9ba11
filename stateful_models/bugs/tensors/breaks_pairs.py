"""A window that drops exactly as many tokens as have to go, an odd number too.

Seen in forks of UniZero that changed the overflow rule. Consequence: an action loses its
observation, and from there on every token plays the other's part.
"""

from stateful_models.bugs.tensors.plain import PlainLayer


class BreaksPairs(PlainLayer):
    def excess(self, new: int) -> int:
        return min(max(self.size + new - self.capacity, 0), self.size)
