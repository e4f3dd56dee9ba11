"""One pool: a bounded sequence of entries, first to be evicted first (PRIORITY: oldest first)."""

from typing import NamedTuple, assert_never

from spec.heap import Hand, Heap, client_step, contents, new_heap, orphan, seal, take_back
from spec.ops import (
    Cause,
    Census,
    Clear,
    Cleared,
    Contents,
    Counters,
    Done,
    Get,
    Hit,
    Inspect,
    Key,
    Left,
    Miss,
    Op,
    Peek,
    PoolOp,
    Read,
    Ref,
    Refused,
    Reread,
    ResetStats,
    Response,
    Rewrite,
    Set,
    SlotId,
    Stored,
    Write,
)
from spec.profile import (
    FifoUpdate,
    Ownership,
    Policy,
    Profile,
    copies,
    delivers_own,
    lends,
)


class Entry(NamedTuple):
    """A resident. `ref` is the object set (or the one copied), `as_set` its contents then."""

    key: Key
    slot: SlotId
    ref: Ref
    as_set: Contents
    priority: int = 0


class Pool(NamedTuple):
    profile: Profile
    capacity: int
    name: str = "pool"
    entries: tuple[Entry, ...] = ()
    counters: Counters = Counters()


class PoolState(NamedTuple):
    pool: Pool
    heap: Heap


def new_pool(profile: Profile, capacity: int, objects: int) -> PoolState:
    return PoolState(Pool(profile, capacity), new_heap(objects))


def find(pool: Pool, key: Key | None) -> Entry | None:
    for entry in pool.entries:
        if entry.key == key:
            return entry
    return None


def victim(pool: Pool) -> Entry:
    """The first in eviction order, of a pool that is not empty."""
    match pool.profile.policy:
        case Policy.FIFO | Policy.LRU:
            return pool.entries[0]
        case Policy.PRIORITY:
            return min(pool.entries, key=lambda entry: entry.priority)
        case _:
            assert_never(pool.profile.policy)


def lowest_free_slot(pool: Pool) -> SlotId:
    taken = {entry.slot for entry in pool.entries}
    return next(SlotId(slot) for slot in range(pool.capacity + 1) if slot not in taken)


def without(pool: Pool, entry: Entry) -> tuple[Entry, ...]:
    return tuple(other for other in pool.entries if other is not entry)


def with_entries(pool: Pool, entries: tuple[Entry, ...], counters: Counters) -> Pool:
    kept = counters if pool.profile.counting else pool.counters
    return Pool(pool.profile, pool.capacity, pool.name, entries, kept)


def leave(pool: Pool, entry: Entry, cause: Cause) -> Left:
    return Left(entry.key, entry.slot, None if copies(pool.profile) else entry.ref, cause)


def deliver(pool: Pool, heap: Heap, entry: Entry) -> Hit:
    if copies(pool.profile):
        return Hit(None, entry.as_set)
    return Hit(entry.ref, contents(heap, entry.ref))


def handed(pool: Pool, entry: Entry) -> Hand:
    """What the client holds after a hit: a fresh copy of its own, or the pool's."""
    if delivers_own(pool.profile):
        return Hand(entry.as_set, None, own=True)
    return Hand(entry.as_set, (pool.name, entry.key))


def get(pool: Pool, heap: Heap, key: Key) -> tuple[Pool, Heap, Response]:
    entry, counters = find(pool, key), pool.counters
    if entry is None:
        missed = counters._replace(misses=counters.misses + 1)
        return with_entries(pool, pool.entries, missed), heap, Miss()
    entries = pool.entries
    if pool.profile.policy is Policy.LRU:
        entries = (*without(pool, entry), entry)
    if copies(pool.profile):
        heap = Heap(heap.objects, handed(pool, entry))
    after = with_entries(pool, entries, counters._replace(hits=counters.hits + 1))
    return after, heap, deliver(pool, heap, entry)


def put(pool: Pool, heap: Heap, key: Key, ref: Ref, priority: int) -> tuple[Pool, Heap, Response]:
    """Update if resident, else insert, evicting the victim of a full pool."""
    if pool.profile.ownership is Ownership.SEALED:
        heap = seal(heap, ref)
    if lends(pool.profile):
        heap = take_back(heap)
    old = find(pool, key)
    if old is not None:
        return update(pool, heap, old, Entry(key, old.slot, ref, contents(heap, ref), priority))
    counters = pool.counters._replace(insertions=pool.counters.insertions + 1)
    if len(pool.entries) < pool.capacity:
        new = Entry(key, lowest_free_slot(pool), ref, contents(heap, ref), priority)
        return with_entries(pool, (*pool.entries, new), counters), heap, Stored(new.slot)
    out = victim(pool)
    new = Entry(key, out.slot, ref, contents(heap, ref), priority)
    counters = counters._replace(evictions=counters.evictions + 1)
    after = with_entries(pool, (*without(pool, out), new), counters)
    left = (leave(pool, out, Cause.EVICTED),)
    return after, orphan(heap, (pool.name, out.key)), Stored(new.slot, left)


def update(pool: Pool, heap: Heap, old: Entry, new: Entry) -> tuple[Pool, Heap, Response]:
    """The slot stays; LRU (and a FIFO that renews) makes it the last to go. Nobody is evicted."""
    if renews_age(pool.profile):
        entries = (*without(pool, old), new)
    else:
        entries = tuple(new if entry is old else entry for entry in pool.entries)
    counters = pool.counters._replace(updates=pool.counters.updates + 1)
    same = old.ref == new.ref and not copies(pool.profile)
    left = () if same else (leave(pool, old, Cause.UPDATED),)
    heap = orphan(heap, (pool.name, old.key))
    return with_entries(pool, entries, counters), heap, Stored(old.slot, left)


def renews_age(profile: Profile) -> bool:
    """Whether an update makes an entry the last to go."""
    if profile.policy is Policy.FIFO:
        return profile.fifo_update is FifoUpdate.RENEWS_AGE
    return profile.policy is Policy.LRU


def clear(pool: Pool, heap: Heap) -> tuple[Pool, Heap, Response]:
    by_slot = sorted(pool.entries, key=lambda entry: entry.slot)
    counters = pool.counters._replace(cleared=pool.counters.cleared + len(by_slot))
    if lends(pool.profile):
        heap = take_back(heap)
    for entry in by_slot:
        heap = orphan(heap, (pool.name, entry.key))
    left = tuple(leave(pool, entry, Cause.CLEARED) for entry in by_slot)
    return with_entries(pool, (), counters), heap, Cleared(left)


def retained(pool: Pool) -> tuple[frozenset[Ref], int]:
    """R5: the client's objects that the pool refers to, and how many copies (LENT: not counted)."""
    if copies(pool.profile):
        return frozenset(), 0 if lends(pool.profile) else len(pool.entries)
    return frozenset([entry.ref for entry in pool.entries]), 0


def census(pool: Pool) -> Census:
    return Census(frozenset(e.key for e in pool.entries), *retained(pool), pool.counters)


def pool_step(pool: Pool, heap: Heap, op: PoolOp) -> tuple[Pool, Heap, Response]:
    """One operation on one pool, over a heap that other pools may share."""
    match op:
        case Get(key) if key is not None:
            return get(pool, heap, key)
        case Set(key, ref, rank) if key is not None and ref is not None and rank is not None:
            priority = rank if pool.profile.policy is Policy.PRIORITY else 0
            return put(pool, heap, key, ref, priority)
        case Peek(key) if key is not None:
            entry = find(pool, key)
            return pool, heap, Miss() if entry is None else deliver(pool, heap, entry)
        case Get() | Set() | Peek():
            return pool, heap, Refused()
        case Clear():
            return clear(pool, heap)
        case Inspect():
            return pool, heap, census(pool)
        case ResetStats():
            fresh = Counters(carried=len(pool.entries))
            return with_entries(pool, pool.entries, fresh), heap, Done()
        case _:
            assert_never(op)


def step(state: PoolState, op: Op) -> tuple[PoolState, Response]:
    """One operation on one pool and its client: total, pure; what is refused changes nothing."""
    pool, heap = state
    match op:
        case Read() | Write() | Reread() | Rewrite():
            heap, response = client_step(heap, op)
        case _:
            pool, heap, response = pool_step(pool, heap, op)
    return PoolState(pool, heap), response
