"""The victim is told of, then picked anew: a listener that looks at it makes another one leave.

kvref's own pool did so until it was attacked: key 1 was announced, key 2 left.
"""

from kvref import Cause, Departure, KVCachePool
from spec.profile import LRU_REFERENCE, Profile
from stateful_models.reference.listening import PryingPool
from stateful_models.reference.pool import KvrefPool


class Pool(KVCachePool[object]):
    def _evict(self) -> tuple[int, int, Departure[object]]:
        left = self._departure(self._order.victim(), Cause.EVICTED)
        if self.on_evict is not None:
            self.on_evict(left)  # which looks at it, and so moves it
        return *self._order.evict(), left


class MovesItsVictim(PryingPool):
    profiles = (LRU_REFERENCE,)
    pool_type = Pool

    def start(self, profile: Profile, capacity: int) -> None:
        KvrefPool.start(self, profile, capacity)
        note, touch = self.pool.on_evict, self.pool._order.touch
        assert note is not None
        assert touch is not None
        self.pool.on_evict = lambda departure: (note(departure), touch(departure.key))
