"""A window that starts counting anew when an update pushes out everything.

Consequence: positions jump back, and the parity of the oldest token is told wrong.
"""

from stateful_models.bugs.tensors.plain import PlainLayer


class ForgetsPhase(PlainLayer):
    def count(self, dropped: int) -> None:
        self.first = 0 if dropped and dropped == self.size else self.first + dropped
