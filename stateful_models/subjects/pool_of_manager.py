"""One pool of a manager under test, as a pool under test: the manager's own policy and updates."""

from functools import partial
from typing import Final, cast

from spec.manager import ManagerState, pool_index
from spec.ops import EnvId, ManagerOp, On, Op, Read, Reread, Response, Rewrite, Tier, Write
from spec.pool import PoolState
from spec.profile import Profile
from spec.sizing import Config
from stateful_models.subjects.client import Client
from stateful_models.subjects.naming import Naming
from stateful_models.subjects.protocol import (
    ManagerFactory,
    Named,
    PoolFactory,
    Subject,
    SubjectError,
    Transparent,
)

ENV: Final = EnvId(0)
NAME: Final = "pool"


class PoolOfManager:
    """The pool of `tier` in a manager, asked by its first environment."""

    def __init__(self, manager: Subject[ManagerOp], tier: Tier) -> None:
        self.manager, self.tier, self.reports = manager, tier, manager.reports

    def perform(self, op: Op) -> Response:
        if isinstance(op, (Read, Write, Reread, Rewrite)):
            return self.manager.perform(op)
        return self.manager.perform(On(self.tier, ENV, op))

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


class ShownPoolOfManager(PoolOfManager):
    """The same, of a manager that shows its state."""

    def abstract(self) -> PoolState:
        state = cast(Transparent[object], self.manager).abstract()
        if not isinstance(state, ManagerState):
            made = type(self.manager).__name__
            raise SubjectError(f"abstract() of {made} must give a ManagerState, not {state!r}")
        index = pool_index(state, self.tier, ENV)
        if index is None or not 0 <= index < len(state.pools):
            raise SubjectError(f"the state that is shown has no {self.tier.value} pool")
        pool, hand = state.pools[index], state.heap.hand
        if hand is not None and hand.home is not None and hand.home[0] == pool.name:
            hand = hand._replace(home=(NAME, hand.home[1]))
        return PoolState(pool._replace(name=NAME), state.heap._replace(hand=hand))


def pool_at(
    make: ManagerFactory, tier: Tier, profile: Profile, capacity: int, objects: int
) -> PoolOfManager:
    """The pool of `tier` in a new manager, sized by its configuration: of one environment, or for
    wm, which has room for one entry of each, of as many as entries."""
    config = Config(capacity, capacity, capacity)
    manager = make(profile, config, capacity if tier is Tier.WM else 1, objects)
    kind = ShownPoolOfManager if isinstance(manager, Transparent) else PoolOfManager
    return kind(manager, tier)


def tier_of(build: object) -> Tier | None:
    """Which of a manager's pools this makes, however it is wrapped; None if it makes none."""
    if not isinstance(build, partial):
        return None
    if build.func is pool_at:
        return cast(Tier, build.args[1])
    within = map(tier_of, (*build.args, *build.keywords.values()))
    return next((tier for tier in within if tier is not None), None)


def pool_of_manager(make: ManagerFactory, tier: Tier) -> PoolFactory:
    """What makes the pool of `tier` of a manager."""
    return partial(pool_at, make, tier)
