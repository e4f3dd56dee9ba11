"""Other people's caches as subjects, right and wrong, for the tests of the command line."""

from collections import OrderedDict
from typing import ClassVar

import cachetools

from spec.manager import ManagerState
from spec.ops import Tier
from spec.profile import (
    FIFO_REFERENCE,
    LRU_REFERENCE,
    Ownership,
    Policy,
    Profile,
    Sizing,
)
from spec.sizing import Config
from stateful_models.reference.manager import KvrefManager
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.manager import ManagerSubject
from stateful_models.subjects.pool import PoolSubject


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

    profiles = (Profile(Policy.FIFO_RENEWING),)

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


class TakesAnything:
    def __init__(self, *anything: object) -> None:
        pass


class Unbuildable(Broken):
    def start(self, profile: Profile, capacity: int) -> None:
        raise OSError("no such device")


class NoProfiles(CachetoolsLru):
    profiles: ClassVar[tuple[Profile, ...]] = ()


def made_by_a_function(profile: Profile, capacity: int, objects: int) -> CachetoolsLru:
    return CachetoolsLru(profile, capacity, objects)


class Nested:
    class Lru(CachetoolsLru):
        pass


LOCAL = (lambda: type("Local", (CachetoolsLru,), {}))()


class BareProfile(CachetoolsLru):
    profiles = LRU_REFERENCE  # type: ignore[assignment]  # wrong on purpose


class WordyReports(CachetoolsLru):
    reports = "slots"  # type: ignore[assignment]  # wrong on purpose


class LateFailure(CachetoolsLru):
    def start(self, profile: Profile, capacity: int) -> None:
        if capacity > 1:
            raise MemoryError("too large")
        super().start(profile, capacity)


class Exits(CachetoolsLru):
    def get(self, key: int) -> object | None:
        raise SystemExit(0)


class BadAbstract(CachetoolsLru):
    def abstract(self) -> object:
        raise OSError("no state today")


class UntoldSlots(CachetoolsLru):
    """Returns a slot without claiming to tell slots."""

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(key, value, rank)
        return 7  # type: ignore[return-value]  # beside the point, and to be ignored


class MinimalManager(ManagerSubject):
    """Only what is asked for."""

    profiles: ClassVar[tuple[Profile, ...]] = (LRU_REFERENCE,)

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        assert config.game_segment_length is not None
        assert config.num_simulations is not None
        self.inits: list[cachetools.Cache[int, object]] = [
            cachetools.LRUCache(config.game_segment_length) for _ in range(envs)
        ]
        self.recur: cachetools.Cache[int, object] = cachetools.LRUCache(
            config.num_simulations * envs
        )
        self.wm: cachetools.Cache[int, object] = cachetools.LRUCache(envs)

    def pool(self, tier: Tier, env: int | None) -> "cachetools.Cache[int, object]":
        return self.inits[env or 0] if tier is Tier.INIT else [self.recur, self.wm][tier is Tier.WM]

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        value: object | None = self.pool(tier, env).get(key)
        return value

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> None:
        self.pool(tier, env)[key] = value

    def clear(self, tier: Tier | None, env: int | None) -> None:
        if tier in (None, Tier.INIT):
            for pool in self.inits if env is None else [self.inits[env]]:
                pool.clear()
        if tier in (None, Tier.RECUR):
            self.recur.clear()
        if tier in (None, Tier.WM):
            self.wm.clear()

    def lookup(self, env: int, key: int) -> object | None:
        found = self.get(Tier.INIT, env, key)
        return self.get(Tier.RECUR, env, key) if found is None else found


class RecurFirst(MinimalManager):
    def lookup(self, env: int, key: int) -> object | None:
        found = self.get(Tier.RECUR, env, key)
        return self.get(Tier.INIT, env, key) if found is None else found


def manager_by_a_function(
    profile: Profile, config: Config, envs: int, objects: int
) -> MinimalManager:
    return MinimalManager(profile, config, envs, objects)


class SearchSafe(KvrefManager):
    profiles = (Profile(ownership=Ownership.SEALED, sizing=Sizing.SEARCH_SAFE),)


def search_safe_by_a_function(
    profile: Profile, config: Config, envs: int, objects: int
) -> SearchSafe:
    return SearchSafe(profile, config, envs, objects)


def refused_arguments(profile: Profile) -> None:
    raise AssertionError


NOT_CALLABLE = 3


class Idle(KvrefManager):
    """Nothing is ever stored, so nobody is ever told of anybody."""

    profiles = (FIFO_REFERENCE,)

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        return 0


class NoStateToday(KvrefManager):
    def abstract(self) -> ManagerState:
        raise OSError("no state today")
