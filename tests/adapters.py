"""Other people's caches as subjects, right and wrong, for the tests of the command line."""

from collections import OrderedDict
from typing import ClassVar

import cachetools

from spec.profile import FIFO_REFERENCE, LRU_REFERENCE, FifoUpdate, Policy, Profile
from stateful_models.subject import Aspect, PoolSubject


class CachetoolsLru(PoolSubject):
    profiles: ClassVar[tuple[Profile, ...]] = (LRU_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        self.cache: cachetools.Cache[int, object] = cachetools.LRUCache(capacity)

    def get(self, key: int) -> object | None:
        value: object | None = self.cache.get(key)
        return value

    def set(self, key: int, value: object, rank: float) -> None:
        self.cache[key] = value

    def clear(self) -> None:
        self.cache.clear()


class CachetoolsFifo(CachetoolsLru):
    """cachetools' FIFOCache lets an update renew an entry's age, and says so here."""

    profiles = (Profile(Policy.FIFO, fifo_update=FifoUpdate.RENEWS_AGE),)

    def start(self, profile: Profile, capacity: int) -> None:
        self.cache = cachetools.FIFOCache(capacity)


class CachetoolsFifoAsIfKeepingAge(CachetoolsFifo):
    profiles = (FIFO_REFERENCE,)


class Broken(PoolSubject):
    """An LRU cache that a get does not touch; it reports its keys too."""

    profiles = (LRU_REFERENCE,)
    reports = frozenset({Aspect.RETENTION, Aspect.INSPECTION})

    def start(self, profile: Profile, capacity: int) -> None:
        self.capacity = capacity
        self.values: OrderedDict[int, object] = OrderedDict()

    def get(self, key: int) -> object | None:
        return self.values.get(key)

    peek = get

    def keys(self) -> list[int]:
        return list(self.values)

    def set(self, key: int, value: object, rank: float) -> None:
        self.values[key] = value
        self.values.move_to_end(key)
        if len(self.values) > self.capacity:
            self.values.popitem(last=False)

    def clear(self) -> None:
        self.values.clear()


class NoSubject:
    def __init__(self, profile: Profile, capacity: int, objects: int) -> None:
        pass


class Unbuildable(Broken):
    def start(self, profile: Profile, capacity: int) -> None:
        raise OSError("no such device")


class NoProfiles(CachetoolsLru):
    profiles: ClassVar[tuple[Profile, ...]] = ()


NOT_CALLABLE = 3
