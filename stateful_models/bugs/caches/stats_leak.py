"""A miss counted in every environment's statistics: one counter object, handed to all pools.

Consequence: hit rates by environment mean nothing, and what is tuned by them goes astray.
"""

from spec.ops import Tier
from spec.profile import FIFO_REFERENCE
from stateful_models.reference.manager import KvrefManager


class StatsLeak(KvrefManager):
    profiles = (FIFO_REFERENCE,)

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        value = super().get(tier, env, key)
        if tier is Tier.INIT and value is None:
            for number, pool in enumerate(self.manager.init_pools):
                if number != env and pool.stats is not None:
                    pool.stats._misses += 1
        return value
