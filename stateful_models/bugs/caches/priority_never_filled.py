"""PRIORITY whose heap is never filled: the first overflow raises.

UniZero's KVCacheManager offered the policy; nothing ever entered its heap.
"""

from spec.profile import PRIORITY_REFERENCE, Profile
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.pool import PoolSubject


class NeverFilled(PoolSubject):
    reports = frozenset({Aspect.SLOTS})
    profiles = (PRIORITY_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        self.values: list[object] = [None] * capacity
        self.slot_of: dict[int, int] = {}
        self.heap: list[tuple[float, int]] = []

    def get(self, key: int) -> object | None:
        slot = self.slot_of.get(key)
        return None if slot is None else self.values[slot]

    def set(self, key: int, value: object, rank: float) -> int:
        slot = self.slot_of.get(key)
        if slot is None:
            slot = len(self.slot_of)
        if slot == len(self.values):
            _, out = self.heap.pop(0)
            slot = self.slot_of.pop(out)
        self.slot_of[key] = slot
        self.values[slot] = value
        return slot

    def clear(self) -> None:
        self.slot_of.clear()
