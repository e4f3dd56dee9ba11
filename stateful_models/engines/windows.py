"""Somebody's windows against the specification: every scope that a window needs, in seconds, and
random histories beyond."""

from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import Final, TypeAlias

from spec.window import Clone, Fork, Seal, Update, WindowOp
from spec.window_laws import EVERY
from stateful_models.engines.explore import shortest_of
from stateful_models.engines.judge import Divergence, first_divergence
from stateful_models.scopes.windows import LongLife, WindowScope
from stateful_models.subjects.protocol import Subject, SubjectError
from stateful_models.subjects.windows import WindowSubject

FAMILY: Final = (Update, Seal, Clone, Fork)
HISTORIES, LENGTH = 6, 160  # of random ones, in each scope beyond what is explored
Found: TypeAlias = Divergence[object, WindowOp]


def scopes(offered: tuple[type, ...]) -> list[WindowScope]:
    """One window of up to 6 tokens, updates of up to 7; two windows that come from each other. What
    most faults show themselves in comes first."""
    alone = tuple(op for op in EVERY if op in offered and op not in (Clone, Fork))
    family = tuple(op for op in FAMILY if op in offered)
    return [
        WindowScope(5, operations=alone),
        WindowScope(2, places=2, most=2, operations=family),
        WindowScope(2, 2, layers=2, most=2, operations=alone),
        *(WindowScope(capacity, 2, operations=alone) for capacity in range(6, 0, -1)),
    ]


def beyond(offered: tuple[type, ...]) -> list[LongLife]:
    """Wider windows, of more samples, layers and relatives, for histories longer than explored."""
    alone = tuple(op for op in EVERY if op in offered and op not in (Seal, Clone, Fork))
    every = tuple(op for op in EVERY if op in offered)
    return [
        LongLife(8, 3, most=9, operations=alone),
        LongLife(13, 1, most=5, operations=alone),
        LongLife(5, 2, layers=2, places=3, most=6, operations=every),
    ]


def offered(subject: type[WindowSubject]) -> list[WindowScope]:
    """The scopes of what these windows offer."""
    unknown = [op for op in subject.operations if op not in EVERY]
    if unknown or Update not in subject.operations:
        told = f"unknown: {unknown}" if unknown else "Update is missing"
        raise SubjectError(f"operations are to be classes of spec.window; {told}")
    return scopes(subject.operations)


def shortest(found: Iterable[Found | None]) -> Found | None:
    wrong = [one for one in found if one is not None]
    return min(wrong, key=lambda one: len(one.history), default=None)


def counterexample(subject: type[WindowSubject]) -> Found | None:
    """The shortest history, over all scopes, that goes wrong; if there is none, a random one that
    does, cut down; None if every one conforms."""
    tried = [(scope, partial(scope.build, subject)) for scope in offered(subject)]
    return shortest_of(tried) or sampled(subject)


def sampled(subject: type[WindowSubject]) -> Found | None:
    """Random histories, longer than any that is explored; the first in a scope that goes wrong is
    cut down."""
    return shortest(lived(scope, subject) for scope in beyond(subject.operations))


def lived(scope: LongLife, subject: type[WindowSubject]) -> Found | None:
    """The first of some random histories that goes wrong, without what can be left out."""
    random, build = Random(0), partial(scope.build, subject)
    for _ in range(HISTORIES):
        wrong = first_divergence(scope, build, history_in(scope, random))
        if wrong is not None:
            return reduced(scope, build, wrong)
    return None


def history_in(scope: LongLife, random: Random) -> tuple[WindowOp, ...]:
    state, done = scope.initial(), list[WindowOp]()
    alphabet = scope.alphabet(frozenset())
    for _ in range(LENGTH):
        done.append(random.choice((*alphabet, *scope.writes(state))))
        state, _ = scope.step(state, done[-1])
    return tuple(done)


def reduced(scope: LongLife, build: Callable[[], Subject[WindowOp]], found: Found) -> Found:
    """Leave out halves, quarters, ..., single operations, as long as something goes wrong."""
    size = len(found.history) // 2
    while size:
        place = 0
        while place < len(found.history):
            history = (*found.history[:place], *found.history[place + size :])
            wrong = first_divergence(scope, build, history)
            if wrong is None:
                place += size
            else:
                found = wrong
        size //= 2
    return found


def explained(found: Found) -> str:
    """The history and how it ended, for people."""
    lines = [f"breaks {', '.join(found.laws) or 'the specification'}:"]
    lines += [f"  {number}. {op}" for number, op in enumerate(found.history, 1)]
    lines.append(f"  expected {found.expected}, {found.expected_state}")
    lines.append(f"  came     {found.observed}, {found.observed_state}")
    return "\n".join(lines + ([f"  raised   {found.error}"] if found.error else []))
