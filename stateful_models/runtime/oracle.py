"""What one pool must answer, told in constant time: the specification, kept as a ledger.

The specification rebuilds its state at each step, which takes longer the more a pool holds. This
does not, and is itself put to the specification, exhaustively, by the tests.
"""

from collections import OrderedDict
from heapq import heapify, heappop, heappush
from typing import Generic, NamedTuple, TypeVar

from kvref.ranks import Rank
from spec.pool_laws import RENEWING
from spec.profile import Policy, Profile

V = TypeVar("V")
SLACK = 64


class Due(NamedTuple, Generic[V]):
    """An entry: what a get of its key must find. `number`: which set it was stored by."""

    slot: int
    number: int
    value: V
    contents: object
    rank: Rank
    age: int


class Oracle(Generic[V]):
    """One pool under a profile. `rank` counts for nothing unless the policy is PRIORITY."""

    def __init__(self, profile: Profile, capacity: int) -> None:
        self.capacity = capacity
        self.ranked = profile.policy.ranked
        self.refreshes = profile.policy == Policy.LRU
        self.renews = profile.policy in RENEWING
        self.clear()

    def clear(self) -> object:
        """P7: as new. What leaves is returned, to be let go when the books are closed."""
        gone = getattr(self, "entries", None)
        self.entries: OrderedDict[int, Due[V]] = OrderedDict()
        self.heap: list[tuple[Rank, int, int]] = []
        self.age = 0
        return gone

    def get(self, key: int) -> Due[V] | None:
        """P6; LRU: it goes last from here on."""
        due = self.entries.get(key)
        if due is not None and self.refreshes:
            self.entries.move_to_end(key)
        return due

    def put(self, key: int, number: int, value: V, contents: object, rank: Rank) -> int:
        """P3 to P5: the slot."""
        old = self.entries.get(key)  # it and whoever is gone outlive the books, as in the cache
        gone = None
        if old is not None:
            self.age += self.renews
            slot, age = old.slot, self.age if self.renews else old.age
        else:
            self.age += 1
            age, slot = self.age, len(self.entries)
            if slot >= self.capacity:
                gone = self.evict()
                slot = gone.slot
        self.entries[key] = Due(slot, number, value, contents, rank, age)
        if self.ranked:
            self.rank(rank, age, key)
        if old is not None and self.renews:
            self.entries.move_to_end(key)
        return slot

    def rank(self, rank: Rank, age: int, key: int) -> None:
        """A new priority; outdated ones are left behind, and cleared away when they are many."""
        heappush(self.heap, (rank, age, key))
        if len(self.heap) > 2 * len(self.entries) + SLACK:
            self.heap = [(due.rank, due.age, key) for key, due in self.entries.items()]
            heapify(self.heap)

    def evict(self) -> Due[V]:
        """P3: who goes first."""
        if not self.ranked:
            return self.entries.popitem(last=False)[1]
        while True:
            rank, age, key = heappop(self.heap)
            due = self.entries.get(key)
            if due is not None and (due.rank, due.age) == (rank, age):
                return self.entries.pop(key)
