"""LRU by timestamps of a clock that is too coarse: ties are broken by the order of a set.

Consequence: in a burst of operations within one tick the victim is arbitrary, often the entry just
stored, and differs with the hashes of the keys.
"""

from spec.profile import LRU_REFERENCE, Profile
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.pool import PoolSubject


class EqualTimestamps(PoolSubject):
    """All operations fall into one tick. Entries are known by key and namespace, as pairs."""

    reports = frozenset({Aspect.SLOTS})
    profiles = (LRU_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        self.free = list(range(capacity))
        self.values: dict[tuple[int, str], object] = {}
        self.slots: dict[tuple[int, str], int] = {}
        self.used: dict[tuple[int, str], int] = {}
        self.resident: set[tuple[int, str]] = set()

    def tick(self) -> int:
        return 0

    def get(self, key: int) -> object | None:
        if (key, "") in self.resident:
            self.used[key, ""] = self.tick()
        return self.values.get((key, ""))

    def set(self, key: int, value: object, rank: float) -> int:
        entry = key, ""
        if entry not in self.resident:
            if not self.free:
                out = min(self.in_hash_order(), key=self.used.__getitem__)
                self.resident.remove(out)
                del self.values[out]
                self.free.append(self.slots.pop(out))
            self.slots[entry] = self.free.pop(0)
            self.resident.add(entry)
        self.used[entry] = self.tick()
        self.values[entry] = value
        return self.slots[entry]

    def in_hash_order(self) -> list[tuple[int, str]]:
        """As a set might iterate; the same in every process, so that the exhibit is."""
        return sorted(self.resident, key=lambda entry: entry[0] * 0x9E3779B1 % 2**32, reverse=True)

    def clear(self) -> None:
        self.start(self.profile, len(self.free) + len(self.resident))
