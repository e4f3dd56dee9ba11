"""Caches that do to the process they run in what a cache should not do."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections import OrderedDict
from multiprocessing import parent_process
from typing import ClassVar

from spec.ops import Counters, Tier
from spec.profile import FIFO_REFERENCE, LRU_REFERENCE, Profile
from stateful_models.reference.manager import KvrefManager
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.pool import PoolSubject


class Fifo(PoolSubject):
    """A right one."""

    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        self.stored: OrderedDict[int, object] = OrderedDict()
        self.capacity = capacity

    def get(self, key: int) -> object | None:
        return self.stored.get(key)

    def set(self, key: int, value: object, rank: float) -> int | None:
        if self.full(key):
            self.evict()
        self.stored[key] = value
        return None

    def full(self, key: int) -> bool:
        return key not in self.stored and len(self.stored) >= self.capacity

    def evict(self) -> None:
        self.stored.popitem(last=False)

    def clear(self) -> None:
        self.stored.clear()


class Loops(Fifo):
    """For ever, where it evicts."""

    def evict(self) -> None:
        while True:
            pass


class Ghost(Fifo):
    """A miss enters its key into the order, where the eviction then finds it again and again."""

    profiles = (LRU_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.order: OrderedDict[int, None] = OrderedDict()

    def get(self, key: int) -> object | None:
        self.touch(key)
        return super().get(key)

    def touch(self, key: int) -> None:
        self.order[key] = None
        self.order.move_to_end(key)

    def set(self, key: int, value: object, rank: float) -> None:
        super().set(key, value, rank)
        self.touch(key)

    def evict(self) -> None:
        while True:
            oldest = next(iter(self.order))
            if self.stored.pop(oldest, None) is not None:
                del self.order[oldest]
                return


class Crashes(Fifo):
    def evict(self) -> None:
        ctypes.string_at(0)


class Leaves(Fifo):
    """As if all were well."""

    def evict(self) -> None:
        os._exit(0)


class LeavesWith(Fifo):
    def evict(self) -> None:
        os._exit(3)


class Killed(Fifo):
    def evict(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class KilledInWorkers(Fifo):
    def evict(self) -> None:
        if parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        super().evict()


class LoopsInWorkers(Fifo):
    def evict(self) -> None:
        while parent_process() is not None:
            pass
        super().evict()


class KilledOnce(Fifo):
    """The first time that a process comes by; `KILLED_ONCE` names a file that remembers it."""

    def evict(self) -> None:
        if parent_process() is not None:
            try:
                os.mkdir(os.environ["KILLED_ONCE"])
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        super().evict()


class Prints(Fifo):
    def get(self, key: int) -> object | None:
        print("looking for", key)
        os.write(1, b"from below\n")
        return super().get(key)


class Wanders(Fifo):
    """Off with the path and the folder."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        sys.path.clear()
        os.chdir("/")


class Threads(Fifo):
    """A thread that has all the time in the world."""

    started: ClassVar[bool] = False

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        if not type(self).started:
            type(self).started = True
            threading.Thread(target=time.sleep, args=(100_000,)).start()


class Interrupts(Fifo):
    def evict(self) -> None:
        raise KeyboardInterrupt


class Shared(Fifo):
    """All instances have one store."""

    store: ClassVar[OrderedDict[int, object]] = OrderedDict()

    def start(self, profile: Profile, capacity: int) -> None:
        self.stored, self.capacity = self.store, capacity


class Slow(Fifo):
    def get(self, key: int) -> object | None:
        time.sleep(0.05)
        return super().get(key)

    def set(self, key: int, value: object, rank: float) -> None:
        time.sleep(0.05)
        super().set(key, value, rank)


class HangsAtStart(Fifo):
    def start(self, profile: Profile, capacity: int) -> None:
        while capacity == 2:
            pass
        super().start(profile, capacity)


class LeavesAtStart(Fifo):
    def start(self, profile: Profile, capacity: int) -> None:
        os._exit(0)


class Leaky(KvrefManager):
    """A manager that ends the process when the second environment looks something up."""

    def lookup(self, env: int, key: int) -> object | None:
        if env == 1:
            os._exit(3)
        return super().lookup(env, key)


class HangingManager(KvrefManager):
    def clear(self, tier: Tier | None, env: int | None) -> None:
        while tier is Tier.INIT and env == 1:
            pass
        super().clear(tier, env)


class WordySlots(Fifo):
    reports = frozenset({Aspect.SLOTS})

    def set(self, key: int, value: object, rank: float) -> int:
        super().set(key, value, rank)
        return "slot 0"  # type: ignore[return-value]  # wrong on purpose


class CountersInADict(Fifo):
    reports = frozenset({Aspect.COUNTERS})

    def counters(self) -> Counters:
        return {"hits": 1}  # type: ignore[return-value]  # wrong on purpose

    def reset_counters(self) -> None:
        pass


class NoKeys(Fifo):
    reports = frozenset({Aspect.INSPECTION})

    def peek(self, key: int) -> object | None:
        return self.stored.get(key)

    def keys(self) -> list[int]:
        return None  # type: ignore[return-value]  # wrong on purpose


class NoPeek(Fifo):
    reports = frozenset({Aspect.INSPECTION})


class NamedProfile(Fifo):
    profiles = ("fifo",)  # type: ignore[assignment]  # wrong on purpose


class ListedProfiles(Fifo):
    profiles: ClassVar = [FIFO_REFERENCE]  # type: ignore[assignment]  # wrong on purpose
