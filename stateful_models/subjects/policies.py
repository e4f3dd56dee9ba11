"""Policies that somebody wrote: each is gone through by itself, before any cache is held to it."""

from collections.abc import Callable, Hashable
from typing import Final, TypeVar

from spec.law import broken_of
from spec.policies import NAMED
from spec.policy import Policy
from spec.policy_laws import POLICY, Turn, turns
from stateful_models.subjects.journal import interrupted
from stateful_models.subjects.protocol import SubjectError

T = TypeVar("T")
CAPACITIES: Final = (1, 2, 3)
ORDERS: Final = 60
"""So many orders of each capacity are gone through."""
PROVED: Final[set[Policy]] = set(NAMED.values())


def require_policy(policy: object) -> None:
    """A value, whose functions keep the laws of policies."""
    if not isinstance(policy, Policy):
        raise SubjectError(f"policy of a Profile must be a Policy, not {policy!r}")
    if not isinstance(policy, Hashable) or policy.__hash__ is None:
        raise SubjectError(f"{policy!r} cannot be hashed: a policy is a frozen dataclass")
    if asked(policy, lambda: policy in PROVED):
        return
    asked(policy, lambda: go_through(policy))
    PROVED.add(policy)


def go_through(policy: Policy) -> None:
    for capacity in CAPACITIES:
        for one in turns(policy, capacity, capacity + 2, ORDERS):
            wrong = broken_of(POLICY, one, type(one.op))
            if wrong:
                raise SubjectError(f"{name(policy)} is no policy: {told(wrong[0], one)}")


def asked(policy: Policy, question: Callable[[], T]) -> T:
    """What a policy says; it may raise anything."""
    try:
        return question()
    except BaseException as error:
        if interrupted(error) or isinstance(error, SubjectError):
            raise
        raise SubjectError(
            f"{name(policy)} raised {type(error).__name__}: {error} (in {place(error)})"
        ) from error


def place(error: BaseException) -> str:
    """The function that raised it."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return "its functions" if at is None else at.tb_frame.f_code.co_name


def name(policy: Policy) -> str:
    return f"the policy {type(policy).__name__}"


def told(code: str, one: Turn) -> str:
    """The law, and a turn that breaks it."""
    law = next(law for law in POLICY if law.code == code)
    there = [f"{key} (rank {rank}, note {note})" for key, rank, note in one.before.lines]
    after = [line.key for line in one.here.after.lines]
    pinned = f", {min(one.pinned)} pinned" if one.pinned else ""
    return (
        f"{code} {law.title}: {type(one.op).__name__.lower()} of {one.op.key} in a pool of "
        f"{one.before.capacity} with {', '.join(there) or 'nobody'}{pinned}, memo "
        f"{one.before.memo!r}: {one.here.gone} leaves, then {after}"
    )
