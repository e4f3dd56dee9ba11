"""The main job: a subject against the specification, profile by profile."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Generic, TypeAlias, TypeVar, cast

from spec.manager import ManagerState
from spec.ops import ManagerOp, Op
from spec.pool import PoolState
from spec.profile import Ownership, Policy, Profile
from stateful_models.engines.explore import Exploration, Explorer
from stateful_models.engines.frontier import Progress
from stateful_models.engines.judge import Divergence
from stateful_models.engines.sample import Sampling, Setting
from stateful_models.scopes.beyond import beyond
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.presets import (
    BLACK_BOX,
    PRESETS,
    ScopeName,
    manager_scopes,
    pool_scopes,
)
from stateful_models.subjects.naming import PLAIN, Naming
from stateful_models.subjects.pool_of_manager import pool_of_manager
from stateful_models.subjects.protocol import ManagerFactory, PoolFactory, SubjectError
from stateful_models.subjects.target import Target

AnyOp: TypeAlias = Op | ManagerOp
AnyScope: TypeAlias = PoolScope | ManagerScope
S = TypeVar("S")
O = TypeVar("O", bound=AnyOp)  # noqa: E741 - operations, as S is states
A = TypeVar("A", PoolScope, ManagerScope)
Progressed: TypeAlias = Callable[[Progress], object]


@dataclass(frozen=True)
class Checked:
    """One profile's line in the closing table, with the explorations behind it."""

    kind: str
    profile: Profile
    scopes: tuple[AnyScope, ...]
    reports: tuple[Exploration[object, AnyOp], ...]

    @property
    def missing(self) -> frozenset[str]:
        """Laws whose situation occurred in none of the explorations."""
        return frozenset.intersection(*(report.missing for report in self.reports))

    @property
    def unjudged(self) -> frozenset[str]:
        """Laws of which the subject shows too little."""
        return frozenset[str]().union(*(report.unjudged for report in self.reports))

    @property
    def divergence(self) -> Divergence[object, AnyOp] | None:
        found = [report.divergence for report in self.reports if report.divergence is not None]
        return min(found, key=lambda one: len(one.history), default=None)

    @property
    def scope(self) -> AnyScope:
        """The scope of the divergence, if there is one."""
        found = (one.scope for one in self.reports if one.divergence is self.divergence)
        scope = next(found, None) if self.divergence is not None else None
        return self.scopes[-1] if scope is None else cast(AnyScope, scope)

    @property
    def conforms(self) -> bool:
        return self.divergence is None and not self.missing


Watch = Callable[[str, Progress], object]


def selected(
    target: Target, policy: Policy | None, ownership: Ownership | None
) -> tuple[Profile, ...]:
    return tuple(
        profile
        for profile in target.profiles
        if policy in (None, profile.policy) and ownership in (None, profile.ownership)
    )


@dataclass(frozen=True)
class Runs:
    """How scopes are explored, and what is sampled behind the last of them."""

    symmetric: bool
    executor: Executor | None
    jobs: int
    sampling: Sampling

    def told(
        self, scopes: Sequence[A], setting: Callable[[A], Setting[S, O]], progress: Progressed
    ) -> tuple[Exploration[S, O], ...]:
        """One report per exploration, up to the first that found a divergence."""
        done: list[Exploration[S, O]] = []
        for scope in scopes:
            at = setting(scope)
            explorer = Explorer(
                at.scope, at.build, self.symmetric, 0, self.executor, self.jobs, progress
            )
            if scope is scopes[-1]:
                explorer.sampling = self.sampling
                explorer.draw = Wider(scope, setting, self.sampling)
            done.append(explorer.run())
            if done[-1].divergence is not None:
                break
        return tuple(done)


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
        name = drawn.naming
        plainer = dict.fromkeys(
            (PLAIN, Naming(keys=name.keys), Naming(ranks=name.ranks), Naming(values=name.values))
        )
        others = tuple(self.setting(replace(drawn, naming=n)) for n in plainer if n != name)
        return replace(self.setting(drawn), plainer=others)


def check_target(
    target: Target,
    scope: ScopeName,
    profiles: tuple[Profile, ...],
    symmetric: bool = True,
    executor: Executor | None = None,
    jobs: int = 1,
    watch: Watch = lambda label, now: None,
    sampling: Sampling | None = None,
) -> Iterator[Checked]:
    """One row per profile and kind, in order; a row ends with its first divergence.

    An `executor` is given whole rows, or where these are long the tasks of each.
    """
    asked, apart = sampling or usual_sampling(target, scope), scope is not ScopeName.LARGE
    inner = None if apart else executor
    run = Runs(symmetric, inner, 1 if apart else jobs, asked)
    rows = list(rows_of(target, scope, profiles))
    if executor is None or not apart:
        for row in rows:
            yield row.checked(run, partial(watch, row.label))
        return
    tasks = [executor.submit(row.checked, run, quiet) for row in rows]
    try:
        for done, (row, task) in enumerate(zip(rows, tasks, strict=True), 1):
            found = task.result()
            watch(f"{row.label}, {done} of {len(rows)}", progress_of(found))
            yield found
    finally:
        for task in tasks:
            task.cancel()


def progress_of(row: Checked) -> Progress:
    """How far a row that is done went."""
    return Progress(
        sum(report.states for report in row.reports),
        sum(report.transitions for report in row.reports),
        max(report.depth for report in row.reports),
        0,
        sum(report.seconds for report in row.reports),
    )


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

    def checked(self, run: Runs, progress: Progressed) -> Checked:
        return Checked(self.kind, self.profile, self.scopes, self.explored(run, progress))

    def explored(self, run: Runs, progress: Progressed) -> tuple[Exploration[object, AnyOp], ...]:
        if self.kind == "manager":
            managers = cast(tuple[ManagerScope, ...], self.scopes)
            of_managers = ManagerSetting(cast(ManagerFactory, self.factory))
            return run.told(managers, of_managers, progress)
        pools = cast(tuple[PoolScope, ...], self.scopes)
        return run.told(pools, PoolSetting(cast(PoolFactory, self.factory)), progress)


def rows_of(target: Target, scope: ScopeName, profiles: tuple[Profile, ...]) -> Iterator[Row]:
    for profile in profiles:
        for kind, factory in pool_factories(target):
            yield Row(kind, profile, pool_scopes(scope, profile), factory)
        if target.manager is not None:
            first = profile == profiles[0]
            scopes = manager_scopes(scope, profile, first, target.tiers)
            yield Row("manager", profile, scopes, target.manager)


def count_of_rows(target: Target, profiles: tuple[Profile, ...]) -> int:
    return len(profiles) * (len(pool_factories(target)) + (target.manager is not None))


def usual_sampling(target: Target, scope: ScopeName) -> Sampling:
    preset = PRESETS[scope]
    histories = preset.histories * (1 if target.transparent else BLACK_BOX)
    return Sampling(histories, preset.length)


def check_in(
    target: Target, scope: AnyScope, sampling: Sampling | None = None
) -> Iterator[Checked]:
    """One scope that somebody has thought of; of a manager, under a pool's scope, each pool."""
    asked = sampling or usual_sampling(target, ScopeName.SMALL)
    run = Runs(True, None, 1, asked)
    if isinstance(scope, PoolScope):
        rows = [Row(kind, scope.profile, (scope,), one) for kind, one in pool_factories(target)]
    elif target.manager is None:
        raise SubjectError(f"{target.name} is a pool: {scope.label} is a scope of managers")
    else:
        rows = [Row("manager", scope.profile, (scope,), target.manager)]
    for row in rows:
        yield row.checked(run, quiet)


def quiet(now: Progress) -> None:
    """Nobody watches."""


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
    for name in ("fifo_update", "recur_scope", "sizing"):
        choice = getattr(profile, name)
        choices += [choice.value] if choice is not getattr(usual, name) else []
    return " ".join(choices if profile.counting else [*choices, "uncounted"])
