"""Right for a while: what has been counted, or left behind, tells at last.

Consequence: a fault that no short test and no exploration meets, and every long run does.
"""

from spec.profile import Profile
from stateful_models.bugs.caches.black_boxes import PlainFifo, PlainLru


class TurnsAtFifthClear(PlainFifo):
    """From the fifth clear on, the newest leaves."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.clears = 0

    def clear(self) -> None:
        super().clear()
        self.clears += 1

    def evict(self) -> None:
        self.entries.popitem(last=self.clears >= 5)


class WrapsItsClock(PlainLru):
    """The time of use has six bits."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.used: dict[int, int] = {}
        self.clock = 0

    def touch(self, key: int) -> None:
        self.clock = (self.clock + 1) % 64
        self.used[key] = self.clock

    def get(self, key: int) -> object | None:
        if key in self.entries:
            self.touch(key)
        return self.entries.get(key)

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(key, value, rank)
        self.touch(key)

    def evict(self) -> None:
        del self.entries[min(self.entries, key=self.used.__getitem__)]
