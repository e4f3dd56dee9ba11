"""What leaves is let go before the books are closed: its finalizer finds them half written.

functools.lru_cache and an LRU in C had this fault: re-entered while an entry leaves, their dict
and their list ended out of step.
"""

from typing import ClassVar

from kvref import KVCachePool, Rank
from spec.profile import FIFO_COPY, Profile
from stateful_models.reference.listening import FinalizedPool


class Pool(KVCachePool[object]):
    def _insert(self, key: int, value: object, rank: Rank) -> tuple[int, object]:
        if len(self) == self.pool_size:
            out = self._order.victim()
            self._values.pop(out)  # the last reference: its finalizer runs here
            self._values[out] = value
        return super()._insert(key, value, rank)


class FinalizedTooEarly(FinalizedPool):
    profiles: ClassVar[tuple[Profile, ...]] = (FIFO_COPY,)
    pool_type = Pool
