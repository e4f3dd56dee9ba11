"""Exhaustive exploration of a scope, breadth first: every reachable state, every operation in each.

After each transition the subject's answer, its state (if it can show it) and every law are
checked, so the first thing found wrong is a shortest counterexample. A subject that cannot show
its state is explored further than that: two histories count as one only if they lead to the same
state of the specification *and* end with the same operation, and after each transition it must
answer every operation that tells states apart as the specification does.
"""

from collections.abc import Callable, Hashable, Set
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Final, Generic, TypeVar

from stateful_models.engines.frontier import Frontier, Progress, Reached, Retraced, Successor, Work
from stateful_models.engines.judge import Divergence, Judge
from stateful_models.engines.sample import sample
from stateful_models.scopes.scope import Scope
from stateful_models.subjects.protocol import Subject

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states

SMALLEST_TASK: Final = 40  # states; fewer are not worth a message to another process
Build = Callable[[], Subject[O]]


@dataclass
class Expanded(Generic[S, O]):
    """What one task has seen on the way."""

    transitions: int = 0
    occurred: set[str] = field(default_factory=set)
    divergence: Divergence[S, O] | None = None


S_co = TypeVar("S_co", covariant=True)
O_co = TypeVar("O_co", covariant=True)


@dataclass(frozen=True)
class Exploration(Generic[S_co, O_co]):
    """What was exhausted, or the shortest history that goes wrong.

    `states` were visited, each for all that differ from it by renaming: `represented` in all.
    `missing` are laws whose situation never occurred, `unjudged` those of which the subject shows
    too little. Beyond the scope so many random `histories` were tried.
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
    alphabet = scope.alphabet(judge.reports)
    retraced = Retraced(
        scope.initial(),
        lambda state: (*alphabet, *scope.writes(state)),
        lambda state, op: scope.step(state, op)[0],
    )
    for parent, (state, path) in enumerate(nodes):
        history, ops = retraced(path), (*alphabet, *scope.writes(state))
        for move, (op, after, divergence) in enumerate(judge.expand(state, history, ops)):
            result.transitions += 1
            result.divergence = shorter(result.divergence, divergence)
            if divergence is not None and len(divergence.history) == len(history) + 1:
                return found, result
            if after is None:
                continue
            key, orbit = scope.canonical(after, symmetric)
            if not judge.transparent:
                idle = scope.same_but_counters(state, after)
                key, orbit = (key, scope.trail(op, after), idle), 1
            if key not in seen and key not in known:
                seen.add(key)
                found.append(Successor(parent, move, after, key, orbit))
    result.occurred = judge.occurred
    return found, result


def shorter(
    one: Divergence[S, O] | None, other: Divergence[S, O] | None
) -> Divergence[S, O] | None:
    """The shorter of two findings; of equals the first."""
    if one is None or other is None:
        return other if one is None else one
    return other if len(other.history) < len(one.history) else one


@dataclass
class Explorer(Generic[S, O]):
    """One exploration. An `executor` runs its tasks elsewhere, with the same result."""

    scope: Scope[S, O]
    build: Build[O]
    symmetric: bool = True
    histories: int = 0
    executor: Executor | None = None
    jobs: int = 1
    progress: Callable[[Progress], object] = lambda now: None

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
        self.pending, self.transitions = frozenset(judge.pending), 0
        divergence = judge.initial(start) or self.exhausted()
        if divergence is None:
            divergence = sample(scope, self.build, self.histories)
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
            self.histories,
            divergence,
        )

    def exhausted(self) -> Divergence[S, O] | None:
        """The shortest divergence; None once everything within scope has been seen."""
        frontier, wrong = self.frontier, list[Divergence[S, O]]()
        for told in frontier.run(self.work, lambda: bool(wrong)):
            self.transitions += told.transitions
            self.pending -= told.occurred
            if told.divergence is not None:
                wrong.append(told.divergence)
            if any(len(one.history) == frontier.depth + 1 for one in wrong):
                break  # no shorter one can come
            seconds = perf_counter() - self.began
            now = len(frontier.visited), self.transitions, frontier.depth + 1, frontier.waiting
            self.progress(Progress(*now, seconds))
        return min(wrong, key=lambda one: len(one.history), default=None)

    def work(self, here: bool) -> Work[S, Expanded[S, O]]:
        known = self.frontier.visited if here else frozenset[Hashable]()
        settled = partial(expand, self.scope, self.build, symmetric=self.symmetric)
        return partial(settled, pending=self.pending, known=known)
