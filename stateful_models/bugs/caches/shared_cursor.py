"""Init pools that take their slots from one cursor that all environments share.

Consequence: which slot an environment's entry lies in, and whom it pushes out, depends on what the
others store.
"""

from spec.ops import Tier
from spec.profile import FIFO_REFERENCE, Profile
from spec.sizing import Config
from stateful_models.reference.manager import KvrefManager


class SharedCursor(KvrefManager):
    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        super().start(profile, config, envs)
        self.cursor = 0

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        slot = super().set(tier, env, key, value, rank)
        if tier is not Tier.INIT or env is None:
            return slot
        self.cursor += 1
        return (self.cursor - 1) % self.manager.init_pools[env].pool_size
