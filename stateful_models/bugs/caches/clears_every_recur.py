"""A recur pool for each environment, and a clear of one that clears them all.

Consequence: whenever an episode ends in one environment the searches of all others lose what they
have imagined.
"""

from typing import ClassVar

from spec.ops import Tier
from spec.profile import Profile, RecurScope
from stateful_models.reference.manager import KvrefManager


class ClearsEveryRecur(KvrefManager):
    profiles: ClassVar[tuple[Profile, ...]] = (Profile(recur_scope=RecurScope.PER_ENV),)

    def clear(self, tier: Tier | None, env: int | None) -> None:
        super().clear(tier, None if tier is Tier.RECUR else env)
