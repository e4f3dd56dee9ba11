"""What a check consists of: a row for each profile and kind, scope after scope, then sampling."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Generic, TypeAlias, TypeVar, cast

from spec.manager import ManagerState
from spec.ops import ManagerOp, Op
from spec.pool import PoolState
from spec.profile import Profile
from stateful_models.engines.explore import Exploration, Explorer
from stateful_models.engines.frontier import Progress
from stateful_models.engines.sample import Sampling, Setting
from stateful_models.scopes.beyond import beyond, worn
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.presets import ScopeName, manager_scopes, pool_scopes
from stateful_models.subjects.naming import PLAIN, Naming
from stateful_models.subjects.pool_of_manager import pool_of_manager
from stateful_models.subjects.protocol import ManagerFactory, PoolFactory
from stateful_models.subjects.target import Target

AnyOp: TypeAlias = Op | ManagerOp
AnyScope: TypeAlias = PoolScope | ManagerScope
S = TypeVar("S")
O = TypeVar("O", bound=AnyOp)  # noqa: E741 - operations, as S is states
A = TypeVar("A", PoolScope, ManagerScope)
Progressed: TypeAlias = Callable[[Progress], object]


@dataclass(frozen=True)
class PoolSetting:
    """Makes pools of one kind for any scope."""

    factory: PoolFactory

    def __call__(self, scope: PoolScope) -> Setting[PoolState, Op]:
        return Setting(scope, partial(scope.build, self.factory))


@dataclass(frozen=True)
class ManagerSetting:
    """Makes managers of one kind for any scope."""

    factory: ManagerFactory

    def __call__(self, scope: ManagerScope) -> Setting[ManagerState, ManagerOp]:
        return Setting(scope, partial(scope.build, self.factory))


@dataclass(frozen=True)
class Wider(Generic[A, S, O]):
    """Draws a larger scope, and those with plainer names to tell of a finding in."""

    scope: A
    setting: Callable[[A], Setting[S, O]]
    sampling: Sampling

    def __call__(self, random: Random) -> Setting[S, O]:
        drawn = beyond(self.scope, random, self.sampling.capacity, self.sampling.keys)
        drawn = worn(drawn, self.setting(drawn).build())
        name = drawn.naming
        plainer = dict.fromkeys(
            (PLAIN, Naming(keys=name.keys), Naming(ranks=name.ranks), Naming(values=name.values))
        )
        others = tuple(self.setting(replace(drawn, naming=n)) for n in plainer if n != name)
        return replace(self.setting(drawn), plainer=others)


@dataclass(frozen=True)
class Runs:
    """How scopes are explored, and what is sampled behind the last of a row."""

    symmetric: bool
    executor: Executor | None
    jobs: int
    sampling: Sampling

    def told(
        self, scope: A, last: bool, setting: Callable[[A], Setting[S, O]], progress: Progressed
    ) -> Exploration[S, O]:
        at = setting(scope)
        explorer = Explorer(
            at.scope, at.build, self.symmetric, 0, self.executor, self.jobs, progress
        )
        if last:
            explorer.sampling = self.sampling
            explorer.draw = Wider(scope, setting, self.sampling)
        return explorer.run()


@dataclass(frozen=True)
class Row:
    """What one row is about, before it is explored."""

    kind: str
    profile: Profile
    scopes: tuple[AnyScope, ...]
    factory: PoolFactory | ManagerFactory

    @property
    def label(self) -> str:
        return f"{self.kind} {title(self.profile)}"

    def explored(self, place: int, run: Runs, progress: Progressed) -> Exploration[object, AnyOp]:
        """One of its scopes; with the last comes what is sampled beyond."""
        scope, last = self.scopes[place], place == len(self.scopes) - 1
        if isinstance(scope, ManagerScope):
            of_managers = ManagerSetting(cast(ManagerFactory, self.factory))
            return run.told(scope, last, of_managers, progress)
        return run.told(scope, last, PoolSetting(cast(PoolFactory, self.factory)), progress)


def rows_of(target: Target, scope: ScopeName, profiles: tuple[Profile, ...]) -> Iterator[Row]:
    for profile in profiles:
        for kind, factory in pool_factories(target):
            yield Row(kind, profile, pool_scopes(scope, profile, target.transparent), factory)
        if target.manager is not None:
            first = profile == profiles[0]
            scopes = manager_scopes(scope, profile, first, target.tiers)
            yield Row("manager", profile, scopes, target.manager)


def count_of_rows(target: Target, profiles: tuple[Profile, ...]) -> int:
    return len(profiles) * (len(pool_factories(target)) + (target.manager is not None))


def pool_factories(target: Target) -> list[tuple[str, PoolFactory]]:
    """The pool itself; or, of somebody's manager, one of each tier."""
    if target.pool is not None:
        return [("pool", target.pool)]
    if target.manager is None:
        return []
    return [(f"{tier.value} pool", pool_of_manager(target.manager, tier)) for tier in target.tiers]


def title(profile: Profile) -> str:
    """Policy and ownership, and every choice that is not the usual one."""
    usual = Profile(profile.policy, profile.ownership)
    choices = [profile.policy.value, profile.ownership.value]
    for name in ("recur_scope", "sizing"):
        choice = getattr(profile, name)
        choices += [choice.value] if choice is not getattr(usual, name) else []
    return " ".join(choices if profile.counting else [*choices, "uncounted"])
