"""Right pools that show nothing but their answers: what the wrong ones beside differ from."""

from collections import OrderedDict

from spec.profile import FIFO_REFERENCE, LRU_REFERENCE, PRIORITY_REFERENCE, Profile
from stateful_models.subjects.pool import PoolSubject


class PlainFifo(PoolSubject):
    """A dictionary in order of insertion."""

    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        self.capacity = capacity
        self.entries: OrderedDict[int, object] = OrderedDict()

    def get(self, key: int) -> object | None:
        return self.entries.get(key)

    def set(self, key: int, value: object, rank: float) -> None:
        if key not in self.entries and len(self.entries) == self.capacity:
            self.evict()
        self.entries[key] = value

    def evict(self) -> None:
        self.entries.popitem(last=False)

    def clear(self) -> None:
        self.entries.clear()


class PlainLru(PlainFifo):
    """The same in order of use."""

    profiles = (LRU_REFERENCE,)

    def get(self, key: int) -> object | None:
        if key in self.entries:
            self.entries.move_to_end(key)
        return self.entries.get(key)

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(key, value, rank)
        self.entries.move_to_end(key)


class PlainPriority(PlainFifo):
    """The lowest rank goes first; of equals the oldest."""

    profiles = (PRIORITY_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.ranks: dict[int, float] = {}

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(key, value, rank)
        self.ranks[key] = self.ranked(rank)

    def ranked(self, rank: float) -> float:
        return rank

    def evict(self) -> None:
        del self.entries[min(self.entries, key=self.ranks.__getitem__)]
