"""kvref as a subject: the driver, and the abstraction function."""

from collections.abc import Callable, Iterable
from functools import partial
from math import isnan
from operator import attrgetter
from typing import ClassVar, cast

import spec.ops
import spec.profile
from kvref import (
    Cause,
    Departure,
    EvictionOrder,
    EvictionStrategy,
    KVCachePool,
    Ownership,
)
from kvref.orders import Evicting
from spec.heap import Hand, Heap, Object
from spec.ops import Contents, Counters, Key, Left, Ref, SlotId
from spec.pool import Entry, Pool, PoolState
from spec.profile import CLASSIC, KVREF, Policy, Profile, copies
from spec.profile import Ownership as Spec
from stateful_models.subjects.aspects import EVERYTHING, Aspect
from stateful_models.subjects.client import Box, Client, box
from stateful_models.subjects.pool import PoolSubject

NOTHING = Box(Ref(-1), Contents(-1), [])
STRATEGY = {policy: EvictionStrategy(policy.value) for policy in CLASSIC}
entry = cast(Callable[[int, int, int, int, object], Entry], Entry)  # plain numbers will do
counts = attrgetter(*(f"_{name}" for name in Counters._fields))  # public ones take their time
OWNERSHIP = {Spec[mine.name]: mine for mine in Ownership}


def note(departed: list[Left], private: bool, departure: Departure[object]) -> None:
    _, key, slot, value, cause = departure
    ref = None if private else box(value).ref
    departed.append(Left(Key(key), SlotId(slot), ref, cause_of(cause)))


def cause_of(cause: Cause) -> spec.ops.Cause:
    if cause is Cause.EVICTED:
        return spec.ops.Cause.EVICTED
    return spec.ops.Cause.UPDATED if cause is Cause.UPDATED else spec.ops.Cause.CLEARED


def abstract_pool(
    profile: Profile, pool: KVCachePool[object], as_set: dict[tuple[str, int], Contents]
) -> Pool:
    """Read from the pool's own structures; where they disagree, so does the result."""
    slots, values, order, name = pool._slots, pool._values, pool._order, pool._name
    keys = order.by_age() if slots else []  # as the specification keeps them
    if values.keys() != slots.keys():
        keys += [key for key in values if key not in slots]
    private = copies(profile)
    ranked = profile.policy.ranked
    entries = []
    for key in keys:
        value = values.get(key, NOTHING)
        assert isinstance(value, Box)
        was = value.contents if private else as_set.get((name, key), NOTHING.contents)
        rank = order.priority(key) or 0 if ranked and key in slots else 0
        entries.append(entry(key, slots.get(key, -1), value.ref, was, rank))
    return Pool(profile, pool._pool_size, name, tuple(entries), counters(pool))


def counters(pool: KVCachePool[object]) -> Counters:
    stats = pool._stats
    return Counters() if stats is None else Counters(*counts(stats))


def abstract_heap(client: Client, pools: Iterable[KVCachePool[object]]) -> Heap:
    made = client.objects
    objects = tuple([Object(one.contents, one.sealed) for one in made if isinstance(one, Box)])
    hand = client.hand
    if not isinstance(hand, Box):
        return Heap(objects)
    homes = [(pool.name, Key(k)) for pool in pools for k, v in pool._values.items() if v is hand]
    own = any(pool.ownership is Ownership.COPY_BOTH for pool in pools)
    return Heap(objects, Hand(hand.contents, homes[0] if homes else None, own))


def keys(pool: KVCachePool[object]) -> tuple[int, ...]:
    """By iteration, `in` and `len`, which must agree."""
    listed = tuple(pool)
    told = [key for key in listed if key in pool]
    return listed if len(pool) == len(told) == len(listed) else (-1,)


def offered(ranked: bool, rank: float) -> float | None:
    """The priority to pass to kvref, which takes one under PRIORITY only; NaN always."""
    return rank if ranked or isnan(rank) else None


class CalledPool(PoolSubject):
    """kvref's own pool, with everything reported."""

    reports = EVERYTHING
    pool_type: ClassVar[type[KVCachePool[object]]] = KVCachePool
    pool: KVCachePool[object]

    def start(self, profile: Profile, capacity: int) -> None:
        self.as_set: dict[tuple[str, int], Contents] = {}
        self.ranked = profile.policy.ranked
        self.pool = self.pool_type(
            capacity,
            self.evicting(profile.policy),
            profile.counting,
            "pool",
            ownership=OWNERSHIP[profile.ownership],
            on_evict=partial(note, self.departed, self.private),  # a method would be a cycle
        )

    def evicting(self, policy: Policy) -> Evicting:
        """How a pool of this policy is made."""
        return STRATEGY[policy]

    def get(self, key: int) -> object | None:
        return self.pool.get(key)

    def set(self, key: int, value: object, rank: float) -> int:
        slot = self.pool.set(key, value, priority=offered(self.ranked, rank))
        self.as_set["pool", key] = box(value).contents
        return slot

    def clear(self) -> None:
        self.pool.clear()

    def peek(self, key: int) -> object | None:
        return self.pool.peek(key)

    def keys(self) -> Iterable[int]:
        return keys(self.pool)

    def counters(self) -> Counters:
        return counters(self.pool)

    def reset_counters(self) -> None:
        if self.pool.stats is not None:
            self.pool.stats.reset()


class KvrefPool(CalledPool):
    """With its state open to comparison."""

    profiles: ClassVar[tuple[Profile, ...]] = KVREF

    def abstract(self) -> PoolState:
        return PoolState(
            abstract_pool(self.profile, self.pool, self.as_set),
            abstract_heap(self.client, (self.pool,)),
        )


class OrderSubject(CalledPool):
    """kvref's own pool under an `EvictionOrder` of somebody's own: name it, and the profiles whose
    policies say the same. It shows whose slot goes to whom, and no state."""

    reports = frozenset({Aspect.SLOTS, Aspect.DEPARTURES})
    order: ClassVar[Callable[[], EvictionOrder]]

    def evicting(self, policy: Policy) -> Evicting:
        return type(self).order
