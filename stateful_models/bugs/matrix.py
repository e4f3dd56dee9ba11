"""The museum's matrix: every checker on every exhibit that it can be put to.

A method is a way of looking: `explore` is exhaustive within a scope, `sample` tries random
histories, `machine` is Hypothesis, `trace` judges a recorded run, `isolate` compares two runs,
`client` drives the specification's search beside the exhibit.
"""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Final, NamedTuple, TypeAlias

METHODS: Final = ("explore", "sample", "machine", "trace", "isolate", "client")


class Caught(NamedTuple):
    """What a method found: the laws broken, none where it does not tell, after how many operations
    (of an alignment or a key: how many windows or states it takes)."""

    laws: tuple[str, ...]
    operations: int


class Catch(NamedTuple):
    """What a method said of an exhibit, and how long it took. `caught` is None if nothing."""

    caught: Caught | None
    seconds: float


Check: TypeAlias = Callable[[], Caught | None]


class Exhibited(NamedTuple):
    """A wrong cache with the law that it breaks first and the methods that it can be put to."""

    name: str
    wing: str
    law: str
    checks: Mapping[str, Check]


class Examined(NamedTuple):
    """One exhibit's line of the matrix."""

    name: str
    wing: str
    law: str
    catches: dict[str, Catch]

    @property
    def caught_by(self) -> tuple[str, ...]:
        return tuple(method for method, catch in self.catches.items() if catch.caught)

    @property
    def shortest(self) -> int | None:
        """Operations of the shortest history that any method found."""
        found = [catch.caught.operations for catch in self.catches.values() if catch.caught]
        return min(found, default=None)

    @property
    def told(self) -> bool:
        """Two methods catch it, or one, and it is said why only that; and for the law it breaks,
        as far as a method tells which."""
        named = {law for c in self.catches.values() if c.caught for law in c.caught.laws}
        enough = len(self.caught_by) >= 2 or (len(self.caught_by) == 1 and self.name in ONLY_ONE)
        return enough and (not named or self.law in named)


ONLY_ONE: Final = {
    "CloneHalves": "only values that half precision cannot hold show it, and the explorer's tokens "
    "are small integers",
}
"""Exhibits that a single method catches, and why no other can."""


def examined(exhibit: Exhibited) -> Examined:
    catches = {}
    for method, check in exhibit.checks.items():
        began = perf_counter()
        caught = check()
        catches[method] = Catch(caught, perf_counter() - began)
    return Examined(exhibit.name, exhibit.wing, exhibit.law, catches)
