"""Exhaustive exploration of a scope, breadth first: every reachable state, every operation in each.

After each transition the subject's answer, its state (if it can show it) and every law are
checked, so the first thing found wrong is a shortest counterexample. A subject that cannot show
its state is explored further than that: two histories count as one only if they lead to the same
state of the specification *and* end with the same operation, and after each transition it must
answer every operation that tells states apart as the specification does.
"""

from collections.abc import Callable, Hashable, Iterator, Set
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Generic, NamedTuple, TypeVar

from stateful_models.engines.judge import Divergence, Judge
from stateful_models.engines.sample import sample
from stateful_models.scopes.scope import Scope
from stateful_models.subjects.protocol import Subject

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states

SMALLEST_TASK = 40  # states; fewer are not worth a message to another process
Build = Callable[[], Subject[O]]


class Node(NamedTuple, Generic[S, O]):
    """A state first reached by `history`."""

    state: S
    history: tuple[O, ...]
    key: Hashable
    orbit: int


@dataclass
class Expansion(Generic[S, O]):
    """What one task found: new states in order, and what was seen on the way."""

    found: list[Node[S, O]] = field(default_factory=list)
    transitions: int = 0
    occurred: set[str] = field(default_factory=set)
    divergence: Divergence[S, O] | None = None


S_co = TypeVar("S_co", covariant=True)
O_co = TypeVar("O_co", covariant=True)


@dataclass(frozen=True)
class Report(Generic[S_co, O_co]):
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


class Progress(NamedTuple):
    """Of one exploration so far; `waiting` states are still to be expanded."""

    states: int
    transitions: int
    depth: int
    waiting: int
    seconds: float


def expand(
    scope: Scope[S, O],
    build: Build[O],
    nodes: list[Node[S, O]],
    symmetric: bool,
    pending: frozenset[str],
    known: Set[Hashable] = frozenset(),
) -> Expansion[S, O]:
    """Every operation in each of these states, up to the first that goes wrong."""
    result: Expansion[S, O] = Expansion()
    judge, seen = Judge(scope, build, pending), set[Hashable]()
    alphabet = scope.alphabet(judge.reports)
    for node in nodes:
        ops = (*alphabet, *scope.writes(node.state))
        for op, after, divergence in judge.expand(node.state, node.history, ops):
            result.transitions += 1
            result.divergence = shorter(result.divergence, divergence)
            if divergence is not None and len(divergence.history) == len(node.history) + 1:
                return result
            if after is None:
                continue
            key, orbit = scope.canonical(after, symmetric)
            if not judge.transparent:
                idle = scope.same_but_counters(node.state, after)
                key, orbit = (key, scope.trail(op, after), idle), 1
            if key not in seen and key not in known:
                seen.add(key)
                result.found.append(Node(after, (*node.history, op), key, orbit))
    result.occurred = judge.occurred
    return result


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

    def run(self) -> Report[S, O]:
        self.began, scope = perf_counter(), self.scope
        start = scope.initial()
        key, orbit = scope.canonical(start, self.symmetric)
        self.visited, self.represented, self.transitions = {key}, orbit, 0
        level, depth = [Node[S, O](start, (), key, orbit)], 0
        judge = Judge(scope, self.build, frozenset(scope.situations()))
        self.pending = frozenset(judge.pending)
        divergence = judge.initial(start)
        states, represented = 1, orbit
        while level and divergence is None:
            states, represented = len(self.visited), self.represented
            level, divergence = self.next_level(level, depth)
            depth += bool(level)
        if divergence is None:
            divergence = sample(scope, self.build, self.histories)
        return Report(
            scope.label,
            states,
            represented,
            self.transitions,
            depth,
            perf_counter() - self.began,
            self.pending,
            judge.unjudged,
            judge.transparent,
            self.histories,
            divergence,
        )

    def next_level(
        self, level: list[Node[S, O]], depth: int
    ) -> tuple[list[Node[S, O]], Divergence[S, O] | None]:
        """The states one operation further on, or the shortest divergence among these."""
        following: list[Node[S, O]] = []
        divergence: Divergence[S, O] | None = None
        for result in self.expansions(level):
            self.transitions += result.transitions
            self.pending -= result.occurred
            divergence = shorter(divergence, result.divergence)
            if divergence is not None and len(divergence.history) == depth + 1:
                break
            for node in result.found:
                if node.key not in self.visited:
                    self.visited.add(node.key)
                    self.represented += node.orbit
                    following.append(node)
            seconds = perf_counter() - self.began
            now = len(self.visited), self.transitions, depth + 1, len(following)
            self.progress(Progress(*now, seconds))
        return following, divergence

    def expansions(self, level: list[Node[S, O]]) -> Iterator[Expansion[S, O]]:
        """One result per task, in order, whoever computed it."""
        size = max(SMALLEST_TASK, -(-len(level) // (4 * self.jobs)))
        parts = [level[start : start + size] for start in range(0, len(level), size)]
        work = partial(expand, self.scope, self.build, symmetric=self.symmetric)
        if self.executor is None or len(parts) == 1:
            for nodes in parts:
                yield work(nodes, pending=self.pending, known=self.visited)
            return
        tasks = [self.executor.submit(work, nodes, pending=self.pending) for nodes in parts]
        try:
            for task in tasks:
                yield task.result()
        finally:
            for task in tasks:
                task.cancel()
