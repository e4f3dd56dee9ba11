"""Eviction orders for kvref's pools: one for each policy of `spec.policies`, and wrong ones."""

from kvref import EvictionOrder, Rank


class Aged(EvictionOrder):
    """By age: the oldest leaves."""

    def __init__(self) -> None:
        self.keys = list[int]()

    def inserted(self, key: int, rank: Rank) -> None:
        self.keys.append(key)

    def victim(self) -> int:
        return self.keys[0]

    def left(self, key: int) -> None:
        self.keys.remove(key)

    def renew(self, key: int) -> None:
        self.keys.remove(key)
        self.keys.append(key)


class Renewing(Aged):
    def updated(self, key: int, rank: Rank) -> None:
        self.renew(key)


class Ranked(Renewing):
    ranked = True

    def __init__(self) -> None:
        super().__init__()
        self.ranks = dict[int, Rank]()

    def inserted(self, key: int, rank: Rank) -> None:
        super().inserted(key, rank)
        self.ranks[key] = rank

    def updated(self, key: int, rank: Rank) -> None:
        super().updated(key, rank)
        self.ranks[key] = rank

    def victim(self) -> int:
        return min(self.keys, key=self.ranks.__getitem__)


class RanksAreKept(Ranked):
    def updated(self, key: int, rank: Rank) -> None:
        self.renew(key)


class Mru(Renewing):
    def hit(self, key: int) -> None:
        self.renew(key)

    def victim(self) -> int:
        return self.keys[-1]


class MruIgnoresHits(Mru):
    def hit(self, key: int) -> None:
        """A hit is no use."""


class Lfu(Aged):
    most = 3

    def __init__(self) -> None:
        super().__init__()
        self.uses = dict[int, int]()

    def inserted(self, key: int, rank: Rank) -> None:
        super().inserted(key, rank)
        self.uses[key] = 1

    def hit(self, key: int) -> None:
        self.uses[key] = min(self.most, self.uses[key] + 1)

    def updated(self, key: int, rank: Rank) -> None:
        self.hit(key)

    def victim(self) -> int:
        return min(self.keys, key=self.uses.__getitem__)


class LfuRemembers(Lfu):
    def inserted(self, key: int, rank: Rank) -> None:
        Aged.inserted(self, key, rank)
        self.uses[key] = min(self.most, self.uses.get(key, 0) + 1)


class Marked(Aged):
    def __init__(self) -> None:
        super().__init__()
        self.used = set[int]()

    def hit(self, key: int) -> None:
        self.used.add(key)

    def updated(self, key: int, rank: Rank) -> None:
        self.hit(key)

    def left(self, key: int) -> None:
        super().left(key)
        self.used.discard(key)


class Clock(Marked):
    def victim(self) -> int:
        while self.keys[0] in self.used:
            self.used.remove(self.keys[0])
            self.renew(self.keys[0])
        return self.keys[0]


class ClockKeepsMarks(Clock):
    """The hand passes over whom it finds used, and leaves the mark."""

    def victim(self) -> int:
        bare = [key for key in self.keys if key not in self.used]
        return bare[0] if bare else self.keys[0]


class Sieve(Marked):
    def __init__(self) -> None:
        super().__init__()
        self.hand = 0

    def victim(self) -> int:
        while self.keys[self.hand] in self.used:
            self.used.remove(self.keys[self.hand])
            self.hand = (self.hand + 1) % len(self.keys)
        return self.keys[self.hand]

    def left(self, key: int) -> None:
        super().left(key)
        self.hand %= max(1, len(self.keys))


class SieveStartsAnew(Sieve):
    """The hand looks from the oldest each time."""

    def left(self, key: int) -> None:
        super().left(key)
        self.hand = 0


class TwoQ(EvictionOrder):
    """A quarter of newcomers, but one at least; half as many keys remembered."""

    def __init__(self) -> None:
        self.new, self.main, self.gone = list[int](), list[int](), list[int]()

    def inserted(self, key: int, rank: Rank) -> None:
        (self.main if key in self.gone else self.new).append(key)
        kept = max(1, self.capacity // 2)
        self.gone = [one for one in self.gone if one != key][-kept:]

    def hit(self, key: int) -> None:
        if key in self.main:
            self.main.remove(key)
            self.main.append(key)

    def updated(self, key: int, rank: Rank) -> None:
        self.hit(key)

    def victim(self) -> int:
        crowded = len(self.new) > max(1, self.capacity // 4)
        return self.new[0] if crowded or not self.main else self.main[0]

    def left(self, key: int) -> None:
        if key in self.new:
            self.new.remove(key)
            self.gone.append(key)
        else:
            self.main.remove(key)


class TwoQForgets(TwoQ):
    """Who comes back is a newcomer again."""

    def left(self, key: int) -> None:
        super().left(key)
        self.gone = []
