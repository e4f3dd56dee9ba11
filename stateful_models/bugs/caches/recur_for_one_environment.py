"""The recur pool is sized for one environment's simulations, whatever env_num."""

from spec.profile import FIFO_REFERENCE, Profile
from spec.sizing import Config
from stateful_models.reference.manager import KvrefManager


class RecurForOneEnvironment(KvrefManager):
    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        super().start(profile, config, envs)
        self.manager.recur_pool._pool_size = config.num_simulations or 0
