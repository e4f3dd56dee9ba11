"""What a condition is: a theorem, the bound it is stated for, and the fault that refutes it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import NamedTuple, TypeAlias

Theorem: TypeAlias = Callable[..., None]


class Fault(NamedTuple):
    """`module.name` replaced by something wrong."""

    module: str
    name: str
    wrong: Callable[..., object]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The fault is there inside, and gone after."""
        module = import_module(self.module)
        owner, _, name = self.name.rpartition(".")
        place = getattr(module, owner) if owner else module
        right = getattr(place, name)
        setattr(place, name, self.wrong)
        try:
            yield
        finally:
            setattr(place, name, right)


class Condition(NamedTuple):
    """`theorem(capacity)` makes the function that CrossHair reads."""

    name: str
    says: str
    theorem: Callable[[int], Theorem]
    fault: Fault
