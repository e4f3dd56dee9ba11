"""Policies of anyone's own: what to write, and how a pool goes by it.

A pool asks an `EvictionOrder` who is to leave, and tells it what happens to keys. It never sees a
value. What it raises or names wrongly is the caller's `KVCacheOrderError`; nothing has changed then
but the order, which is asked no more until the pool is cleared.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import ClassVar, TypeAlias, TypeVar

from kvref.errors import KVCacheOrderError, KVCacheTypeError, KVCacheValueError, number, show
from kvref.policy import ORDERS, EvictionStrategy, KeyOrder
from kvref.ranks import Priority, Rank, as_rank

T = TypeVar("T")


class EvictionOrder(ABC):
    """Who leaves a full pool, by a rule of your own. A pool makes a new one whenever it is empty.

    Write `victim`, and of the others what it goes by. Copies of a pool copy it deeply.
    """

    ranked: ClassVar[bool] = False
    """Whether a set may give a priority; if not, ranks are 0."""
    capacity: int
    """That of the pool, which says so before anything else."""

    @abstractmethod
    def victim(self) -> int:
        """The key that is to leave: a resident one. Asked just before `left`, or for nothing."""

    def inserted(self, key: int, rank: Rank) -> None:  # noqa: B027 - to be written where it matters
        """A new key, for which there is room."""

    def updated(self, key: int, rank: Rank) -> None:  # noqa: B027 - to be written where it matters
        """A resident key was set again."""

    def hit(self, key: int) -> None:  # noqa: B027 - to be written where it matters
        """A get found this key."""

    def left(self, key: int) -> None:  # noqa: B027 - to be written where it matters
        """The victim is gone."""


Evicting: TypeAlias = EvictionStrategy | Callable[[], EvictionOrder]
"""What a pool is made with: a strategy, or what makes an order (its class, say)."""


class OwnOrder:
    """Somebody's order, as a pool goes by it: every answer is checked before it counts."""

    trusted = False

    def __init__(self, order: EvictionOrder, slots: dict[int, int] | None = None) -> None:
        self.order = order
        self.slots: dict[int, int] = {} if slots is None else slots
        self.known: dict[int, Rank] = {}
        self.failed: list[str] = []

    def __copy__(self) -> "OwnOrder":
        copy = OwnOrder(self.asked(lambda: deepcopy(self.order), "__deepcopy__"), dict(self.slots))
        copy.known, copy.failed = dict(self.known), list(self.failed)
        return copy

    def beside(self) -> "OwnOrder":
        """The same order with slots of its own, to go back to."""
        beside = OwnOrder(self.order, dict(self.slots))
        beside.known, beside.failed = dict(self.known), self.failed
        return beside

    def asked(self, question: Callable[[], T], name: str) -> T:
        """What the order says. Once it has failed it is asked no more."""
        if self.failed:
            raise KVCacheOrderError(f"{self.failed[0]}: clear() the pool")
        try:
            return question()
        except Exception as error:
            raise self.failure(f"{name} raised {type(error).__name__}: {error}") from error
        except BaseException:
            self.failure(f"{name} was interrupted")
            raise

    def failure(self, what: str) -> KVCacheOrderError:
        self.failed.append(f"eviction order {type(self.order).__name__}: {what}")
        return KVCacheOrderError(self.failed[0])

    def rank(self, priority: Priority) -> Rank:
        if not self.order.ranked:
            raise KVCacheValueError(
                f"priority {show(priority)} given to a pool that evicts by "
                f"{type(self.order).__name__}, which takes none"
            )
        return as_rank(priority)

    def touch(self, key: int) -> None:
        self.asked(lambda: self.order.hit(key), "hit")

    renew: None = None

    def place(self, key: int, rank: Rank) -> None:
        new = key not in self.known
        told = self.order.inserted if new else self.order.updated
        self.asked(lambda: told(key, rank), "inserted" if new else "updated")
        self.known[key] = rank

    def victim(self) -> int:
        key = self.asked(self.order.victim, "victim")
        if type(key) is not int or key not in self.slots:
            told = number(key) if type(key) is int else show(key)
            raise self.failure(f"victim named {told}, which is not resident")
        return key

    def evict(self) -> tuple[int, int]:
        key = self.victim()
        return key, self.remove(key)

    def remove(self, key: int) -> int:
        self.asked(lambda: self.order.left(key), "left")
        del self.known[key]
        return self.slots.pop(key)

    def __iter__(self) -> Iterator[int]:
        """Keys as they were inserted: who goes when, the order alone knows."""
        return iter(self.known)

    def by_age(self) -> list[int]:
        return list(self.known)

    def priority(self, key: int) -> Rank | None:
        return self.known[key] if self.order.ranked else None


def require_evicting(evicting: object) -> None:
    if not isinstance(evicting, EvictionStrategy) and not callable(evicting):
        raise KVCacheValueError(f"{show(evicting)} is no EvictionStrategy, nor makes an order")


def order_by(evicting: Evicting, capacity: int) -> KeyOrder:
    """A new order of no keys."""
    if isinstance(evicting, EvictionStrategy):
        return ORDERS[evicting]()
    try:
        made: object = evicting()
    except Exception as error:
        told = f"making an eviction order raised {type(error).__name__}: {error}"
        raise KVCacheOrderError(f"{told} ({called(evicting)})") from error
    if not isinstance(made, EvictionOrder):
        raise KVCacheTypeError(f"{called(evicting)} makes {show(made)}, which is no EvictionOrder")
    made.capacity = capacity
    return OwnOrder(made)


def called(evicting: Evicting) -> str:
    """For messages and `repr`."""
    if isinstance(evicting, EvictionStrategy):
        return evicting.name
    return str(getattr(evicting, "__name__", type(evicting).__name__))


def recorded(evicting: Evicting) -> str:
    """For recordings, whose reader knows strategies alone."""
    if isinstance(evicting, EvictionStrategy):
        return evicting.value
    raise KVCacheValueError(
        f"a recording tells who leaves by an EvictionStrategy, not by {called(evicting)}"
    )
