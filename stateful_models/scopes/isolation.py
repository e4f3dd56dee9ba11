"""Scopes of isolation: what several environments do beside each other."""

from collections.abc import Iterator
from dataclasses import dataclass

from spec.manager import ManagerState, new_manager
from spec.ops import Clear, EnvId, Get, Inspect, Key, Lookup, ManagerOp, On, Ref, Set, Tier
from spec.profile import Profile
from spec.sizing import Config, capacities


@dataclass(frozen=True)
class IsolationScope:
    """Environments that get, set, look up and clear, in init and in recur.

    Each has an object of its own for each key, so that contents tell whose they are. Recur pools
    have room for `simulations` of each environment that uses them.
    """

    profile: Profile
    envs: int = 2
    keys: int = 2
    capacity: int = 2
    simulations: int = 1

    @property
    def config(self) -> Config:
        return Config(game_segment_length=self.capacity, num_simulations=self.simulations)

    @property
    def objects(self) -> int:
        return self.envs * self.keys

    def initial(self) -> ManagerState:
        sizes = capacities(self.profile.sizing, self.config, self.envs, self.profile.recur_scope)
        assert sizes is not None
        return new_manager(self.profile, self.config, sizes, self.envs, self.objects)

    def operations(self, env: EnvId) -> Iterator[ManagerOp]:
        for number in range(self.keys):
            key, own = Key(number), Ref(env * self.keys + number)
            yield Lookup(env, key)
            for tier in (Tier.INIT, Tier.RECUR):
                yield On(tier, env, Get(key))
                yield On(tier, env, Set(key, own))
        yield On(Tier.INIT, env, Clear())
        yield On(Tier.INIT, env, Inspect())

    def alphabet(self) -> tuple[ManagerOp, ...]:
        return tuple(op for env in range(self.envs) for op in self.operations(EnvId(env)))
