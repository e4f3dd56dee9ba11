"""The main job: a subject against the specification, profile by profile."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

from spec.ops import ManagerOp, Op, Tier
from spec.profile import Ownership, Policy, Profile
from stateful_models.engines.explore import Exploration, Explorer
from stateful_models.engines.frontier import Progress
from stateful_models.engines.judge import Divergence
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.presets import PRESETS, ScopeName, manager_scopes, pool_scopes
from stateful_models.subjects.pool_of_manager import pool_of_manager
from stateful_models.subjects.protocol import PoolFactory, SubjectError
from stateful_models.subjects.target import Target

AnyOp: TypeAlias = Op | ManagerOp
AnyScope: TypeAlias = PoolScope | ManagerScope
S = TypeVar("S")
O = TypeVar("O", bound=AnyOp)  # noqa: E741 - operations, as S is states


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
        pairs = zip(self.scopes, self.reports, strict=False)
        return next((s for s, r in pairs if r.divergence is self.divergence), self.scopes[-1])

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


def check_target(
    target: Target,
    scope: ScopeName,
    profiles: tuple[Profile, ...],
    symmetric: bool = True,
    executor: Executor | None = None,
    jobs: int = 1,
    watch: Watch = lambda label, now: None,
) -> Iterator[Checked]:
    """One row per profile and kind, as each is done; a row ends with its first divergence."""
    histories = PRESETS[scope].histories * (1 if target.transparent else 10)
    settings = symmetric, histories, executor, jobs
    for profile in profiles:
        for kind, factory in pool_factories(target):
            pools = pool_scopes(scope, profile)
            runs = [Explorer(s, partial(s.build, factory), *settings) for s in pools]
            found = reports(runs, partial(watch, f"{kind} {title(profile)}"))
            yield Checked(kind, profile, pools, found)
        if target.manager is not None:
            lengthy = target.transparent and profile == profiles[0]
            managers = manager_scopes(scope, profile, lengthy)
            tasks = [Explorer(m, partial(m.build, target.manager), *settings) for m in managers]
            told = reports(tasks, partial(watch, f"manager {title(profile)}"))
            if managers:
                yield Checked("manager", profile, managers, told)


def check_in(target: Target, scope: AnyScope) -> Iterator[Checked]:
    """One scope that somebody has thought of; of a manager, under a pool's scope, both pools."""
    histories = PRESETS[ScopeName.DEFAULT].histories * (1 if target.transparent else 10)
    settings = True, histories
    if isinstance(scope, PoolScope):
        for kind, factory in pool_factories(target):
            told = Explorer(scope, partial(scope.build, factory), *settings).run()
            yield Checked(kind, scope.profile, (scope,), (told,))
    elif target.manager is None:
        raise SubjectError(f"{target.name} is a pool: {scope.label} is a scope of managers")
    else:
        run = Explorer(scope, partial(scope.build, target.manager), *settings).run()
        yield Checked("manager", scope.profile, (scope,), (run,))


def pool_factories(target: Target) -> list[tuple[str, PoolFactory]]:
    """The pool itself; or, of somebody's manager, an init pool and the recur pool."""
    if target.pool is not None:
        return [("pool", target.pool)]
    if target.manager is None:
        return []
    return [
        ("init pool", pool_of_manager(target.manager, Tier.INIT)),
        ("recur pool", pool_of_manager(target.manager, Tier.RECUR)),
    ]


def reports(
    explorers: Iterable[Explorer[S, O]], progress: Callable[[Progress], object]
) -> tuple[Exploration[S, O], ...]:
    """One report per exploration, up to the first that found a divergence."""
    done: list[Exploration[S, O]] = []
    for explorer in explorers:
        explorer.progress = progress
        done.append(explorer.run())
        if done[-1].divergence is not None:
            break
    return tuple(done)


def title(profile: Profile) -> str:
    """Policy and ownership, and every choice that is not the usual one."""
    usual = Profile(profile.policy, profile.ownership)
    choices = [profile.policy.value, profile.ownership.value]
    for name in ("fifo_update", "recur_scope", "sizing"):
        choice = getattr(profile, name)
        choices += [choice.value] if choice is not getattr(usual, name) else []
    return " ".join(choices if profile.counting else [*choices, "uncounted"])
