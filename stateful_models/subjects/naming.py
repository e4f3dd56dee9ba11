"""How the specification's small names come to a cache: as which keys, ranks and values.

The specification calls keys and priorities 0, 1, 2; a law holds whatever they are called. A
naming says how a driver calls them, so that a cache meets the keys, priorities and values that
real ones do.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from spec.ops import Key
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

    def entry(self, shown: Entry) -> Entry:
        """An entry as the specification calls it."""
        rank = shown.priority
        priority = self.ranks.index(rank) if rank in self.ranks else rank
        return shown._replace(key=self.key_of(shown.key), priority=priority)


PLAIN: Final = Naming()
