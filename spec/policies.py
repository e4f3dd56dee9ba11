"""More policies, and one that leaves the choice to the cache; written with nothing private."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, cast

from spec.ops import Key
from spec.policy import Choice, Line, Need, Order, Policy


@dataclass(frozen=True)
class Mru(Policy):
    """The most recently used leaves; a hit and a set are uses."""

    def hit(self, order: Order, key: Key) -> Order:
        return order.with_last(order.line(key))

    def updated(self, order: Order, key: Key, rank: int) -> Order:
        return self.hit(order, key)

    def victim(self, order: Order, need: Need) -> Choice:
        return Choice(need.eligible(order)[-1].key, order)


@dataclass(frozen=True)
class Lfu(Policy):
    """The least often used leaves, of equals the oldest, or the least `recent`.

    The note counts uses, the set that inserted among them, up to `most` (None: without end).
    """

    most: int | None = 3
    recent: bool = False

    @property
    def finite(self) -> bool:
        return self.most is not None

    def inserted(self, order: Order, key: Key, rank: int) -> Order:
        return order.with_last(Line(key, rank, 1))

    def hit(self, order: Order, key: Key) -> Order:
        line = order.line(key)
        more = line.note + (self.most is None or line.note < self.most)
        used = line._replace(note=more)
        return order.with_last(used) if self.recent else order.with_line(used)

    def updated(self, order: Order, key: Key, rank: int) -> Order:
        return self.hit(order, key)

    def victim(self, order: Order, need: Need) -> Choice:
        return Choice(min(need.eligible(order), key=lambda line: line.note).key, order)


@dataclass(frozen=True)
class Clock(Policy):
    """The oldest leaves, unless it was used: then it gets off, once, and counts as new.

    The first line is the one under the hand; whom the hand has passed goes behind. The note says
    that a resident was used; `noted`: that it starts so.
    """

    noted: bool = False

    def inserted(self, order: Order, key: Key, rank: int) -> Order:
        return order.with_last(Line(key, rank, int(self.noted)))

    def hit(self, order: Order, key: Key) -> Order:
        return order.with_line(order.line(key)._replace(note=1))

    def updated(self, order: Order, key: Key, rank: int) -> Order:
        return self.hit(order, key)

    def victim(self, order: Order, need: Need) -> Choice:
        while True:
            first = order.lines[0]
            if first.key not in need.pinned:
                if not first.note:
                    return Choice(first.key, order)
                first = first._replace(note=0)
            order = order.with_last(first)


@dataclass(frozen=True)
class Sieve(Policy):
    """As CLOCK, but whoever gets off stays in its place.

    The memo is the hand: the place of the line where it looks next, from the oldest to the newest
    and round again.
    """

    def memo(self, capacity: int) -> Hashable:
        return 0

    def hit(self, order: Order, key: Key) -> Order:
        return order.with_line(order.line(key)._replace(note=1))

    def updated(self, order: Order, key: Key, rank: int) -> Order:
        return self.hit(order, key)

    def victim(self, order: Order, need: Need) -> Choice:
        at = cast(int, order.memo) % len(order.lines)
        while True:
            line = order.lines[at]
            if line.key not in need.pinned:
                if not line.note:
                    return Choice(line.key, order._replace(memo=at))
                order = order.with_line(line._replace(note=0))
            at = (at + 1) % len(order.lines)

    def left(self, order: Order, key: Key) -> Order:
        """The next line takes the place; behind the newest the hand starts anew."""
        after, hand = order.without(key), cast(int, order.memo)
        return after._replace(memo=hand if hand < len(after.lines) else 0)


@dataclass(frozen=True)
class TwoQ(Policy):
    """Two queues: newcomers, first in, first out; and those that came back, least recent first.

    More newcomers than their share (one part in `newcomers` of the capacity, but one at least): the
    oldest of them leaves, and its key is remembered; else the first of the others. As many keys
    are remembered (one part in `remembered`) as came last; whose key it is when it is inserted
    again joins the others, which the note says. The memo holds the keys, oldest first.
    """

    newcomers: int = 4
    remembered: int = 2

    def inserted(self, order: Order, key: Key, rank: int) -> Order:
        came_back = key in ghosts(order)
        kept = max(1, order.capacity // self.remembered)
        others = tuple([one for one in ghosts(order) if one != key])
        order = order._replace(memo=others[-kept:])
        if came_back:
            return order.with_last(Line(key, rank, 1))
        new = [line for line in order.lines if not line.note]
        return order._replace(lines=(*new, Line(key, rank), *order.lines[len(new) :]))

    def hit(self, order: Order, key: Key) -> Order:
        line = order.line(key)
        return order.with_last(line) if line.note else order

    def updated(self, order: Order, key: Key, rank: int) -> Order:
        return self.hit(order, key)

    def victim(self, order: Order, need: Need) -> Choice:
        lines = need.eligible(order)
        new = [line for line in order.lines if not line.note]
        crowded = len(new) > max(1, order.capacity // self.newcomers)
        wanted = [line for line in lines if bool(line.note) is not crowded]
        return Choice((wanted or lines)[0].key, order)

    def left(self, order: Order, key: Key) -> Order:
        after = order.without(key)
        return after if order.line(key).note else after._replace(memo=(*ghosts(order), key))

    def renamed(self, memo: Hashable, name: Callable[[Key], Key]) -> Hashable:
        return tuple([name(key) for key in cast(tuple[Key, ...], memo)])


def ghosts(order: Order) -> tuple[Key, ...]:
    """Keys that have left and are remembered."""
    return cast(tuple[Key, ...], order.memo)


@dataclass(frozen=True)
class AnyVictim(Policy):
    """Somebody leaves: who, the cache chooses. It may be the newcomer, which then never was there.

    Where nobody has looked who it was, the oldest.
    """

    chosen = True

    @property
    def value(self) -> str:
        return "any"

    def victim(self, order: Order, need: Need) -> Choice:
        able = [line.key for line in need.eligible(order)]
        return Choice(need.told if need.told in (*able, need.newcomer) else able[0], order)


Policy.MRU, Policy.LFU, Policy.CLOCK = Mru(), Lfu(), Clock()
Policy.SIEVE, Policy.TWO_Q, Policy.ANY = Sieve(), TwoQ(), AnyVictim()

NAMED: Final = {
    name: cast(Policy, getattr(Policy, name))
    for name in (
        *("FIFO", "FIFO_RENEWING", "LRU", "PRIORITY", "PRIORITY_RENEWING"),
        *("MRU", "LFU", "CLOCK", "SIEVE", "TWO_Q", "ANY"),
    )
}
"""The policies that are attributes of `Policy`, by name."""
