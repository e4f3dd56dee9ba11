"""The main job: a subject against the specification, profile by profile."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, cast

from spec.profile import Ownership, Profile
from stateful_models.engines.explore import Exploration
from stateful_models.engines.frontier import Progress
from stateful_models.engines.judge import Divergence
from stateful_models.engines.rows import AnyOp, AnyScope, Row, Runs, pool_factories, rows_of
from stateful_models.engines.sample import Sampling
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.presets import PRESETS, ScopeName
from stateful_models.subjects.protocol import SubjectError
from stateful_models.subjects.target import Target

Watch = Callable[[str, Progress], object]


@dataclass(frozen=True)
class Checked:
    """One profile's line in the closing table, with the explorations behind it.

    Once something is found, what would come after it is left out: of such a row there are fewer
    reports than scopes, or none.
    """

    kind: str
    profile: Profile
    scopes: tuple[AnyScope, ...]
    reports: tuple[Exploration[object, AnyOp], ...]

    @property
    def whole(self) -> bool:
        """Every scope was explored, or a divergence found."""
        return len(self.reports) == len(self.scopes) or self.divergence is not None

    @property
    def missing(self) -> frozenset[str]:
        """Laws whose situation occurred in none of the explorations, though all were made."""
        if not self.whole:
            return frozenset()
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
        return self.whole and self.divergence is None and not self.missing


def selected(
    target: Target, policy: str | None, ownership: Ownership | None
) -> tuple[Profile, ...]:
    return tuple(
        profile
        for profile in target.profiles
        if policy in (None, profile.policy.value) and ownership in (None, profile.ownership)
    )


class Task(NamedTuple):
    """One scope of one row, by their places."""

    row: int
    place: int


def in_turn(rows: Sequence[Row]) -> list[Task]:
    """The first scope of every row, then the second: nothing cheap waits for what is not.

    From the second on those of managers come first, since they take longest.
    """
    every = [Task(n, place) for n, row in enumerate(rows) for place in range(len(row.scopes))]
    return sorted(every, key=lambda one: (one.place, one.place and rows[one.row].kind != "manager"))


def check_target(
    target: Target,
    scope: ScopeName,
    profiles: tuple[Profile, ...],
    symmetric: bool = True,
    executor: Executor | None = None,
    jobs: int = 1,
    watch: Watch = lambda label, now: None,
    sampling: Sampling | None = None,
) -> tuple[Checked, ...]:
    """One row per profile and kind, in order, as far as they came when something was found.

    An `executor` is given whole explorations, or where these are long the tasks of each. What is
    found, and what comes before it, is the same with one, with another and without.
    """
    asked, apart = sampling or usual_sampling(target, scope), scope is not ScopeName.LARGE
    inner = None if apart else executor
    run = Runs(symmetric, inner, 1 if apart else jobs, asked)
    rows = list(rows_of(target, scope, profiles))
    return first_found(rows, run, executor if apart else None, watch)


def first_found(
    rows: Sequence[Row], run: Runs, executor: Executor | None, watch: Watch
) -> tuple[Checked, ...]:
    """Every row, up to the first task in turn that found a divergence."""
    reports: list[list[Exploration[object, AnyOp]]] = [[] for _ in rows]
    for task, told in explored(rows, in_turn(rows), run, executor, watch):
        reports[task.row].append(told)
        if told.divergence is not None:
            break
    pairs = zip(rows, reports, strict=True)
    return tuple(Checked(row.kind, row.profile, row.scopes, tuple(told)) for row, told in pairs)


def explored(
    rows: Sequence[Row], tasks: Sequence[Task], run: Runs, executor: Executor | None, watch: Watch
) -> Iterator[tuple[Task, Exploration[object, AnyOp]]]:
    """What comes of each task, in this order, whoever does it."""
    if executor is None:
        for task in tasks:
            row = rows[task.row]
            yield task, row.explored(task.place, run, partial(watch, row.label))
        return
    due = [executor.submit(rows[task.row].explored, task.place, run, quiet) for task in tasks]
    try:
        for done, (task, told) in enumerate(zip(tasks, due, strict=True), 1):
            found = told.result()
            watch(f"{rows[task.row].label}, {done} of {len(tasks)}", progress_of(found))
            yield task, found
    finally:
        for told in due:
            told.cancel()


def progress_of(told: Exploration[object, AnyOp]) -> Progress:
    """How far an exploration that is done went."""
    return Progress(told.states, told.transitions, told.depth, 0, told.seconds)


def usual_sampling(target: Target, scope: ScopeName) -> Sampling:
    preset = PRESETS[scope]
    return Sampling(preset.histories if target.transparent else preset.blind, preset.length)


def check_in(
    target: Target, scope: AnyScope, sampling: Sampling | None = None
) -> tuple[Checked, ...]:
    """One scope that somebody has thought of; of a manager, under a pool's scope, each pool."""
    asked = sampling or usual_sampling(target, ScopeName.SMALL)
    run = Runs(True, None, 1, asked)
    if isinstance(scope, PoolScope):
        rows = [Row(kind, scope.profile, (scope,), one) for kind, one in pool_factories(target)]
    elif target.manager is None:
        raise SubjectError(f"{target.name} is a pool: {scope.label} is a scope of managers")
    else:
        rows = [Row("manager", scope.profile, (scope,), target.manager)]
    return first_found(rows, run, None, lambda label, now: None)


def quiet(now: Progress) -> None:
    """Nobody watches."""
