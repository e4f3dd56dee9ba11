"""One pool of a trace as it goes, in constant time a record, as long as every record is right.

It agrees with the specification on records that keep every law, which is tested; of any other
record it says only that it is not one, and the specification judges that.
"""

from collections import OrderedDict
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from msgspec import UnsetType

from spec.pool_laws import RENEWING
from spec.profile import Policy, Profile
from stateful_models.traces.format import GetRecord, LeftRecord, LoadRecord, SetRecord


class Live(NamedTuple):
    """An entry, as the trace writes it; `object` is None where it numbers none."""

    slot: int
    fp: str
    size: int
    rank: int
    object: int | None
    age: int


def count(value: int | UnsetType) -> int:
    return 0 if isinstance(value, UnsetType) else value


class LivePool:
    """Entries by key, first to go first (PRIORITY: oldest first)."""

    def __init__(self, profile: Profile, capacity: int, copies: bool) -> None:
        self.capacity = capacity
        self.copies = copies
        self.ranked = profile.policy.ranked
        self.recent = profile.policy == Policy.LRU
        self.renews = profile.policy in RENEWING
        self.clear()

    def clear(self) -> None:
        self.entries: OrderedDict[str, Live] = OrderedDict()
        self.heap: list[tuple[int, int, str]] = []
        self.taken: set[int] = set()  # slots of the entries that were there at the beginning
        self.top = self.age = 0

    def fill(self, entries: Iterable[tuple[str, Live]]) -> None:
        """These entries instead, oldest first."""
        self.clear()
        for key, live in entries:
            self._enter(key, live._replace(age=self.age))
        heapify(self.heap)

    def _enter(self, key: str, live: Live) -> None:
        self.entries[key] = live
        self.age += 1
        self.top = max(self.top, live.slot + 1)
        if self.ranked:
            heappush(self.heap, (live.rank, live.age, key))

    def victim(self) -> str:
        if not self.ranked:
            return next(iter(self.entries))
        while True:
            rank, age, key = self.heap[0]
            live = self.entries.get(key)
            if live is not None and (live.rank, live.age) == (rank, age):
                return key
            heappop(self.heap)

    def get(self, r: GetRecord) -> bool:
        """Whether the record is right; if it is, it has happened here too."""
        live = self.entries.get(r.k)
        if live is None or not r.hit:
            return live is None and not r.hit
        if live.fp != r.fp or live.slot != r.slot or live.size != count(r.sz):
            return False
        if isinstance(r.o, int) and live.object is not None and r.o != live.object:
            return False
        if self.recent:
            self.entries.move_to_end(r.k)
        return True

    def set(self, r: SetRecord, rank: int) -> bool:
        """Whether the record is right; if it is, it has happened here too."""
        old, number = self.entries.get(r.k), None if isinstance(r.o, UnsetType) else r.o
        if r.new != (old is None):
            return False
        if old is not None:
            same = not self.copies and number is not None and old.object == number
            gone = None if same else r.k
            slot, age = old.slot, old.age
            right = isinstance(r.left, UnsetType) or self._tells(r.left, gone, "updated")
            right = right and isinstance(r.ev, UnsetType)
        else:
            full = len(self.entries) >= self.capacity
            if self.top != len(self.entries) or len(self.entries) > self.capacity:
                return False  # a slot is free somewhere: which, the specification says
            gone = self.victim() if full else None
            slot, age = self.top if gone is None else self.entries[gone].slot, self.age
            right = self._evicts(r, gone)
        if not right or r.slot != slot:
            return False
        if old is None and gone is not None:
            del self.entries[gone]
        live = Live(slot, r.fp, count(r.sz), rank, number, age)
        if old is None:
            self._enter(r.k, live)
        else:
            self._renew(r.k, live)
        return True

    def _renew(self, key: str, live: Live) -> None:
        self.entries[key] = live
        if self.renews:
            self.entries.move_to_end(key)
        if self.ranked:
            heappush(self.heap, (live.rank, live.age, key))
            if len(self.heap) > 2 * len(self.entries) + 8:
                self.heap = [(one.rank, one.age, k) for k, one in self.entries.items()]
                heapify(self.heap)

    def _evicts(self, r: SetRecord, gone: str | None) -> bool:
        if isinstance(r.left, UnsetType):
            return (None if isinstance(r.ev, UnsetType) else r.ev) == gone
        return self._tells(r.left, gone, "evicted")

    def _tells(self, left: list[LeftRecord], gone: str | None, why: str) -> bool:
        """Whether just this entry is said to leave, as it is, for this reason."""
        if gone is None or len(left) != 1:
            return gone is None and not left
        return left[0].k == gone and self.leaves(left[0], why)

    def leaves(self, left: LeftRecord, why: str) -> bool:
        """Whether what is said of an entry that leaves is so."""
        live = self.entries.get(left.k)
        if live is None or live.size or left.why != why:
            return False
        return (left.slot, left.fp, left.o) == (live.slot, live.fp, live.object)

    def load(self, r: LoadRecord, rank: int) -> bool:
        """Whether there is room for an entry that was there at the beginning."""
        if r.k in self.entries or r.slot in self.taken or len(self.entries) >= self.capacity:
            return False
        self.taken.add(r.slot)
        self._enter(r.k, Live(r.slot, r.fp, 0, rank, r.o, self.age))
        return True

    def in_eviction_order(self) -> list[tuple[str, Live]]:
        entries = list(self.entries.items())
        return sorted(entries, key=lambda one: one[1].rank) if self.ranked else entries
