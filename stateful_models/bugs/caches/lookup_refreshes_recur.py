"""A lookup that hits in init asks recur as well: its entry is used, and stays.

Consequence: an LRU recur pool evicts what the search still needs, and keeps roots' copies.
"""

from collections import OrderedDict

from spec.ops import Tier
from spec.profile import LRU_REFERENCE, Profile
from spec.sizing import Config
from stateful_models.subjects.manager import ManagerSubject


class PlainManager(ManagerSubject):
    """A right one that shows nothing but its answers."""

    profiles = (LRU_REFERENCE,)

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        init, recur = config.game_segment_length or 1, (config.num_simulations or 1) * envs
        places = [*((Tier.INIT, env) for env in range(envs)), (Tier.RECUR, 0), (Tier.WM, 0)]
        self.room = {Tier.INIT: init, Tier.RECUR: recur, Tier.WM: envs}
        self.pools = {place: OrderedDict[int, object]() for place in places}

    def pool(self, tier: Tier, env: int | None) -> OrderedDict[int, object]:
        return self.pools[tier, env or 0 if tier is Tier.INIT else 0]

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        pool = self.pool(tier, env)
        if key in pool:
            pool.move_to_end(key)
        return pool.get(key)

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> None:
        pool = self.pool(tier, env)
        if key not in pool and len(pool) == self.room[tier]:
            pool.popitem(last=False)
        pool[key] = value
        pool.move_to_end(key)

    def clear(self, tier: Tier | None, env: int | None) -> None:
        for place, pool in self.pools.items():
            if tier in (None, place[0]) and (place[0] is not Tier.INIT or env in (None, place[1])):
                pool.clear()

    def lookup(self, env: int, key: int) -> object | None:
        value = self.get(Tier.INIT, env, key)
        return self.get(Tier.RECUR, env, key) if value is None else value


class LookupRefreshesRecur(PlainManager):
    def lookup(self, env: int, key: int) -> object | None:
        first, second = self.get(Tier.INIT, env, key), self.get(Tier.RECUR, env, key)
        return second if first is None else first
