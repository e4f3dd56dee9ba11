"""Every law that a subject breaks, each with a shortest history: laws asked of its own states.

An exploration ends where a subject first departs from the specification, since nothing is left to
compare it with. But a law speaks of a transition, and a subject that shows its states makes some
of its own: all of these are gone through, right or wrong, and each law is asked of each.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar, cast, runtime_checkable

from spec.ops import ManagerOp, Response
from spec.profile import Profile
from stateful_models.engines.frontier import Frontier, Reached, Successor
from stateful_models.engines.judge import Judge
from stateful_models.scopes.presets import law_scopes
from stateful_models.scopes.scope import Scope
from stateful_models.subjects.asking import ask, shown_by
from stateful_models.subjects.aspects import counts
from stateful_models.subjects.protocol import Subject, SubjectError
from stateful_models.subjects.target import Target

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states


@runtime_checkable
class Remembering(Protocol):
    """A subject that tells what it goes by beyond the state that it shows."""

    def remembered(self) -> Hashable: ...


@dataclass(frozen=True)
class Broken(Generic[O]):
    """The last operation of a history breaks a law, and that of no shorter one does.

    Without operations: a new subject does. `together` are all the laws that it breaks.
    """

    law: str
    history: tuple[O, ...]
    answer: Response | None
    together: tuple[str, ...]


@dataclass(frozen=True)
class EveryLaw(Generic[O]):
    """Each law that is broken, shortest first, once; all states within the scopes were met."""

    labels: tuple[str, ...]
    states: int
    transitions: int
    broken: tuple[Broken[O], ...]


@dataclass
class Survey(Generic[S, O]):
    """One subject in one scope."""

    scope: Scope[S, O]
    build: Callable[[], Subject[O]]

    def run(self) -> EveryLaw[O]:
        self.judge = Judge(self.scope, self.build, frozenset())
        self.ops, self.transitions = self.scope.alphabet(self.judge.reports), 0
        self.broken = dict[str, Broken[O]]()
        start = self.key(self.first())
        self.note((), None, self.scope.unsound(start[0]))
        frontier = Frontier[tuple[O, ...]]((), start)
        list(frontier.run(lambda here: self.expanded))  # until no state is new
        found = tuple(self.broken.values())
        return EveryLaw((self.scope.label,), frontier.states, self.transitions, found)

    def first(self) -> Subject[O]:
        """A new subject, of which all its states can be told apart, and are finitely many."""
        made = self.judge.build()
        name = type(made).__name__
        if not (self.judge.transparent and isinstance(made, Remembering)):
            raise SubjectError(f"{name} must show its state and what it has remembered()")
        if counts(made.reports):
            raise SubjectError(f"{name} counts, so there is no end of its states")
        return made

    def expanded(
        self, nodes: list[Reached[tuple[O, ...]]]
    ) -> tuple[list[Successor[tuple[O, ...]]], None]:
        return [one for n, reached in enumerate(nodes) for one in self.after(n, reached.node)], None

    def after(self, parent: int, history: tuple[O, ...]) -> Iterator[Successor[tuple[O, ...]]]:
        """Every operation behind this history."""
        for move, op in enumerate(self.ops):
            subject, longer = self.judge.at(history), (*history, op)
            before = self.key(subject)[0]
            answer = ask(subject, op)
            key = self.key(subject)
            self.note(longer, answer, self.judge.named(subject, before, op, answer, key[0]))
            self.transitions += 1
            yield Successor(parent, move, longer, key)

    def key(self, subject: Subject[O]) -> tuple[S, Hashable]:
        """The state that it shows, and what it remembers besides."""
        shown = cast(S, shown_by(subject, self.judge.kind))
        return shown, cast(Remembering, subject).remembered()

    def note(self, history: tuple[O, ...], answer: Response | None, laws: tuple[str, ...]) -> None:
        for law in laws:
            self.broken.setdefault(law, Broken(law, history, answer, laws))


def every_law(scope: Scope[S, O], build: Callable[[], Subject[O]]) -> EveryLaw[O]:
    """Every law that a subject breaks within a scope.

    Raises: `SubjectError` of a subject whose states cannot be told apart, or have no end.
    """
    return Survey(scope, build).run()


def together(told: Sequence[EveryLaw[O]]) -> EveryLaw[O]:
    """What is broken in some scope, and the shortest history of any; of equals the first."""
    found = dict[str, Broken[O]]()
    for one in sorted((b for t in told for b in t.broken), key=lambda one: len(one.history)):
        found.setdefault(one.law, one)
    return EveryLaw(
        tuple(label for one in told for label in one.labels),
        sum(one.states for one in told),
        sum(one.transitions for one in told),
        tuple(found.values()),
    )


def every_law_of(target: Target, profile: Profile) -> EveryLaw[ManagerOp] | None:
    """Of a manager that tells what it remembers, and does not count; None of any other subject."""
    make, scopes = target.manager, law_scopes(profile, target.tiers)
    if make is None:
        return None
    made = scopes[0].build(make)
    if not isinstance(made, Remembering) or counts(made.reports):
        return None
    return together([every_law(scope, partial(scope.build, make)) for scope in scopes])
