"""A clear of several pools tells of what is there, then forgets all: also what came meanwhile.

With a listener that demotes from one pool into another that is about to be cleared, entries are
forgotten unannounced or announced twice. kvref's own manager did so until it was attacked.
"""

from typing import ClassVar

from kvref import Cause, KVCacheManager
from spec.profile import FIFO_REFERENCE, Profile
from stateful_models.reference.listening import DemotingManager


class Manager(KVCacheManager[object]):
    def clear_all(self) -> None:
        for pool in self.pools:
            for one in sorted(pool.residents(), key=lambda resident: resident.slot):
                departure = pool._departure(one.key, Cause.CLEARED)
                if pool.on_evict is not None:
                    pool.on_evict(departure)
        for pool in self.pools:
            pool._empty()


class ForgetsUntold(DemotingManager):
    profiles: ClassVar[tuple[Profile, ...]] = (FIFO_REFERENCE,)
    manager_type = Manager
