"""What leaves is let go before the books are closed: its finalizer finds them half written.

functools.lru_cache and an LRU in C had this fault: re-entered while an entry leaves, their dict
and their list ended out of step.
"""

from typing import ClassVar

from kvref import KVCachePool
from spec.profile import FIFO_COPY, Profile
from stateful_models.listening import FinalizedPool


class Pool(KVCachePool[object]):
    def _evict(self) -> tuple[int, tuple[object, ...]]:
        slot, gone = super()._evict()
        del gone  # the last reference: the finalizer runs here
        return slot, ()


class FinalizedTooEarly(FinalizedPool):
    profiles: ClassVar[tuple[Profile, ...]] = (FIFO_COPY,)
    pool_type = Pool
