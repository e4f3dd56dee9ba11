"""An LRU map over a ring of slots: two orders that go out of step at the first hit.

The map evicts the key used longest ago, the ring overwrites the slot under its cursor: what comes
of adding LRU to UniZero's ring of slots. Consequence: the slot that is overwritten belongs to a
live key, which from then on delivers another state's context.
"""

from collections import OrderedDict

from spec.profile import LRU_REFERENCE, Profile
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.pool import PoolSubject


class LruOverRing(PoolSubject):
    reports = frozenset({Aspect.SLOTS})
    profiles = (LRU_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        self.ring: list[object] = [None] * capacity
        self.slot_of: OrderedDict[int, int] = OrderedDict()
        self.cursor = 0

    def get(self, key: int) -> object | None:
        if key not in self.slot_of:
            return None
        self.slot_of.move_to_end(key)
        return self.ring[self.slot_of[key]]

    def set(self, key: int, value: object, rank: float) -> int:
        if key not in self.slot_of:
            if len(self.slot_of) == len(self.ring):
                self.slot_of.popitem(last=False)
            self.slot_of[key] = self.cursor
            self.cursor = (self.cursor + 1) % len(self.ring)
        self.slot_of.move_to_end(key)
        self.ring[self.slot_of[key]] = value
        return self.slot_of[key]

    def clear(self) -> None:
        self.slot_of.clear()
        self.cursor = 0
