"""A set in one environment's pool also lands in the next one's."""

from spec.ops import Tier
from spec.profile import FIFO_REFERENCE
from stateful_models.reference.manager import KvrefManager


class SetReachesNeighbour(KvrefManager):
    profiles = (FIFO_REFERENCE,)

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        slot = super().set(tier, env, key, value, rank)
        if tier is Tier.INIT and env is not None:
            self.manager.set_init_cache((env + 1) % self.envs, key, value)
        return slot
