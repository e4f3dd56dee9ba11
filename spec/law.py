"""What a law is: a predicate on what is observed, and the situation that it speaks of."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from spec.profile import Profile

T = TypeVar("T")


class Law(NamedTuple, Generic[T]):
    """`holds` on every transition; `occurs` on some, where the profile `applies`.

    `about` are the operations it speaks of: on all others it holds trivially.
    """

    code: str
    title: str
    about: tuple[type, ...]
    holds: Callable[[T], bool]
    occurs: Callable[[T], bool]
    applies: Callable[[Profile], bool] = lambda profile: True


def broken_of(laws: tuple[Law[T], ...], observed: T, about: type) -> tuple[str, ...]:
    """The codes of those laws about this kind of thing that an observation breaks."""
    return tuple([law.code for law in laws if about in law.about and not law.holds(observed)])
