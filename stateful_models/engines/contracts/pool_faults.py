"""Faults planted into the specification's pool, one for each thing that a condition is about."""

from typing import Final

from spec.heap import Heap
from spec.ops import Contents, Counters, Hit, Key, PoolOp, Ref, Refused, Response, SlotId, Stored
from spec.policy import Choice, Line, Need, Order, Policy
from spec.pool import (
    Entry,
    Pool,
    clear,
    deliver,
    find,
    get,
    pool_step,
    put,
    update,
    with_entries,
)
from stateful_models.engines.contracts.condition import Fault

Stepped = tuple[Pool, Heap, Response]


def in_pool(name: str, wrong: object) -> Fault:
    assert callable(wrong)
    return Fault("spec.pool", name, wrong)


def in_policy(name: str, wrong: object) -> Fault:
    assert callable(wrong)
    return Fault("spec.policy", name, wrong)


def never_full(
    pool: Pool, heap: Heap, key: Key, ref: Ref, priority: int, told: Key | None
) -> Stepped:
    new = Entry(key, SlotId(len(pool.entries)), ref, Contents(0), priority)
    return with_entries(pool, (*pool.entries, new), pool.counters), heap, Stored(new.slot)


def always_slot_0(pool: Pool) -> SlotId:
    return SlotId(0)


def newest(policy: Policy, order: Order, need: Need) -> Choice:
    return Choice(order.lines[-1].key, order)


def highest(policy: Policy, order: Order, need: Need) -> Choice:
    return Choice(max(order.lines, key=lambda line: line.rank).key, order)


def hit_keeps_age(policy: Policy, order: Order, key: Key) -> Order:
    return order


def highest_slot(pool: Pool) -> SlotId:
    taken = {entry.slot for entry in pool.entries}
    return max(SlotId(slot) for slot in range(pool.capacity) if slot not in taken)


def renews(policy: Policy, order: Order, key: Key, rank: int) -> Order:
    return order.with_last(Line(key, rank))


def keeps(policy: Policy, order: Order, key: Key, rank: int) -> Order:
    return order


def update_moves(pool: Pool, heap: Heap, old: Entry, new: Entry) -> Stepped:
    free = SlotId((old.slot + 1) % pool.capacity)
    return update(pool, heap, old, new._replace(slot=free))


def update_keeps_priority(pool: Pool, heap: Heap, old: Entry, new: Entry) -> Stepped:
    return update(pool, heap, old, new._replace(priority=old.priority))


def get_removes(pool: Pool, heap: Heap, key: Key) -> Stepped:
    entry = find(pool, key)
    after, heap, response = get(pool, heap, key)
    stay = tuple(other for other in pool.entries if other is not entry)
    return after._replace(entries=stay), heap, response


def clear_resets(pool: Pool, heap: Heap) -> Stepped:
    after, heap, response = clear(pool, heap)
    return after._replace(counters=Counters(cleared=len(pool.entries))), heap, response


def refusal_clears(pool: Pool, heap: Heap, op: PoolOp, gone: Key | None = None) -> Stepped:
    after, heap, response = pool_step(pool, heap, op, gone)
    refused = isinstance(response, Refused)
    return (after._replace(entries=()) if refused else after), heap, response


def eviction_uncounted(
    pool: Pool, heap: Heap, key: Key, ref: Ref, priority: int, told: Key | None
) -> Stepped:
    after, heap, response = put(pool, heap, key, ref, priority, told)
    counters = after.counters._replace(evictions=pool.counters.evictions)
    return after._replace(counters=counters), heap, response


def miss_uncounted(pool: Pool, heap: Heap, key: Key) -> Stepped:
    after, heap, response = get(pool, heap, key)
    counters = after.counters._replace(misses=pool.counters.misses)
    return after._replace(counters=counters), heap, response


def delivers_first(pool: Pool, heap: Heap, entry: Entry) -> Hit:
    return deliver(pool, heap, pool.entries[0])


def stores_another(
    pool: Pool, heap: Heap, key: Key, ref: Ref, priority: int, told: Key | None
) -> Stepped:
    return put(pool, heap, key, Ref(1 - ref), priority, told)


NEVER_FULL: Final = in_pool("put", never_full)
ALWAYS_SLOT_0: Final = in_pool("lowest_free_slot", always_slot_0)
NEWEST_GOES: Final = in_policy("Policy.victim", newest)
HIGHEST_GOES: Final = in_policy("Priority.victim", highest)
HIT_KEEPS_AGE: Final = in_policy("Lru.hit", hit_keeps_age)
HIGHEST_SLOT: Final = in_pool("lowest_free_slot", highest_slot)
UPDATE_KEEPS_AGE: Final = in_policy("Lru.updated", keeps)
UPDATE_RENEWS_AGE: Final = in_policy("Fifo.updated", renews)
UPDATE_MOVES: Final = in_pool("update", update_moves)
UPDATE_KEEPS_PRIORITY: Final = in_pool("update", update_keeps_priority)
GET_REMOVES: Final = in_pool("get", get_removes)
CLEAR_RESETS: Final = in_pool("clear", clear_resets)
REFUSAL_CLEARS: Final = in_pool("pool_step", refusal_clears)
EVICTION_UNCOUNTED: Final = in_pool("put", eviction_uncounted)
MISS_UNCOUNTED: Final = in_pool("get", miss_uncounted)
DELIVERS_FIRST: Final = in_pool("deliver", delivers_first)
STORES_ANOTHER: Final = in_pool("put", stores_another)
