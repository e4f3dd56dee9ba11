"""The victim is told of, then picked anew: a listener that looks at it makes another one leave.

kvref's own pool did so until it was attacked: key 1 was announced, key 2 left.
"""

from kvref import Cause, KVCachePool
from spec.profile import LRU_REFERENCE, Profile
from stateful_models.listening import PryingPool
from stateful_models.refinement import KvrefPool


class Pool(KVCachePool[object]):
    def _evict(self) -> tuple[int, tuple[object, ...]]:
        listener, told = self.on_evict, self._order.victim()
        if listener is not None:
            listener(self._departure(told, Cause.EVICTED))  # which looks at it, and so moves it
        self.on_evict = None
        try:
            return super()._evict()
        finally:
            self.on_evict = listener


class MovesItsVictim(PryingPool):
    profiles = (LRU_REFERENCE,)
    pool_type = Pool

    def start(self, profile: Profile, capacity: int) -> None:
        KvrefPool.start(self, profile, capacity)
        note, touch = self.pool.on_evict, self.pool._order.touch
        assert note is not None
        assert touch is not None
        self.pool.on_evict = lambda departure: (note(departure), touch(departure.key))
