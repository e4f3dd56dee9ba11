"""Who leaves a full pool. A policy is a value: pure functions on lines in order, and a memo.

A policy sees of each resident a line, its key, the rank that it was given and a note of the
policy's own; in the policy's own order; and a memo for what belongs to no line: hands, counters,
keys that have left. It never sees what is stored. The pool forgets all of it when it is cleared.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple

from spec.ops import Key


class PolicyError(ValueError):
    """A policy that is none: it loses a resident, or invents one."""


class Line(NamedTuple):
    """What a policy sees of one resident."""

    key: Key
    rank: int = 0
    note: int = 0


class Order(NamedTuple):
    """What a policy goes by: the residents of a pool of this capacity, one line for each."""

    capacity: int
    lines: tuple[Line, ...] = ()
    memo: Hashable = ()

    def line(self, key: Key) -> Line:
        """The line of a resident."""
        return next(line for line in self.lines if line.key == key)

    def without(self, key: Key) -> "Order":
        return self._replace(lines=tuple([line for line in self.lines if line.key != key]))

    def with_last(self, line: Line) -> "Order":
        """This line behind all others, wherever its key was."""
        return self._replace(lines=(*self.without(line.key).lines, line))

    def with_line(self, new: Line) -> "Order":
        """This line in the place of its key's."""
        lines = [new if line.key == new.key else line for line in self.lines]
        return self._replace(lines=tuple(lines))


class Need(NamedTuple):
    """Why somebody must leave: for a newcomer. Whoever is pinned may not, and somebody is not.

    `told`: who did leave, where the policy leaves the choice to the cache.
    """

    newcomer: Key
    pinned: frozenset[Key] = frozenset()
    told: Key | None = None

    def eligible(self, order: Order) -> tuple[Line, ...]:
        if not self.pinned:
            return order.lines
        return tuple([line for line in order.lines if line.key not in self.pinned])


class Choice(NamedTuple):
    """Who leaves, and the order in which it was found: a hand may have moved on."""

    key: Key
    order: Order


class Known:
    """What every policy has, and no dataclass counts among its fields."""

    FIFO: ClassVar["Policy"]
    FIFO_RENEWING: ClassVar["Policy"]
    LRU: ClassVar["Policy"]
    PRIORITY: ClassVar["Policy"]
    PRIORITY_RENEWING: ClassVar["Policy"]
    MRU: ClassVar["Policy"]
    LFU: ClassVar["Policy"]
    CLOCK: ClassVar["Policy"]
    SIEVE: ClassVar["Policy"]
    TWO_Q: ClassVar["Policy"]
    ANY: ClassVar["Policy"]

    ranked: ClassVar[bool] = False
    """Whether the rank that a set gives makes a difference."""
    chosen: ClassVar[bool] = False
    """Whether who leaves is the cache's choice, the newcomer among them."""


@dataclass(frozen=True)
class Policy(Known):
    """First in, first out, unless said otherwise: a policy writes what it does differently.

    Each is a frozen dataclass, so that equal ones are equal; what it is made with is part of it.
    """

    @property
    def finite(self) -> bool:
        """Whether a pool of finitely many keys has finitely many orders."""
        return True

    @property
    def value(self) -> str:
        """Its name in reports, with what it is made with."""
        chosen = [f"{one.name}={getattr(self, one.name)}" for one in fields(self)]
        return type(self).__name__.lower() + (f"({', '.join(chosen)})" if chosen else "")

    def memo(self, capacity: int) -> Hashable:
        """That of an empty pool."""
        return ()

    def inserted(self, order: Order, key: Key, rank: int) -> Order:
        """A newcomer, for which there is room."""
        return order.with_last(Line(key, rank))

    def hit(self, order: Order, key: Key) -> Order:
        """A get found this resident."""
        return order

    def updated(self, order: Order, key: Key, rank: int) -> Order:
        """This resident was set again, with another rank maybe."""
        return order.with_line(order.line(key)._replace(rank=rank))

    def victim(self, order: Order, need: Need) -> Choice:
        """Who leaves; somebody is eligible."""
        return Choice(need.eligible(order)[0].key, order)

    def left(self, order: Order, key: Key) -> Order:
        """The victim is gone."""
        return order.without(key)

    def renamed(self, memo: Hashable, name: Callable[[Key], Key]) -> Hashable:
        """The memo when keys have other names; to be written where it holds keys."""
        return memo


def empty(policy: Policy, capacity: int) -> Order:
    return Order(capacity, (), policy.memo(capacity))


@dataclass(frozen=True)
class Fifo(Policy):
    """The oldest leaves. An update keeps a resident's age, or renews it."""

    renews: bool = False

    @property
    def value(self) -> str:
        return "fifo-renewing" if self.renews else "fifo"

    def updated(self, order: Order, key: Key, rank: int) -> Order:
        return order.with_last(Line(key, rank)) if self.renews else order


@dataclass(frozen=True)
class Lru(Policy):
    """The least recently used leaves; a hit and a set are uses."""

    def hit(self, order: Order, key: Key) -> Order:
        return order.with_last(order.line(key))

    def updated(self, order: Order, key: Key, rank: int) -> Order:
        return order.with_last(Line(key, rank))


@dataclass(frozen=True)
class Priority(Policy):
    """The lowest rank leaves, of equals the oldest. An update takes the new rank, not a new age,
    unless it renews that too."""

    ranked = True
    renews: bool = False

    @property
    def value(self) -> str:
        return "priority-renewing" if self.renews else "priority"

    def updated(self, order: Order, key: Key, rank: int) -> Order:
        new = Line(key, rank)
        return order.with_last(new) if self.renews else order.with_line(new)

    def victim(self, order: Order, need: Need) -> Choice:
        return Choice(min(need.eligible(order), key=lambda line: line.rank).key, order)


Policy.FIFO, Policy.FIFO_RENEWING = Fifo(), Fifo(renews=True)
Policy.LRU = Lru()
Policy.PRIORITY, Policy.PRIORITY_RENEWING = Priority(), Priority(renews=True)
