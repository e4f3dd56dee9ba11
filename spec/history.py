"""Histories: what a sequence of operations leads to, and whether a recorded one is allowed."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from spec.manager import ManagerState
from spec.manager import step as manager_step
from spec.ops import EnvId, Lookup, ManagerOp, On, Response, Tier

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states
StepFunction = Callable[[S, O], tuple[S, Response]]


def replay(step: StepFunction[S, O], state: S, ops: Sequence[O]) -> tuple[S, tuple[Response, ...]]:
    responses = []
    for op in ops:
        state, response = step(state, op)
        responses.append(response)
    return state, tuple(responses)


def first_disallowed(
    step: StepFunction[S, O], state: S, history: Sequence[tuple[O, Response]]
) -> int | None:
    """The position of the first answer that the specification does not give; None: allowed."""
    for position, (op, answer) in enumerate(history):
        state, response = step(state, op)
        if response != answer:
            return position
    return None


def whose(op: ManagerOp) -> EnvId | None:
    """The environment that an operation names; None if it names none.

    Nor is one on wm anybody's, even if it says who asks: that tier is common by design.
    """
    if isinstance(op, On):
        return None if op.tier is Tier.WM else op.env
    return op.env if isinstance(op, Lookup) else None


def purge(history: Sequence[ManagerOp], env: EnvId) -> tuple[ManagerOp, ...]:
    """The history without the other environments' operations."""
    return tuple(op for op in history if whose(op) in (None, env))


def init_operation(op: ManagerOp) -> bool:
    return isinstance(op, On) and op.tier is Tier.INIT


def answers(
    state: ManagerState,
    history: Sequence[ManagerOp],
    env: EnvId,
    about: Callable[[ManagerOp], bool],
) -> tuple[Response, ...]:
    """What those of `env`'s operations answer that `about` selects."""
    _, responses = replay(manager_step, state, history)
    pairs = zip(history, responses, strict=True)
    return tuple(response for op, response in pairs if whose(op) == env and about(op))


def unaffected(
    state: ManagerState,
    history: Sequence[ManagerOp],
    env: EnvId,
    about: Callable[[ManagerOp], bool],
) -> bool:
    """Non-interference: purging the other environments leaves `env`'s answers as they were.

    M2 with `about=init_operation`, for every history; M5 with every operation of `env`'s, which
    holds under `RecurScope.PER_ENV` and, through the shared recur pool, fails under
    `RecurScope.SHARED`. What is nobody's (wm, clears of a tier, resets of all, the client's own
    doings) stays in the purged history. Only a client that writes into what two environments have
    set can tell one of the other: a set seals it.
    """
    purged = purge(history, env)
    return answers(state, history, env, about) == answers(state, purged, env, about)
