"""Fault injection: every point at which an operation calls foreign code, made to raise once."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class PlantedError(Exception):
    """What the foreign code raises."""


class Faults:
    """Call it where foreign code would run: the call numbered `at` raises, once it is armed."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.calls = 0
        self.armed = False

    def __call__(self) -> None:
        if not self.armed:
            return
        self.calls += 1
        if self.calls == self.at + 1:
            raise PlantedError(f"call-out {self.at}")

    @property
    def fired(self) -> bool:
        return self.calls > self.at


def performed(
    make: Callable[[Faults], T], operation: Callable[[T], object], state: Callable[[T], object],
    at: int,
) -> tuple[Faults, bool, object, object]:  # fmt: skip
    """One run with a fault at this point: whether it raised, the state before it and after it."""
    faults = Faults(at)
    subject = make(faults)
    before, raised = state(subject), False
    faults.armed = True
    try:
        operation(subject)
    except Exception:
        raised = True
    finally:
        faults.armed = False
    return faults, raised, before, state(subject)


def every_point(
    make: Callable[[Faults], T], operation: Callable[[T], object], state: Callable[[T], object]
) -> int:
    """How many points there are. P8: an operation that raises has changed nothing; one that does
    not, since the fault was nothing to it, has done all that it does without."""
    _, failed, _, done = performed(make, operation, state, 10**9)
    assert not failed, "the operation raises without a fault"
    for at in range(10**6):
        faults, raised, before, after = performed(make, operation, state, at)
        if not faults.fired:
            assert not raised
            return at
        assert after == (before if raised else done), f"half done: call-out {at} of {operation}"
    raise AssertionError("endless")
