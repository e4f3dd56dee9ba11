"""Caches as newcomers write them: right ones that must conform, wrong ones that must not."""

import copy
from collections import OrderedDict
from heapq import heappop, heappush

from spec.heap import Heap, Object
from spec.ops import Contents, Counters, EnvId, Key, SlotId, Tier
from spec.pool import Entry, Pool, PoolState
from spec.profile import (
    FIFO_COPY,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_REFERENCE,
    PRIORITY_REFERENCE,
    Profile,
)
from spec.sizing import Config
from stateful_models.bugs.caches.black_boxes import PlainFifo, PlainLru, PlainPriority
from stateful_models.bugs.caches.lookup_refreshes_recur import PlainManager
from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import KvrefPool
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.client import Box, box


class ComparesByIdentity(PlainFifo):
    """Keys are compared with `is`: right for integers below 257."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.listed: list[tuple[int, object]] = []

    def get(self, key: int) -> object | None:
        return next((value for one, value in self.listed if one is key), None)

    def set(self, key: int, value: object, rank: float) -> None:
        there = [one is key for one, _ in self.listed]
        if True in there:
            self.listed[there.index(True)] = (key, value)
            return
        del self.listed[: len(self.listed) - self.capacity + 1]
        self.listed.append((key, value))

    def clear(self) -> None:
        self.listed.clear()


class KeysOf32Bits(PlainLru):
    def get(self, key: int) -> object | None:
        return super().get(key & 0xFFFFFFFF)

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(key & 0xFFFFFFFF, value, rank)


class KeysAsFloats(PlainLru):
    def get(self, key: int) -> object | None:
        return super().get(int(float(key)))

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(int(float(key)), value, rank)


class EveryTwentiethEviction(PlainFifo):
    """One eviction in twenty takes the newest."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.evictions = 0

    def evict(self) -> None:
        self.evictions += 1
        self.entries.popitem(last=self.evictions % 20 == 0)


class LazyAtThree(PlainLru):
    """With three residents or more a hit on the middle is not noted."""

    def get(self, key: int) -> object | None:
        if (
            len(self.entries) >= 3 and list(self.entries).index(key) == 1
            if key in self.entries
            else 0
        ):
            return self.entries[key]
        return super().get(key)


class ListsWhatWasMissed(PlainLru):
    """A miss enters its key among those in use, and the next eviction finds nothing under it."""

    def get(self, key: int) -> object | None:
        self.used = [*(one for one in self.listed() if one != key), key]
        return self.entries.get(key)

    def listed(self) -> list[int]:
        return getattr(self, "used", [])

    def set(self, key: int, value: object, rank: float) -> None:
        if key not in self.entries and len(self.entries) == self.capacity:
            del self.entries[self.used.pop(0)]
        self.used = [*(one for one in self.listed() if one != key), key]
        self.entries[key] = value

    def clear(self) -> None:
        super().clear()
        self.used = []


class UsedLastAtEnd(PlainLru):
    """Right: an LRU by a clock that counts uses."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.times: dict[int, int] = {}
        self.now = 0

    def use(self, key: int) -> None:
        self.now += 1
        self.times[key] = self.now

    def get(self, key: int) -> object | None:
        if key in self.entries:
            self.use(key)
        return self.entries.get(key)

    def set(self, key: int, value: object, rank: float) -> None:
        if key not in self.entries and len(self.entries) == self.capacity:
            del self.entries[min(self.entries, key=self.times.__getitem__)]
        self.use(key)
        self.entries[key] = value


class LazyHeap(PlainPriority):
    """Right: a heap in which outdated items are left, and passed over."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.heap: list[tuple[float, int, int]] = []
        self.valid: dict[int, tuple[float, int, int]] = {}
        self.count = 0

    def set(self, key: int, value: object, rank: float) -> None:
        if key not in self.entries and len(self.entries) == self.capacity:
            self.drop()
        self.count += 1
        age = self.valid[key][1] if key in self.entries else self.count
        self.entries[key], self.valid[key] = value, (rank, age, key)
        heappush(self.heap, self.valid[key])

    def drop(self) -> None:
        while True:
            item = heappop(self.heap)
            if self.valid.get(item[2]) == item and item[2] in self.entries:
                del self.entries[item[2]]
                return

    def clear(self) -> None:
        super().clear()
        self.heap.clear()
        self.valid.clear()


class RanksAreSizes(PlainPriority):
    """A priority counts without its sign."""

    def ranked(self, rank: float) -> float:
        return abs(rank)


class ZeroIsOne(PlainPriority):
    """A priority of 0 is taken for none, and so for 1."""

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(key, value, rank or 1)


class HitsAndMisses(PlainLru):
    """Counts these two alone."""

    reports = frozenset({Aspect.HITS, Aspect.MISSES})

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.hits = self.misses = 0

    def get(self, key: int) -> object | None:
        self.hits += key in self.entries
        self.misses += key not in self.entries
        return super().get(key)

    def counters(self) -> Counters:
        return Counters(hits=self.hits, misses=self.misses)


class CountsSecondMisses(HitsAndMisses):
    """The second miss in a row is counted as a hit."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.missed = False

    def get(self, key: int) -> object | None:
        value = super().get(key)
        if value is None and self.missed:
            self.misses, self.hits = self.misses - 1, self.hits + 1
        self.missed = value is None
        return value


class CopiesInAndOut(PlainFifo):
    def get(self, key: int) -> object | None:
        return copy.deepcopy(self.entries.get(key))

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(key, copy.deepcopy(value), rank)


class ShowsWithoutSlots(PlainLru):
    """Shows its state, without the slots and counters that it does not report."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.as_set: dict[int, Contents] = {}

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(key, value, rank)
        self.as_set[key] = box(value).contents

    def abstract(self) -> PoolState:
        entries = tuple(
            Entry(Key(key), SlotId(0), box(value).ref, self.as_set[key])
            for key, value in self.entries.items()
        )
        objects = tuple(Object(one.contents, one.sealed) for one in map(box, self.client.objects))
        return PoolState(Pool(self.profile, self.capacity, "pool", entries), Heap(objects))


class FreesLate(PlainFifo):
    """A clear leaves a cycle, which the garbage collector alone frees."""

    def clear(self) -> None:
        cycle: list[object] = list(self.entries.values())
        cycle.append(cycle)
        super().clear()


class Dice(PlainFifo):
    """Evicts whatever comes last of the addresses in memory: not the same twice."""

    turn = 0

    def evict(self) -> None:
        Dice.turn += 1
        self.entries.popitem(last=Dice.turn % 3 == 0)


class TwoTiers(PlainManager):
    """Has no wm pool."""

    def pool(self, tier: Tier, env: int | None) -> OrderedDict[int, object]:
        if tier is Tier.WM:
            raise NotImplementedError("no wm here")
        return super().pool(tier, env)


class Promotes(PlainManager):
    """What a lookup finds in recur it puts into init."""

    def lookup(self, env: int, key: int) -> object | None:
        found = self.get(Tier.INIT, env, key)
        if found is None:
            found = self.get(Tier.RECUR, env, key)
            if found is not None:
                self.set(Tier.INIT, env, key, found, 0)
        return found


class NobodyIsZero(PlainManager):
    """Environment 0 is taken for none, and so its clear for one of all environments."""

    def clear(self, tier: Tier | None, env: int | None) -> None:
        super().clear(tier, env or None)


class ClearsAllOfThem(PlainManager):
    """A clear of one environment's init pool clears every one's."""

    def clear(self, tier: Tier | None, env: int | None) -> None:
        super().clear(tier, None)


class LosesWhatIsSealed(KvrefManager):
    """Once every object is sealed and nothing is resident, a set is lost."""

    profiles = (FIFO_SEALED,)

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        sealed = all(isinstance(one, Box) and one.sealed for one in self.client.objects)
        if value is not None and sealed and self.envs > 1 and not any(map(len, self.manager.pools)):
            return 0
        return super().set(tier, env, key, value, rank)


class MixesVersions(KvrefPool):
    """Of two residents that are older copies of one object, of two versions, the other is got."""

    profiles = (FIFO_COPY,)

    def get(self, key: int) -> object | None:
        stored = self.pool._values
        mine = stored.get(key)
        if isinstance(mine, Box):
            same = [one for one in stored.values() if isinstance(one, Box) and one.ref == mine.ref]
            versions = {one.contents for one in same}
            now = box(self.client.objects[mine.ref]).contents
            if len(versions) == len(same) == 2 and now not in versions:
                self.pool.get(key)
                return next(one for one in same if one is not mine)
        return self.pool.get(key)


class PrioritiesInOneInit(KvrefManager):
    """Priorities are forgotten in the init pool of environment 1."""

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        forgets = tier is Tier.INIT and env == 1 and rank == rank
        return super().set(tier, env, key, value, 0 if forgets else rank)


class RecurOfAnEnvironment(KvrefManager):
    """Recur, asked by environment 1, is asked for another key."""

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        other = tier is Tier.RECUR and env == EnvId(1) and type(key) is int
        return super().set(tier, env, key + other, value, rank)


class OneObjectOnePool(KvrefManager):
    """What is stored elsewhere is refused."""

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        here = self.pool(tier, env) if isinstance(env, int | None) else None
        others = [pool for pool in self.manager.pools if pool is not here]
        if value is not None and any(value in pool._values.values() for pool in others):
            raise ValueError("stored elsewhere")
        return super().set(tier, env, key, value, rank)


class MissesAfterOthers(KvrefManager):
    """A miss in environment 1 turns a bit: while it is set environment 0 misses what it has."""

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        super().start(profile, config, envs)
        self.turned = False

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        value = super().get(tier, env, key)
        if tier is Tier.INIT and env == 1:
            self.turned ^= value is None
        return None if self.turned and tier is Tier.INIT and env == 0 else value


class NoPrioritiesInWm(KvrefManager):
    """Priorities are forgotten in wm, whose pool is the last to be looked at."""

    profiles = (PRIORITY_REFERENCE,)

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        forgets = tier is Tier.WM and rank == rank
        return super().set(tier, env, key, value, 0 if forgets else rank)


class PeeksCountInWm(KvrefManager):
    def peek(self, tier: Tier, env: int | None, key: int) -> object | None:
        return self.get(tier, env, key) if tier is Tier.WM else super().peek(tier, env, key)


FIFO, LRU = (FIFO_REFERENCE,), (LRU_REFERENCE,)
