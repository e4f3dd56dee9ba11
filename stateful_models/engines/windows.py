"""Somebody's windows against the specification: every scope that a window needs, in seconds."""

from functools import partial

from spec.window import Clone, Fork, Seal, Update, WindowOp
from spec.window_laws import EVERY
from stateful_models.engines.explore import Explorer
from stateful_models.engines.judge import Divergence
from stateful_models.scopes.windows import WindowScope
from stateful_models.subjects.protocol import SubjectError
from stateful_models.subjects.windows import WindowSubject

FAMILY = (Update, Seal, Clone, Fork)


def scopes(offered: tuple[type, ...]) -> list[WindowScope]:
    """One window of up to 6 tokens, updates of up to 7; two windows that come from each other."""
    alone = tuple(op for op in EVERY if op in offered and op not in (Clone, Fork))
    family = tuple(op for op in FAMILY if op in offered)
    return [
        *(WindowScope(capacity, 2, operations=alone) for capacity in range(1, 7)),
        WindowScope(5, operations=alone),
        WindowScope(2, layers=2, most=2, operations=alone),
        WindowScope(2, places=2, most=2, operations=family),
    ]


def offered(subject: type[WindowSubject]) -> list[WindowScope]:
    """The scopes of what these windows offer."""
    unknown = [op for op in subject.operations if op not in EVERY]
    if unknown or Update not in subject.operations:
        told = f"unknown: {unknown}" if unknown else "Update is missing"
        raise SubjectError(f"operations are to be classes of spec.window; {told}")
    return scopes(subject.operations)


def counterexample(subject: type[WindowSubject]) -> Divergence[object, WindowOp] | None:
    """The shortest history, over all scopes, that goes wrong; None if every one conforms."""
    tried = offered(subject)
    found = [Explorer(scope, partial(scope.build, subject)).run().divergence for scope in tried]
    wrong = [one for one in found if one is not None]
    return min(wrong, key=lambda one: len(one.history), default=None)


def explained(found: Divergence[object, WindowOp]) -> str:
    """The history and how it ended, for people."""
    lines = [f"breaks {', '.join(found.laws) or 'the specification'}:"]
    lines += [f"  {number}. {op}" for number, op in enumerate(found.history, 1)]
    lines.append(f"  expected {found.expected}, {found.expected_state}")
    lines.append(f"  came     {found.observed}, {found.observed_state}")
    return "\n".join(lines + ([f"  raised   {found.error}"] if found.error else []))
