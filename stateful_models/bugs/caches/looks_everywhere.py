"""A recur pool for each environment, and a lookup that asks all of them.

Consequence: what was to be kept apart is shared all the same, and a lookup goes on from another
environment's imagined history.
"""

from typing import ClassVar

from spec.profile import Profile, RecurScope
from stateful_models.reference.manager import KvrefManager


class LooksEverywhere(KvrefManager):
    profiles: ClassVar[tuple[Profile, ...]] = (Profile(recur_scope=RecurScope.PER_ENV),)

    def lookup(self, env: int, key: int) -> object | None:
        value = super().lookup(env, key)
        if value is not None:
            return value
        return self.manager.recur_pools[(env + 1) % self.envs].peek(key)
