"""A miss in an environment's init pool is made good from another environment's.

Consequence: a search goes on from a state that another episode has been in. In the real system
hits handed one environment another's context.
"""

from typing import ClassVar

from spec.ops import Tier
from spec.profile import FIFO_REFERENCE, Profile
from stateful_models.reference.manager import KvrefManager


class AsksTheNeighbour(KvrefManager):
    profiles: ClassVar[tuple[Profile, ...]] = (FIFO_REFERENCE,)

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        value = super().get(tier, env, key)
        if value is not None or tier is not Tier.INIT or env is None:
            return value
        return self.manager.init_pools[(env + 1) % self.envs].peek(key)
