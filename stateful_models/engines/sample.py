"""Random histories beyond what was exhausted: long memories, hidden structures, stale leftovers.

The seed is fixed, so that a run can be repeated. What goes wrong is cut down to a history from
which no operation can be left out.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final, TypeVar

from stateful_models.engines.judge import Divergence, Judge, behind, first_divergence
from stateful_models.scopes.scope import Scope
from stateful_models.subjects.protocol import Subject

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states

WEIGHTS: Final = {"Set": 10, "Get": 6, "Lookup": 6, "On": 24, "Clear": 1, "Write": 1}
LENGTH: Final = 60
ENOUGH: Final = 12


def sample(
    scope: Scope[S, O], build: Callable[[], Subject[O]], histories: int
) -> Divergence[S, O] | None:
    """The shortest of the first few divergences in so many random histories, each cut down."""
    random, judge = Random(0), Judge(scope, build, frozenset())
    found: list[Divergence[S, O]] = []
    for _ in range(histories):
        wrong = attempt(scope, judge, random)
        if wrong is not None:
            found.append(cut_down(scope, build, wrong))
        if len(found) == ENOUGH:
            break
    return min(found, key=lambda one: len(one.history), default=None)


def attempt(scope: Scope[S, O], judge: Judge[S, O], random: Random) -> Divergence[S, O] | None:
    """One random history, up to the first operation that goes wrong."""
    subject, state, done = judge.build(), scope.initial(), list[O]()
    alphabet = scope.alphabet(judge.reports)
    for _ in range(LENGTH):
        ops = (*alphabet, *scope.writes(state))
        (op,) = random.choices(ops, [weight(one) for one in ops])
        state, wrong = judge.perform(subject, state, op)
        if wrong is not None:
            return behind(tuple(done), wrong)
        done.append(op)
    return None


def weight(op: object) -> int:
    """Sets and gets most of the time: what clears is rare, or nothing ever fills."""
    inner = getattr(op, "op", op)
    return WEIGHTS.get(type(inner).__name__, 1)


def cut_down(
    scope: Scope[S, O], build: Callable[[], Subject[O]], found: Divergence[S, O]
) -> Divergence[S, O]:
    """Leave out one operation after another, as long as something still goes wrong."""
    place = 0
    while place < len(found.history):
        shorter = (*found.history[:place], *found.history[place + 1 :])
        wrong = first_divergence(scope, build, shorter)
        if wrong is None or len(wrong.history) >= len(found.history):
            place += 1
        else:
            found, place = replace(wrong), 0
    return found
