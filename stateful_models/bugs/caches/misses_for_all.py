"""A key once missed is not looked for again until it is set; all environments share that note.

Consequence: what one environment has stored is gone for it as soon as another has asked in vain;
no state that the manager shows differs. What an environment does alone is answered rightly.
"""

from typing import ClassVar

from spec.ops import Tier
from spec.profile import FIFO_REFERENCE, Profile
from spec.sizing import Config
from stateful_models.reference.manager import KvrefManager


class MissesForAll(KvrefManager):
    profiles: ClassVar[tuple[Profile, ...]] = (FIFO_REFERENCE,)

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        super().start(profile, config, envs)
        self.missing: set[int] = set()

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        value = super().get(tier, env, key)
        if tier is not Tier.INIT:
            return value
        if value is None:
            self.missing.add(key)
        return None if key in self.missing else value

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        slot = super().set(tier, env, key, value, rank)
        if tier is Tier.INIT:
            self.missing.discard(key)
        return slot
