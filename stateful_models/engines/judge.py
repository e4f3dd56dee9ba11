"""One transition of a subject, judged against the specification."""

import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Generic, NamedTuple, TypeVar, cast

from spec.ops import Census, Key, Refused, Response
from stateful_models.scopes.scope import Choosing, Reports, Scope
from stateful_models.subjects.asking import ask, shown_by, unable
from stateful_models.subjects.aspects import EVERYTHING, Aspect, completed, unjudged, visible
from stateful_models.subjects.journal import made
from stateful_models.subjects.naming import PLAIN
from stateful_models.subjects.protocol import Retaining, Subject, SubjectError, Transparent

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states


S_co = TypeVar("S_co", covariant=True)
O_co = TypeVar("O_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True)
class Divergence(Generic[S_co, O_co]):
    """A history whose last operation the subject answers otherwise than the specification.

    Without operations: the subject starts in the wrong state. `observed_state` is None where the
    subject cannot show it. `laws` are those that the operation `at` breaks (None: the last), as
    far as answers tell what it did; none, if no single transition shows which. `sampled`: it came
    from a random history and was cut down; else an exploration found nothing shorter. `unsteady`:
    the same history was answered in these ways. `reports`: what of answers was compared at all.
    """

    history: tuple[O_co, ...]
    expected: Response | None
    observed: Response | None
    expected_state: S_co
    observed_state: S_co | None
    laws: tuple[str, ...]
    error: str | None = None
    at: int | None = None
    sampled: bool = False
    unsteady: tuple[Response | None, ...] = ()
    reports: Reports = EVERYTHING


def behind(earlier: tuple[O, ...], divergence: Divergence[S, O]) -> Divergence[S, O]:
    return replace(divergence, history=(*earlier, *divergence.history))


def first_divergence(
    scope: Scope[S, O],
    build: Callable[[], Subject[O]],
    history: tuple[O, ...],
    trusts: bool = False,
) -> Divergence[S, O] | None:
    """The first operation of a history that goes wrong, if one does."""
    judge, state = Judge(scope, build, frozenset()), scope.initial()
    judge.trusts = trusts
    wrong, subject = judge.initial(state), judge.build()
    for done, op in enumerate(history):
        if wrong is not None:
            return wrong
        state, found = judge.perform(subject, state, op)
        wrong = None if found is None else behind(history[:done], found)
    return wrong


class Step(NamedTuple, Generic[S, O]):
    """One operation in a state: the state it leads to, if another, and what went wrong; the
    subject that performed it, all that it has performed, and the state that this leads to."""

    op: O
    after: S | None
    divergence: Divergence[S, O] | None
    subject: Subject[O]
    history: tuple[O, ...]
    now: S


class Judge(Generic[S, O]):
    """Drives new subjects to a state, performs one operation, compares, and names broken laws.

    `lazy`: something that had to be released was, but by the garbage collector alone. `trusts`
    the specification: laws are asked only of what departs from it.
    """

    def __init__(
        self, scope: Scope[S, O], build: Callable[[], Subject[O]], pending: frozenset[str]
    ) -> None:
        self.scope = scope
        self.make = build
        self.occurred: set[str] = set()
        self.lazy = self.trusts = False
        self.kind = type(scope.initial())
        first = self.build()
        self.reports = first.reports
        self.transparent = isinstance(first, Transparent)
        situations = scope.situations()
        hidden = unjudged(first.reports, self.transparent)
        self.unjudged = hidden if "M6" in situations else hidden - {"M6"}  # of managers only
        blind = set() if Aspect.INSPECTION in first.reports else {"P10"}  # nobody peeks
        judged = pending - self.unjudged - blind
        self.pending = {code: s for code, s in situations.items() if code in judged}
        self.probes = scope.probes(first.reports)
        self.retains = isinstance(first, Retaining) and Aspect.RETENTION in first.reports
        free = isinstance(scope, Choosing) and scope.chosen
        self.choosing = cast(Choosing[S, O], scope) if free else None
        self.gone: Key | None = None
        if self.choosing is not None and Aspect.INSPECTION not in first.reports:
            raise SubjectError(
                f"{type(first).__name__}: where who leaves is the cache's choice, it must be seen: "
                "that needs Aspect.INSPECTION"
            )
        told = Aspect.SLOTS in first.reports and Aspect.COUNTERS in first.reports
        self.whole = told and getattr(scope, "naming", None) in (None, PLAIN)

    def build(self) -> Subject[O]:
        try:
            return made(self.scope, self.make)
        except BaseException as error:
            raise unable(error, f"making a subject for {self.scope.label}") from error

    def initial(self, start: S) -> Divergence[S, O] | None:
        subject = self.build()
        shown = self.shown(subject, start)
        if shown is None or shown == start:
            return None
        laws = self.read(subject, partial(self.scope.unsound, shown))
        return Divergence((), None, None, start, shown, laws, reports=self.reports)

    def shown(self, subject: Subject[O], due: S) -> S | None:
        return self.abstract(subject, due) if self.transparent else None

    def abstract(self, subject: Subject[O], due: S) -> S:
        """What it shows; what it does not report, as it is due."""
        shown = cast(S, shown_by(subject, self.kind))
        if self.whole:
            return shown
        return self.read(subject, partial(self.scope.completed, shown, due, self.reports))

    def at(self, history: tuple[O, ...]) -> Subject[O]:
        """A new subject that has performed this history."""
        subject = self.build()
        for op in history:
            ask(subject, op)
        return subject

    def arrived(self, history: tuple[O, ...], due: S) -> tuple[Subject[O], S]:
        """A new subject that has performed this history, and the state that this leads to: the one
        due, unless who leaves is its own choice."""
        if self.choosing is None:
            return self.at(history), due
        subject, state = self.build(), self.scope.initial()
        for op in history:
            ask(subject, op)
            state, _ = self.step(subject, state, op)
        return subject, state

    def step(self, subject: Subject[O], before: S, op: O) -> tuple[S, Response]:
        """The specification's step; who left is looked up where that is the cache's choice."""
        if self.choosing is None:
            return self.scope.step(before, op)
        self.gone = self.choosing.gone(before, op, lambda look: ask(subject, look))
        return self.choosing.chosen_step(before, op, self.gone)

    def again(self, before: S, op: O) -> tuple[S, Response]:
        """The same step as last time, with whom was seen to leave then."""
        if self.choosing is None:
            return self.scope.step(before, op)
        return self.choosing.chosen_step(before, op, self.gone)

    def read(self, subject: Subject[O], reader: Callable[[], T]) -> T:
        """What comes of what a subject showed; it may have shown what nothing can read."""
        try:
            return reader()
        except Exception as error:  # an entry that is a number, say
            raise SubjectError(
                f"{type(subject).__name__} shows what is no state or answer of the specification: "
                f"{type(error).__name__}: {error}"
            ) from error

    def expand(self, state: S, history: tuple[O, ...], ops: Iterable[O]) -> Iterator[Step[S, O]]:
        """Each operation in this state.

        A subject that shows itself unchanged, but for counters, serves for the next operation
        too; what it did meanwhile (`since`) is part of the history if that goes wrong.
        """
        subject: Subject[O] | None = None
        now, since = state, tuple[O, ...]()
        for op in ops:
            if subject is None:
                subject, now = self.arrived(history, state)
                since = ()
            after, wrong = self.perform(subject, now, op)
            same = wrong is None and self.scope.same_but_counters(after, now)
            now = after
            done = (*history, *since, op)
            if wrong is not None:
                alone = self.shortest(state, history, since, op)
                wrong = alone or behind((*history, *since), wrong)
            elif since and not same:
                after, _ = self.scope.step(state, op)  # without what has been counted meanwhile
            elif not self.transparent:
                wrong = self.probe(subject, after, done)
            yield Step(op, None if same and self.transparent else after, wrong, subject, done, now)
            if same and self.transparent:
                since = (*since, op)
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
        wrong = self.follow(subject, state, history, self.probes)
        if wrong is None:
            return None
        alone = (self.follow(self.at(history), state, history, (one,)) for one in self.probes)
        return next((one for one in alone if one is not None), wrong)

    def flush(self, state: S, history: tuple[O, ...]) -> Divergence[S, O] | None:
        """Whether it would evict in the right order, each time asked of a new subject."""
        for newcomers in self.scope.flushes(self.reports):
            wrong = self.follow(self.at(history), state, history, newcomers)
            if wrong is not None:
                return wrong
        return None

    def follow(
        self, subject: Subject[O], state: S, history: tuple[O, ...], ops: tuple[O, ...]
    ) -> Divergence[S, O] | None:
        """The first of these operations, behind a history, that is answered wrongly."""
        step, reports = self.scope.step, self.reports
        for done, op in enumerate(ops):
            after, expected = step(state, op)
            observed = self.answer(subject, op, expected)
            if observed != visible(expected, reports):
                found = self.diverged(subject, state, (op,), observed)
                return behind((*history, *ops[:done]), found)
            state = after
        return None

    def answer(self, subject: Subject[O], op: O, expected: Response) -> Response:
        """What of its answer can be compared; what it keeps alive, once nothing but the garbage
        collector could still free it."""
        observed = visible(ask(subject, op), self.reports)
        if self.retains and isinstance(observed, Census) and isinstance(expected, Census):
            due = visible(expected, self.reports)
            if observed != due and collected():
                observed = visible(ask(subject, op), self.reports)
                self.lazy = self.lazy or observed == due
        return observed

    def perform(self, subject: Subject[O], before: S, op: O) -> tuple[S, Divergence[S, O] | None]:
        """The specification's state after `op`, and how the subject differs, if it does."""
        if self.choosing is not None:
            observed = visible(ask(subject, op), self.reports)
            after, expected = self.step(subject, before, op)
        else:
            after, expected = self.scope.step(before, op)
            observed = self.answer(subject, op, expected)
        shown = self.abstract(subject, after) if self.transparent else after
        laws = () if self.trusts else self.scope.broken(before, op, expected, after)
        if self.pending:
            self.note(before, op, expected, after)
        if observed != visible(expected, self.reports) or shown != after or laws:
            return after, self.diverged(subject, before, (op,), observed)
        look = self.scope.aftermath(expected) if self.retains else None
        if look is None or cast(Retaining, subject).retained() == self.scope.retained(after):
            return after, None
        _, expected = self.scope.step(after, look)
        observed = self.answer(subject, look, expected)
        if observed == visible(expected, self.reports):
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
        after, expected = self.again(before, history[-1])
        shown = self.shown(subject, after)
        laws = self.named(subject, before, history[-1], observed, after if shown is None else shown)
        error = getattr(subject, "error", None)
        return Divergence(
            history,
            visible(expected, self.reports),
            observed,
            after,
            shown,
            laws,
            None if error is None else f"{type(error).__name__}: {error}",
            reports=self.reports,
        )

    def named(
        self, subject: Subject[O], before: S, op: O, observed: Response, state: S
    ) -> tuple[str, ...]:
        """The laws, of those that can be judged, that this answer and this state break."""
        _, expected = self.again(before, op)
        told = completed(observed, expected, self.reports)
        codes = self.read(subject, partial(self.scope.broken, before, op, told, state))
        wrongly = isinstance(observed, Refused) and not isinstance(expected, Refused)
        judged = self.unjudged - ({"P8"} if wrongly else set())
        return tuple(code for code in codes if code not in judged)


def collected() -> bool:
    """Whether the garbage collector freed anything; what it left the first time, it never visits
    again, for speed."""
    freed = gc.collect() > 0
    if gc.get_freeze_count() == 0:
        gc.freeze()
    return freed
