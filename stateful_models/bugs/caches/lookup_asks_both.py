"""The recur pool is asked, and counts, though init hit."""

from spec.profile import FIFO_REFERENCE
from stateful_models.reference.manager import KvrefManager


class LookupAsksBoth(KvrefManager):
    profiles = (FIFO_REFERENCE,)

    def lookup(self, env: int, key: int) -> object | None:
        value = super().lookup(env, key)
        if value is not None and key in self.manager.init_pools[env]:
            self.manager.recur_pool.get(key)
        return value
