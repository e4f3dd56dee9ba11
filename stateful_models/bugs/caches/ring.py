"""A ring of slots with two maps that go out of step, as in UniZero before its KVCacheManager.

Every set takes the slot under the cursor, an update too, and whatever key the reverse map names
for that slot is deleted: also one that has moved on since. In a recorded run 111 live keys were
lost that way. A clear empties only the forward map.
"""

from spec.profile import FIFO_REFERENCE, Profile
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.pool import PoolSubject


class Ring(PoolSubject):
    """`update_moves`, `clear_keeps_cursor`: which of the two faults it has."""

    reports = frozenset({Aspect.SLOTS})
    profiles = (FIFO_REFERENCE,)
    update_moves = False
    clear_keeps_cursor = False

    def start(self, profile: Profile, capacity: int) -> None:
        self.slots: list[object] = [None] * capacity
        self.slot_of: dict[int, int] = {}
        self.key_in: dict[int, int] = {}
        self.cursor = 0

    def get(self, key: int) -> object | None:
        slot = self.slot_of.get(key)
        return None if slot is None else self.slots[slot]

    def set(self, key: int, value: object, rank: float) -> int:
        slot = self.slot_of.get(key)
        if slot is None or self.update_moves:
            slot = self.cursor
            self.cursor = (slot + 1) % len(self.slots)
            if slot in self.key_in:
                self.slot_of.pop(self.key_in[slot], None)
            self.slot_of[key] = slot
            self.key_in[slot] = key
        self.slots[slot] = value
        return slot

    def clear(self) -> None:
        self.slot_of.clear()
        if not self.clear_keeps_cursor:
            self.key_in.clear()
            self.cursor = 0


class UpdateMoves(Ring):
    update_moves = True


class ClearKeepsCursor(Ring):
    clear_keeps_cursor = True
