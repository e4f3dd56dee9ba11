"""Exhaustive exploration of a scope, breadth first: every reachable state, every operation in each.

After each transition the subject's answer, its state (if it can show it) and every law are
checked, so the first thing found wrong is a shortest counterexample. A subject that cannot show
its state is explored further than that: two histories count as one only if they lead to the same
state of the specification *and* end with the same operation, and after each transition it must
answer every operation that tells states apart as the specification does.
"""

from collections.abc import Callable, Hashable, Iterable, Set
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from math import inf
from time import perf_counter
from typing import Final, Generic, TypeVar

from stateful_models.engines.frontier import Frontier, Progress, Reached, Retraced, Successor, Work
from stateful_models.engines.judge import Divergence, Judge, Step
from stateful_models.engines.sample import (
    Draw,
    Sampled,
    Sampling,
    Setting,
    cut_down,
    parted,
    sampled,
    whole,
)
from stateful_models.engines.settle import settled
from stateful_models.scopes.scope import Bounded, Forgetting, Scope
from stateful_models.subjects.protocol import Subject

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states

SMALLEST_TASK: Final = 40  # states; fewer are not worth a message to another process
REDUCED: Final = 3  # findings of one task that are cut down when they are longer than they might
Build = Callable[[], Subject[O]]


@dataclass
class Expanded(Generic[S, O]):
    """What one task has seen on the way."""

    transitions: int = 0
    occurred: set[str] = field(default_factory=set)
    divergence: Divergence[S, O] | None = None
    lazy: bool = False


S_co = TypeVar("S_co", covariant=True)
O_co = TypeVar("O_co", covariant=True)


@dataclass(frozen=True)
class Exploration(Generic[S_co, O_co]):
    """What was exhausted, or the shortest history that goes wrong.

    `states` were visited, each for all that differ from it by renaming: `represented` in all.
    `missing` are laws whose situation never occurred, `unjudged` those of which the subject shows
    too little. Beyond the scope so many random `histories` of a `length` were tried. `lazy`: some
    objects were released by the garbage collector alone. `scope` is that of the divergence,
    `capacity` what was asked for of sampled pools.
    """

    label: str
    states: int
    represented: int
    transitions: int
    depth: int
    seconds: float
    missing: frozenset[str]
    unjudged: frozenset[str]
    transparent: bool
    histories: int
    divergence: Divergence[S_co, O_co] | None
    lazy: bool = False
    scope: Scope[S_co, O_co] | None = None
    length: int = 0
    capacity: int | None = None


def expand(
    scope: Scope[S, O],
    build: Build[O],
    nodes: list[Reached[S]],
    symmetric: bool,
    pending: frozenset[str],
    known: Set[Hashable] = frozenset(),
) -> tuple[list[Successor[S]], Expanded[S, O]]:
    """Every operation in each of these states, up to the first that goes wrong; new states."""
    result, found = Expanded[S, O](), list[Successor[S]]()
    judge, seen = Judge(scope, build, pending), set[Hashable]()
    alphabet, again = scope.alphabet(judge.reports), REDUCED
    retraced = Retraced(
        scope.initial(),
        lambda state: (*alphabet, *scope.writes(state)),
        lambda state, op: scope.step(state, op)[0],
    )
    for parent, (state, path) in enumerate(nodes):
        history, ops = retraced(path), (*alphabet, *scope.writes(state))
        for move, step in enumerate(judge.expand(state, history, ops)):
            result.transitions += 1
            key, orbit, wrong = None, 1, step.divergence
            if wrong is None and step.after is not None:
                key, orbit = identified(scope, judge, state, step, symmetric)
                new = key not in seen and key not in known
                wrong = remembered(scope, judge, step) if new or not judge.transparent else None
            if wrong is not None and len(wrong.history) > len(history) + 2 and again:
                again -= 1
                wrong = cut_down(scope, build, wrong)
            if wrong is not None:
                result.divergence = shorter(result.divergence, wrong)
            if wrong is not None and len(wrong.history) <= len(history) + 1:
                return found, result
            unmet = key is not None and key not in seen and key not in known
            if step.after is not None and unmet:
                seen.add(key)
                found.append(Successor(parent, move, step.after, key, orbit))
    result.occurred, result.lazy = judge.occurred, judge.lazy
    return found, result


def identified(
    scope: Scope[S, O], judge: Judge[S, O], before: S, step: Step[S, O], symmetric: bool
) -> tuple[Hashable, int]:
    """What a state is known by; of a subject that does not show it, with what led there."""
    assert step.after is not None, "there is another state"
    key, orbit = scope.canonical(step.after, symmetric)
    trail = None if judge.transparent else scope.trail(step.op, step.after)
    if trail is None:
        return key, orbit
    same = scope.same_but_counters(before, step.after)
    kept = scope.forgotten(before, step.after) if isinstance(scope, Forgetting) else ()
    return (key, trail, same, kept), 1


def remembered(scope: Scope[S, O], judge: Judge[S, O], step: Step[S, O]) -> Divergence[S, O] | None:
    """What a subject shows neither by its answer nor by its state: probes that may tell it."""
    assert step.after is not None, "there is another state"
    if judge.transparent:
        return judge.probe(step.subject, step.now, step.history)
    if scope.trail(step.op, step.after) is None:
        return judge.flush(step.now, step.history)
    return None


def shorter(
    one: Divergence[S, O] | None, other: Divergence[S, O] | None
) -> Divergence[S, O] | None:
    """The shorter of two findings; of equals the first."""
    if one is None or other is None:
        return other if one is None else one
    return other if len(other.history) < len(one.history) else one


@dataclass
class Explorer(Generic[S, O]):
    """One exploration. An `executor` runs its tasks elsewhere, with the same result.

    Random `histories` follow, of this scope or of those that `draw` makes. It ends where nothing
    can come that is `shorter_than` so many operations, or behind histories of the `deepest` (None:
    as the scope says, if it has no end).
    """

    scope: Scope[S, O]
    build: Build[O]
    symmetric: bool = True
    histories: int = 0
    executor: Executor | None = None
    jobs: int = 1
    progress: Callable[[Progress], object] = lambda now: None
    draw: Draw[S, O] | None = None
    sampling: Sampling | None = None
    shorter_than: float = inf
    deepest: int | None = None

    def run(self) -> Exploration[S, O]:
        self.began, scope = perf_counter(), self.scope
        start = scope.initial()
        self.frontier = Frontier(
            start,
            *scope.canonical(start, self.symmetric),
            task=SMALLEST_TASK,
            executor=self.executor,
            jobs=self.jobs,
        )
        judge = Judge(scope, self.build, frozenset(scope.situations()))
        self.pending, self.transitions, self.lazy = frozenset(judge.pending), 0, False
        divergence, setting = judge.initial(start) or self.exhausted(), Setting(scope, self.build)
        sampling, tried = self.sampling or Sampling(self.histories), 0
        if divergence is None:
            seen = self.sampled(self.draw or (lambda random: setting), sampling)
            tried, divergence, setting = seen.tried, seen.divergence, seen.setting or setting
        if divergence is not None:
            divergence = settled(setting.scope, setting.build, divergence)
        return Exploration(
            scope.label,
            self.frontier.states,
            self.frontier.represented,
            self.transitions,
            self.frontier.depth + bool(self.frontier.following),
            perf_counter() - self.began,
            self.pending,
            judge.unjudged,
            judge.transparent,
            tried,
            divergence,
            self.lazy,
            setting.scope,
            sampling.length if tried else 0,
            sampling.capacity,
        )

    def sampled(self, draw: Draw[S, O], sampling: Sampling) -> Sampled[S, O]:
        """In parts, each with a seed of its own, so that the result is the same wherever."""
        parts = [partial(sampled, draw, part) for part in parted(sampling)]
        if self.executor is None or self.draw is None:
            return whole(part() for part in parts)
        tasks = [self.executor.submit(part) for part in parts]
        try:
            return whole(task.result() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()

    @property
    def bound(self) -> float:
        """The longest histories that are gone through."""
        deepest = self.deepest
        if deepest is None and isinstance(self.scope, Bounded):
            deepest = self.scope.deepest
        return inf if deepest is None else deepest

    def exhausted(self) -> Divergence[S, O] | None:
        """The shortest divergence; None once everything within scope has been seen."""
        frontier, wrong = self.frontier, list[Divergence[S, O]]()

        def shortest() -> float:
            return min((len(one.history) for one in wrong), default=self.shorter_than)

        bound = self.bound
        for told in frontier.run(
            self.work, lambda: shortest() <= frontier.depth + 2 or frontier.depth + 1 >= bound
        ):
            self.transitions += told.transitions
            self.pending -= told.occurred
            self.lazy = self.lazy or told.lazy
            if told.divergence is not None:
                wrong.append(told.divergence)
            if shortest() <= frontier.depth + 1:
                break  # no shorter one can come
            seconds = perf_counter() - self.began
            now = len(frontier.visited), self.transitions, frontier.depth + 1, frontier.waiting
            self.progress(Progress(*now, seconds))
        return min(wrong, key=lambda one: len(one.history), default=None)

    def work(self, here: bool) -> Work[S, Expanded[S, O]]:
        known = self.frontier.visited if here else frozenset[Hashable]()
        settled = partial(expand, self.scope, self.build, symmetric=self.symmetric)
        return partial(settled, pending=self.pending, known=known)


def shortest_of(scopes: Iterable[tuple[Scope[S, O], Build[O]]]) -> Divergence[S, O] | None:
    """The shortest divergence over several scopes, of equals the first; each is explored only as
    far as it may hold a shorter one than those before it."""
    found: Divergence[S, O] | None = None
    for scope, build in scopes:
        bound = inf if found is None else len(found.history)
        seen = Explorer(scope, build, shorter_than=bound).run().divergence
        found = shorter(found, seen)
    return found
