"""How the specification's small names come to a cache: as which keys, ranks and values.

The specification calls keys and priorities 0, 1, 2; a law holds whatever they are called. A
naming says how a driver calls them, so that a cache meets the keys, priorities and values that
real ones do.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from spec.heap import Heap
from spec.ops import Contents, Key
from spec.pool import Entry


class Values(Enum):
    """What the client stores: objects that are true and equal to nothing else; that have no
    length and are false; or that are equal (`==`) to others with equal contents."""

    PLAIN = "plain"
    EMPTY = "empty"
    EQUAL = "equal"


@dataclass(frozen=True, slots=True)
class Naming:
    """Key n comes as `keys[n]`, priority n as `ranks[n]`; beyond these, as itself.

    `ranks` ascend, so that priorities keep their order.
    """

    keys: tuple[int, ...] = ()
    ranks: tuple[float, ...] = ()
    values: Values = Values.PLAIN

    def key(self, key: int) -> int:
        """An integer of its own at each call, equal to all others that this key has come as."""
        return self.keys[key] - 1 + 1 if 0 <= key < len(self.keys) else key

    def rank(self, priority: int) -> float:
        return self.ranks[priority] if 0 <= priority < len(self.ranks) else priority

    def key_of(self, told: int) -> Key:
        """The key that came as this; -1 if none did."""
        if told in self.keys:
            return Key(self.keys.index(told))
        return Key(told if told >= len(self.keys) else -1)

    def entry(self, shown: Entry, objects: int) -> Entry:
        """An entry as the specification calls it, where there are so many objects."""
        rank = shown.priority
        priority = self.ranks.index(rank) if rank in self.ranks else rank
        as_set = self.contents_of(shown.as_set, shown.ref, objects)
        return shown._replace(key=self.key_of(shown.key), as_set=as_set, priority=priority)

    def contents_of(self, told: Contents, ref: int, objects: int) -> Contents:
        """Contents as the specification calls them: EQUAL values have the same in every object."""
        return Contents(told * objects + ref) if self.values is Values.EQUAL else told

    def heap(self, shown: Heap) -> Heap:
        """What the client has, as the specification calls it."""
        count, hand = len(shown.objects), shown.hand
        objects = tuple(
            [
                one._replace(contents=self.contents_of(one.contents, ref, count))
                for ref, one in enumerate(shown.objects)
            ]
        )
        if hand is not None and hand.home is not None:
            pool, key = hand.home
            hand = hand._replace(home=(pool, self.key_of(key)))
        return Heap(objects, hand)


PLAIN: Final = Naming()
