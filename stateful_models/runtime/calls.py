"""How the methods of a cache are operations: what a guard must be told of a cache that it watches.

An adapter is a function from a cache to a `Guarding`: the capacities of its pools, by names, and
of each object whose methods are called, which of them are what. A reading has the parameters of
the method that it reads, and says what a call of it is.

    def calls(cache: Mine) -> Guarding:
        methods = {
            "fetch": lambda key: Asks(("pool",), key),
            "store": lambda key, value: Stores("pool", key, value),
        }
        clears = {"drop_all": lambda: Empties(("pool",))}
        return Guarding({"pool": cache.room}, (Part(cache, ("pool",), methods, clears),))

What a method calls of its own object is part of it, and not read.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias, TypeVar

from kvref.ranks import Priority

T = TypeVar("T")


class Untold:
    """No answer yet: it is what the method returns."""


UNTOLD: Final = Untold()


class Asks(NamedTuple):
    """A get; of several pools the first that has the key answers (M3)."""

    pools: tuple[str, ...]
    key: object
    answer: object = UNTOLD


class Peeks(NamedTuple):
    """A look that changes nothing, answered as a get."""

    pools: tuple[str, ...]
    key: object


class Stores(NamedTuple):
    """A set. If it returns an integer, that is the slot (see `Guarding.slots`)."""

    pool: str
    key: object
    value: object
    rank: Priority | None = None


class Empties(NamedTuple):
    """A clear."""

    pools: tuple[str, ...]


class Finds(NamedTuple):
    """Whether a key is there."""

    pool: str
    key: object


class Counts(NamedTuple):
    """How many entries there are."""

    pool: str


class Loses(NamedTuple):
    """What comes of this cannot be told: the pool is watched again from its next clear on."""

    pool: str


Call: TypeAlias = Asks | Peeks | Stores | Empties | Finds | Counts | Loses
Reading: TypeAlias = Callable[..., Call]
Readings: TypeAlias = Mapping[str, Reading]


class Part(NamedTuple):
    """An object, the pools that its methods touch, and what these methods are.

    `clears` apart: they are read also while nothing else is.
    """

    cache: object
    pools: tuple[str, ...]
    methods: Readings
    clears: Readings


class Guarding(NamedTuple):
    """The capacities of a cache's pools, and what is called.

    `slots`: whether sets return them. `filled`: the pools that are not empty at present.
    `leaves`: copies of its objects leave behind what stands in for a method (`StandsIn`).
    """

    capacities: Mapping[str, int]
    parts: tuple[Part, ...]
    slots: bool = True
    filled: tuple[str, ...] = ()
    leaves: bool = False


Adapter: TypeAlias = Callable[[T], Guarding]
