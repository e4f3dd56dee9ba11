"""One pool: a bounded sequence of entries, in the order that its policy keeps."""

from collections.abc import Hashable
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
from spec.policy import Line, Need, Order, PolicyError, empty
from spec.profile import Ownership, Profile, copies, delivers_own, lends


class Entry(NamedTuple):
    """A resident. `ref` is the object set (or the one copied), `as_set` its contents then."""

    key: Key
    slot: SlotId
    ref: Ref
    as_set: Contents
    priority: int = 0
    note: int = 0


class Pool(NamedTuple):
    """`memo` and the entries' notes are what the policy remembers."""

    profile: Profile
    capacity: int
    name: str = "pool"
    entries: tuple[Entry, ...] = ()
    counters: Counters = Counters()
    memo: Hashable = ()


class PoolState(NamedTuple):
    pool: Pool
    heap: Heap


def new_pool(profile: Profile, capacity: int, objects: int) -> PoolState:
    return PoolState(empty_pool(profile, capacity), new_heap(objects))


def empty_pool(profile: Profile, capacity: int, name: str = "pool") -> Pool:
    return Pool(profile, capacity, name, memo=empty(profile.policy, capacity).memo)


def find(pool: Pool, key: Key | None) -> Entry | None:
    for entry in pool.entries:
        if entry.key == key:
            return entry
    return None


def order_of(pool: Pool) -> Order:
    """What the policy sees of a pool."""
    lines = tuple([Line(entry.key, entry.priority, entry.note) for entry in pool.entries])
    return Order(pool.capacity, lines, pool.memo)


def arranged(pool: Pool, entries: tuple[Entry, ...], order: Order, counters: Counters) -> Pool:
    """The pool with these entries, all of them, in this order."""
    named = {entry.key: entry for entry in entries}
    if len(order.lines) != len(entries) or {line.key for line in order.lines} != named.keys():
        raise PolicyError(f"{pool.profile.policy.value}: {order} is no order of {[*named]}")
    placed = tuple([lined(named[line.key], line) for line in order.lines])
    return with_entries(pool, placed, counters)._replace(memo=order.memo)


def lined(entry: Entry, line: Line) -> Entry:
    if entry.note == line.note and entry.priority == line.rank:
        return entry
    return entry._replace(priority=line.rank, note=line.note)


def lowest_free_slot(pool: Pool) -> SlotId:
    taken = {entry.slot for entry in pool.entries}
    return next(SlotId(slot) for slot in range(pool.capacity + 1) if slot not in taken)


def with_entries(pool: Pool, entries: tuple[Entry, ...], counters: Counters) -> Pool:
    kept = counters if pool.profile.counting else pool.counters
    return Pool(pool.profile, pool.capacity, pool.name, entries, kept, pool.memo)


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
    if copies(pool.profile):
        heap = Heap(heap.objects, handed(pool, entry))
    order, counters = order_of(pool), counters._replace(hits=counters.hits + 1)
    after = pool.profile.policy.hit(order, key)
    if after is order:
        return with_entries(pool, pool.entries, counters), heap, deliver(pool, heap, entry)
    return arranged(pool, pool.entries, after, counters), heap, deliver(pool, heap, entry)


def put(
    pool: Pool, heap: Heap, key: Key, ref: Ref, priority: int, told: Key | None
) -> tuple[Pool, Heap, Response]:
    """Update if resident, else insert; of a full pool the victim leaves."""
    if pool.profile.ownership is Ownership.SEALED:
        heap = seal(heap, ref)
    if lends(pool.profile):
        heap = take_back(heap)
    old = find(pool, key)
    if old is not None:
        return update(pool, heap, old, Entry(key, old.slot, ref, contents(heap, ref), priority))
    new = Entry(key, lowest_free_slot(pool), ref, contents(heap, ref), priority)
    if len(pool.entries) == pool.capacity:
        return evict(pool, heap, new, told)
    policy, counters = pool.profile.policy, pool.counters
    order = policy.inserted(order_of(pool), key, priority)
    counters = counters._replace(insertions=counters.insertions + 1)
    return arranged(pool, (*pool.entries, new), order, counters), heap, Stored(new.slot)


def evict(pool: Pool, heap: Heap, new: Entry, told: Key | None) -> tuple[Pool, Heap, Response]:
    """The victim makes room; it may be the newcomer, which then passes behind the last slot."""
    policy, c = pool.profile.policy, pool.counters
    c = c._replace(insertions=c.insertions + 1, evictions=c.evictions + 1)
    gone, order = policy.victim(order_of(pool), Need(new.key, told=told))
    if gone == new.key:
        left = (leave(pool, new, Cause.EVICTED),)
        return arranged(pool, pool.entries, order, c), heap, Stored(new.slot, left)
    out = find(pool, gone)
    if out is None:
        raise PolicyError(f"{policy.value} has {gone} leave, which is not there: {order}")
    order = policy.inserted(policy.left(order, gone), new.key, new.priority)
    stay = tuple([entry for entry in pool.entries if entry is not out])
    after = arranged(pool, (*stay, new._replace(slot=out.slot)), order, c)
    left = (leave(pool, out, Cause.EVICTED),)
    return after, orphan(heap, (pool.name, gone)), Stored(out.slot, left)


def update(pool: Pool, heap: Heap, old: Entry, new: Entry) -> tuple[Pool, Heap, Response]:
    """The slot stays; the policy says what else changes. Nobody is evicted."""
    order = pool.profile.policy.updated(order_of(pool), new.key, new.priority)
    counters = pool.counters._replace(updates=pool.counters.updates + 1)
    same = old.ref == new.ref and not copies(pool.profile)
    left = () if same else (leave(pool, old, Cause.UPDATED),)
    heap = orphan(heap, (pool.name, old.key))
    entries = tuple([new if entry is old else entry for entry in pool.entries])
    return arranged(pool, entries, order, counters), heap, Stored(old.slot, left)


def clear(pool: Pool, heap: Heap) -> tuple[Pool, Heap, Response]:
    by_slot = sorted(pool.entries, key=lambda entry: entry.slot)
    counters = pool.counters._replace(cleared=pool.counters.cleared + len(by_slot))
    if lends(pool.profile):
        heap = take_back(heap)
    for entry in by_slot:
        heap = orphan(heap, (pool.name, entry.key))
    left = tuple(leave(pool, entry, Cause.CLEARED) for entry in by_slot)
    nobody = empty(pool.profile.policy, pool.capacity)
    return arranged(pool, (), nobody, counters), heap, Cleared(left)


def retained(pool: Pool) -> tuple[frozenset[Ref], int]:
    """R5: the client's objects that the pool refers to, and how many copies (LENT: not counted)."""
    if copies(pool.profile):
        return frozenset(), 0 if lends(pool.profile) else len(pool.entries)
    return frozenset([entry.ref for entry in pool.entries]), 0


def census(pool: Pool) -> Census:
    return Census(frozenset(e.key for e in pool.entries), *retained(pool), pool.counters)


def pool_step(
    pool: Pool, heap: Heap, op: PoolOp, gone: Key | None = None
) -> tuple[Pool, Heap, Response]:
    """One operation on one pool, over a heap that other pools may share.

    `gone`: who was seen to leave, where the policy leaves that to the cache.
    """
    match op:
        case Get(key) if key is not None:
            return get(pool, heap, key)
        case Set(key, ref, rank) if key is not None and ref is not None and rank is not None:
            return put(pool, heap, key, ref, rank if pool.profile.policy.ranked else 0, gone)
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


def step(state: PoolState, op: Op, gone: Key | None = None) -> tuple[PoolState, Response]:
    """One operation on one pool and its client: total, pure; what is refused changes nothing."""
    pool, heap = state
    match op:
        case Read() | Write() | Reread() | Rewrite():
            heap, response = client_step(heap, op)
        case _:
            pool, heap, response = pool_step(pool, heap, op, gone)
    return PoolState(pool, heap), response
