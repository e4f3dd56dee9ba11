"""One transition of a subject, judged against the specification."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Generic, TypeVar, cast

from spec.ops import Response
from stateful_models.scopes.scope import Scope
from stateful_models.subjects.asking import ask, shown_by, unable
from stateful_models.subjects.aspects import Aspect, completed, unjudged, visible
from stateful_models.subjects.journal import made
from stateful_models.subjects.protocol import Retaining, Subject, SubjectError, Transparent

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states


S_co = TypeVar("S_co", covariant=True)
O_co = TypeVar("O_co", covariant=True)


@dataclass(frozen=True)
class Divergence(Generic[S_co, O_co]):
    """A history whose last operation the subject answers otherwise than the specification.

    Without operations: the subject starts in the wrong state. `observed_state` is None where the
    subject cannot show it. `laws` are those that what was observed breaks; none, if no single
    transition shows which.
    """

    history: tuple[O_co, ...]
    expected: Response | None
    observed: Response | None
    expected_state: S_co
    observed_state: S_co | None
    laws: tuple[str, ...]
    error: str | None = None


def behind(earlier: tuple[O, ...], divergence: Divergence[S, O]) -> Divergence[S, O]:
    return replace(divergence, history=(*earlier, *divergence.history))


def first_divergence(
    scope: Scope[S, O], build: Callable[[], Subject[O]], history: tuple[O, ...]
) -> Divergence[S, O] | None:
    """The first operation of a history that goes wrong, if one does."""
    judge, state = Judge(scope, build, frozenset()), scope.initial()
    wrong, subject = judge.initial(state), judge.build()
    for done, op in enumerate(history):
        if wrong is not None:
            return wrong
        state, found = judge.perform(subject, state, op)
        wrong = None if found is None else behind(history[:done], found)
    return wrong


class Judge(Generic[S, O]):
    """Drives new subjects to a state, performs one operation, compares, and names broken laws."""

    def __init__(
        self, scope: Scope[S, O], build: Callable[[], Subject[O]], pending: frozenset[str]
    ) -> None:
        self.scope = scope
        self.make = build
        self.occurred: set[str] = set()
        self.kind = type(scope.initial())
        first = self.build()
        self.reports = first.reports
        self.transparent = isinstance(first, Transparent)
        situations = scope.situations()
        hidden = unjudged(first.reports, self.transparent)
        self.unjudged = hidden if "M6" in situations else hidden - {"M6"}  # of managers only
        judged = pending - self.unjudged
        self.pending = {code: s for code, s in situations.items() if code in judged}
        self.probes = scope.probes(first.reports)
        self.retains = isinstance(first, Retaining) and Aspect.RETENTION in first.reports

    def build(self) -> Subject[O]:
        try:
            return made(self.scope, self.make)
        except BaseException as error:
            raise unable(error, f"making a subject for {self.scope.label}") from error

    def initial(self, start: S) -> Divergence[S, O] | None:
        subject = self.build()
        shown = self.shown(subject)
        if shown is None or shown == start:
            return None
        laws = self.broken_by(subject, partial(self.scope.unsound, shown))
        return Divergence((), None, None, start, shown, laws)

    def shown(self, subject: Subject[O]) -> S | None:
        return self.abstract(subject) if self.transparent else None

    def abstract(self, subject: Subject[O]) -> S:
        return cast(S, shown_by(subject, self.kind))

    def at(self, history: tuple[O, ...]) -> Subject[O]:
        """A new subject that has performed this history."""
        subject = self.build()
        for op in history:
            ask(subject, op)
        return subject

    def broken_by(
        self, subject: Subject[O], laws: Callable[[], tuple[str, ...]]
    ) -> tuple[str, ...]:
        """The laws that what a subject showed breaks; it may have shown what laws cannot read."""
        try:
            return laws()
        except Exception as error:  # an entry that is a number, say
            raise SubjectError(
                f"{type(subject).__name__} shows what is no state or answer of the specification: "
                f"{type(error).__name__}: {error}"
            ) from error

    def expand(
        self, state: S, history: tuple[O, ...], ops: Iterable[O]
    ) -> Iterator[tuple[O, S | None, Divergence[S, O] | None]]:
        """Each operation in this state: the state it leads to, if another, and what went wrong.

        A subject that shows itself unchanged, but for counters, serves for the next operation
        too; what it did meanwhile (`since`) is part of the history if that goes wrong.
        """
        subject: Subject[O] | None = None
        now, since = state, tuple[O, ...]()
        for op in ops:
            if subject is None:
                subject, now, since = self.at(history), state, ()
            after, wrong = self.perform(subject, now, op)
            same = wrong is None and self.scope.same_but_counters(after, now)
            if wrong is not None:
                alone = self.shortest(state, history, since, op)
                wrong = alone or behind((*history, *since), wrong)
            elif since and not same:
                after, _ = self.scope.step(state, op)  # without what has been counted meanwhile
            elif not self.transparent:
                wrong = self.probe(subject, after, (*history, op))
            yield op, None if same and self.transparent else after, wrong
            if same and self.transparent:
                now, since = after, (*since, op)
            else:
                subject = None

    def shortest(
        self, state: S, history: tuple[O, ...], since: tuple[O, ...], last: O
    ) -> Divergence[S, O] | None:
        """The divergence at `last`, after as few as possible of the operations `since`."""
        for kept in (kept for n in range(min(len(since), 3)) for kept in combinations(since, n)):
            before = state
            for op in kept:
                before, _ = self.scope.step(before, op)
            _, wrong = self.perform(self.at((*history, *kept)), before, last)
            if wrong is not None:
                return behind((*history, *kept), wrong)
        return None

    def probe(
        self, subject: Subject[O], state: S, history: tuple[O, ...]
    ) -> Divergence[S, O] | None:
        """Every telling operation in a row; if one does not answer rightly, the first alone."""
        now, done = state, history
        for op in self.probes:
            now, wrong = self.perform(subject, now, op)
            if wrong is not None:
                alone = (self.perform(self.at(history), state, one)[1] for one in self.probes)
                first = next((one for one in alone if one is not None), None)
                return behind(done, wrong) if first is None else behind(history, first)
            done = (*done, op)
        return None

    def perform(self, subject: Subject[O], before: S, op: O) -> tuple[S, Divergence[S, O] | None]:
        """The specification's state after `op`, and how the subject differs, if it does."""
        after, expected = self.scope.step(before, op)
        reports = self.reports
        observed = visible(ask(subject, op), reports)
        shown = self.abstract(subject) if self.transparent else after
        laws = self.scope.broken(before, op, expected, after)
        if self.pending:
            self.note(before, op, expected, after)
        if observed != visible(expected, reports) or shown != after or laws:
            return after, self.diverged(subject, before, (op,), observed)
        look = self.scope.aftermath(expected) if self.retains else None
        if look is None or cast(Retaining, subject).retained() == self.scope.retained(after):
            return after, None
        _, expected = self.scope.step(after, look)
        observed = visible(ask(subject, look), reports)
        if observed == visible(expected, reports):
            return after, None
        return after, self.diverged(subject, after, (op, look), observed)

    def note(self, before: S, op: O, response: Response, after: S) -> None:
        for code, occurs in tuple(self.pending.items()):
            if occurs(before, op, response, after):
                self.occurred.add(code)
                del self.pending[code]

    def diverged(
        self, subject: Subject[O], before: S, history: tuple[O, ...], observed: Response
    ) -> Divergence[S, O]:
        after, expected = self.scope.step(before, history[-1])
        shown = self.shown(subject)
        told = completed(observed, expected, self.reports)
        state = after if shown is None else shown
        named = self.broken_by(
            subject, partial(self.scope.broken, before, history[-1], told, state)
        )
        laws = tuple(code for code in named if code not in self.unjudged)
        error = getattr(subject, "error", None)
        return Divergence(
            history,
            expected,
            observed,
            after,
            shown,
            laws,
            None if error is None else f"{type(error).__name__}: {error}",
        )
