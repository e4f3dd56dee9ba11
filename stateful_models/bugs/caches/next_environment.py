"""Environment e is served from e + 1: pools indexed by batch row instead of environment id."""

from spec.ops import Tier
from spec.profile import FIFO_REFERENCE
from stateful_models.reference.manager import KvrefManager


class NextEnvironment(KvrefManager):
    profiles = (FIFO_REFERENCE,)

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        shifted = (env + 1) % self.envs if tier is Tier.INIT and env is not None else env
        return super().get(tier, shifted, key)

    def lookup(self, env: int, key: int) -> object | None:
        return super().lookup((env + 1) % self.envs, key)
