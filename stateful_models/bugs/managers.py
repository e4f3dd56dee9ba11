"""Managers that mix up environments, tiers, counts or sizes."""

from spec.ops import ClearTier, ManagerOp, Response, Tier
from spec.profile import FIFO_REFERENCE, Profile
from spec.sizing import Config
from stateful_models.manager_refinement import KvrefManager


class NextEnvironment(KvrefManager):
    """Environment e is served from e + 1: pools indexed by batch row instead of environment id."""

    profiles = (FIFO_REFERENCE,)

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        shifted = (env + 1) % self.envs if tier is Tier.INIT and env is not None else env
        return super().get(tier, shifted, key)

    def lookup(self, env: int, key: int) -> object | None:
        return super().lookup((env + 1) % self.envs, key)


class LookupAsksBoth(KvrefManager):
    """The recur pool is asked, and counts, though init hit."""

    profiles = (FIFO_REFERENCE,)

    def lookup(self, env: int, key: int) -> object | None:
        value = super().lookup(env, key)
        if value is not None and key in self.manager.init_pools[env]:
            self.manager.recur_pool.get(key)
        return value


class LookupCountsTwice(KvrefManager):
    profiles = (FIFO_REFERENCE,)

    def lookup(self, env: int, key: int) -> object | None:
        value = super().lookup(env, key)
        seen = self.manager.lookup_stats
        if value is None and seen is not None:
            seen.misses += 1
        return value


class SetReachesNeighbour(KvrefManager):
    """A set in one environment's pool also lands in the next one's."""

    profiles = (FIFO_REFERENCE,)

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        slot = super().set(tier, env, key, value, rank)
        if tier is Tier.INIT and env is not None:
            self.manager.set_init_cache((env + 1) % self.envs, key, value)
        return slot


class ClearRecurClearsWm(KvrefManager):
    profiles = (FIFO_REFERENCE,)

    def answer(self, op: ManagerOp) -> Response:
        response = super().answer(op)
        if op == ClearTier(Tier.RECUR):
            self.manager.wm_pool.clear()
        return response


class RecurForOneEnvironment(KvrefManager):
    """The recur pool is sized for one environment's simulations, whatever env_num."""

    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        super().start(profile, config, envs)
        self.manager.recur_pool.pool_size = config.num_simulations or 0
