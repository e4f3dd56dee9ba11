"""What two caches were told, as far back as it takes to tell it again."""

from kvref.shadow.verdicts import Emptied, Step


class Journal:
    """At most `longest` steps: since every pool was last empty, if there is room for that."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._steps: list[Step] = []
        self._held: set[str] = set()
        self._lost: set[str] = set()

    @property
    def whole(self) -> bool:
        """No step since the last clears is left out."""
        return not self._lost

    def steps(self) -> tuple[Step, ...]:
        return tuple(self._steps)

    def add(self, step: Step) -> None:
        """One more; where there is no room, each pool's steps before its last clear go first."""
        if isinstance(step, Emptied):
            self._held.discard(step.pool)
            self._lost.discard(step.pool)
            if not self._held:
                self._steps.clear()
                return
        else:
            self._held.add(step.pool)
        full = len(self._steps) >= self._longest
        if full and (self.whole or isinstance(step, Emptied)):
            self._steps = since_cleared([*self._steps, step])
            full = len(self._steps) > self._longest
            if not full:
                return
            self._steps = self._steps[: self._longest]
        if full:
            self._lost.add(step.pool)
        else:
            self._steps.append(step)


def since_cleared(steps: list[Step]) -> list[Step]:
    """Each pool's steps since it was last cleared."""
    kept, cleared = list[Step](), set[str]()
    for step in reversed(steps):
        if isinstance(step, Emptied):
            cleared.add(step.pool)
        elif step.pool not in cleared:
            kept.append(step)
    return kept[::-1]
