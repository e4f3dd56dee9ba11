"""Caches that copy at different moments, and lend or give what they deliver."""

from collections import OrderedDict

from spec.profile import Policy, Profile
from stateful_models.subjects.client import Box, box
from stateful_models.subjects.pool import PoolSubject


class CopiesIn(PoolSubject):
    """A set copies; a hit delivers that copy, which can be written."""

    def start(self, profile: Profile, capacity: int) -> None:
        self.kept: OrderedDict[int, Box] = OrderedDict()
        self.room = capacity
        self.refreshes = profile.policy == Policy.LRU

    def taken(self, value: Box) -> Box:
        return value.clone()

    def given(self, value: Box) -> Box:
        return value

    def get(self, key: int) -> object | None:
        if key not in self.kept:
            return None
        if self.refreshes:
            self.kept.move_to_end(key)
        return self.given(self.kept[key])

    def set(self, key: int, value: object, rank: float) -> None:
        if key not in self.kept and len(self.kept) == self.room:
            self.kept.popitem(last=False)
        self.kept[key] = self.taken(box(value))
        if self.refreshes:
            self.kept.move_to_end(key)

    def clear(self) -> None:
        self.kept.clear()


class CopiesBoth(CopiesIn):
    def given(self, value: Box) -> Box:
        return value.clone()


class CopiesBothSealed(CopiesBoth):
    def given(self, value: Box) -> Box:
        copy = value.clone()
        copy.seal()
        return copy


class CopiesOut(CopiesBoth):
    def taken(self, value: Box) -> Box:
        return value


class KeepsWhatItGave(CopiesBoth):
    def given(self, value: Box) -> Box:
        self.last = value.clone()
        return self.last


class Lends(CopiesIn):
    """A set copies into storage that is used again; a hit lends it."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.free: list[Box] = []

    def set(self, key: int, value: object, rank: float) -> None:
        new = key not in self.kept
        if new and len(self.kept) == self.room:
            self.free.append(self.kept.popitem(last=False)[1])
        slot = self.kept.get(key) or (self.free.pop() if self.free else box(value).clone())
        slot.write(box(value).contents)
        self.kept[key] = slot
        if self.refreshes:
            self.kept.move_to_end(key)

    def clear(self) -> None:
        self.free += self.kept.values()
        self.kept.clear()


class LendsStale(Lends):
    def get(self, key: int) -> object | None:
        return self.kept.get(key)


class LendsYours(Lends):
    def taken(self, value: Box) -> Box:
        return value

    def set(self, key: int, value: object, rank: float) -> None:
        CopiesIn.set(self, key, value, rank)
