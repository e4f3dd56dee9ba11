"""One pool of a manager under test, as a pool under test: the manager's own policy and updates."""

from functools import partial
from typing import cast

from spec.ops import EnvId, On, Op, Read, Reread, Response, Rewrite, Tier, Write
from spec.profile import Profile
from spec.sizing import Config
from stateful_models.subjects.client import Client
from stateful_models.subjects.naming import Naming
from stateful_models.subjects.protocol import ManagerFactory, Named, PoolFactory


class PoolOfManager:
    """The pool of `tier` in a manager, sized by its configuration: of one environment, or for wm,
    which has room for one entry of each, of as many as entries."""

    def __init__(
        self, make: ManagerFactory, tier: Tier, profile: Profile, capacity: int, objects: int
    ) -> None:
        config = Config(capacity, capacity, capacity)
        envs = capacity if tier is Tier.WM else 1
        self.manager = make(profile, config, envs, objects)
        self.reports = self.manager.reports
        self.tier = tier

    def perform(self, op: Op) -> Response:
        if isinstance(op, (Read, Write, Reread, Rewrite)):
            return self.manager.perform(op)
        return self.manager.perform(On(self.tier, EnvId(0), op))

    @property
    def client(self) -> Client:
        return cast(Named, self.manager).client

    @property
    def naming(self) -> Naming:
        return cast(Named, self.manager).naming

    @naming.setter
    def naming(self, naming: Naming) -> None:
        cast(Named, self.manager).naming = naming

    @property
    def error(self) -> BaseException | None:
        return getattr(self.manager, "error", None)


def tier_of(build: object) -> Tier | None:
    """Which of a manager's pools this makes, however it is wrapped; None if it makes none."""
    if not isinstance(build, partial):
        return None
    if build.func is PoolOfManager:
        return cast(Tier, build.args[1])
    within = map(tier_of, (*build.args, *build.keywords.values()))
    return next((tier for tier in within if tier is not None), None)


def pool_of_manager(make: ManagerFactory, tier: Tier) -> PoolFactory:
    """What makes the pool of `tier` of a manager of one environment."""
    return partial(PoolOfManager, make, tier)
