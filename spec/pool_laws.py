"""P1 to P10, each a predicate on one transition of one pool, with the situation it speaks of.

The specification says what a step is, in `spec.pool`; a law says what is true of every step.
"""

from typing import Final

from spec.law import Law
from spec.ops import (
    Census,
    Clear,
    Cleared,
    Counters,
    Done,
    Get,
    Hit,
    Inspect,
    Key,
    Miss,
    Peek,
    Ref,
    Refused,
    ResetStats,
    Set,
    SlotId,
    Stored,
)
from spec.policy import Need, Order
from spec.pool import Entry, Pool, empty_pool, order_of
from spec.profile import Policy, Profile
from spec.transition import CLIENT_OPS, EVERY_OP, Transition, proper

RANKED: Final = frozenset({Policy.PRIORITY, Policy.PRIORITY_RENEWING})
RENEWING: Final = frozenset({Policy.FIFO_RENEWING, Policy.PRIORITY_RENEWING, Policy.LRU})
STATED: Final = frozenset({Policy.FIFO}) | RANKED | RENEWING
"""The policies that are stated here too, without a word of their own functions."""


def policy(t: Transition) -> Policy:
    return t.after.pool.profile.policy


def order(pool: Pool) -> tuple[Key, ...]:
    return tuple([entry.key for entry in pool.entries])


def full(pool: Pool) -> bool:
    return len(pool.entries) == pool.capacity


def shape(pool: Pool) -> tuple[Profile, int, str]:
    """What no operation changes."""
    return pool.profile, pool.capacity, pool.name


def goes_first(pool: Pool, entry: Entry) -> bool:
    """First in the sequence; PRIORITY: lower than those before it, not above those behind it."""
    rank = pool.entries.index(entry)
    if pool.profile.policy not in RANKED:
        return rank == 0
    lower = all(entry.priority < other.priority for other in pool.entries[:rank])
    return lower and all(entry.priority <= other.priority for other in pool.entries[rank:])


def within_capacity(t: Transition) -> bool:
    """Never more entries than slots; no operation changes their number, or the pool's profile."""
    after = t.after.pool
    return len(after.entries) <= after.capacity and shape(after) == shape(t.before.pool)


def bijection(t: Transition) -> bool:
    """Resident keys and occupied slots correspond one to one."""
    entries, capacity = t.after.pool.entries, t.after.pool.capacity
    slots = {entry.slot for entry in entries}
    keys = {entry.key for entry in entries}
    return len(entries) == len(slots) == len(keys) and slots.issubset(range(capacity))


def victim_leaves(t: Transition) -> bool:
    """Who leaves by a set goes first and hands over its slot; a full pool loses exactly one."""
    if evicts(t) and len(t.gone) != 1:
        return False
    return all(entry.slot == t.slot and goes_first(t.before.pool, entry) for entry in t.gone)


def goes_last(t: Transition) -> bool:
    """The newcomer goes last; LRU: so does a key that was hit or set."""
    moves = t.inserts or policy(t) in RENEWING
    if isinstance(t.op, Get):
        moves = policy(t) == Policy.LRU
    if t.new is None or not moves or isinstance(t.response, Refused):
        return True
    key, after = t.new.key, order(t.after.pool)
    return after == (*(k for k in order(t.before.pool) if k != key and k in after), key)


def takes_priority(t: Transition) -> bool:
    """What a set stores has the priority given; without ranks there is but one."""
    if t.new is None or not isinstance(t.op, Set) or not isinstance(t.response, Stored):
        return True
    return t.new.priority == (t.op.priority if policy(t).ranked else 0)


def remembers_nothing(t: Transition) -> bool:
    """The order and the priorities are all that there is to go by."""
    return not t.after.pool.memo and all(not entry.note for entry in t.after.pool.entries)


def as_stated(t: Transition) -> bool:
    """FIFO, LRU, PRIORITY in words of this module."""
    ranks = all(old.priority == new.priority for old, new in t.changed)
    follows = not isinstance(t.op, Set) or (
        victim_leaves(t) and ranks and (t.updates or takes_priority(t))
    )
    return goes_last(t) and follows and remembers_nothing(t)


def as_policy_says(t: Transition) -> bool:
    """Victim, order, notes and memo are those that the policy's functions give."""
    refused = isinstance(t.response, Refused)
    due = order_of(t.before.pool) if refused else following(t)
    slots = all(entry.slot == t.slot for entry in t.gone)
    return slots and order_of(t.after.pool) == due


def following(t: Transition) -> Order:
    """The order after a get or a set, as its policy's functions give it."""
    way, now, key = policy(t), order_of(t.before.pool), getattr(t.op, "key", None)
    if key is None or (t.old is None and not isinstance(t.op, Set)):
        return now
    if not isinstance(t.op, Set):
        return way.hit(now, key)
    rank = t.op.priority if way.ranked and t.op.priority is not None else 0
    if t.old is not None:
        return way.updated(now, key, rank)
    if full(t.before.pool):
        chosen = way.victim(now, Need(key, told=left_by(t)))
        if chosen.key == key:
            return chosen.order
        now = way.left(chosen.order, chosen.key)
    return way.inserted(now, key, rank)


def left_by(t: Transition) -> Key | None:
    """Who was seen to leave by an insert: an entry, or the newcomer itself."""
    if t.gone:
        return t.gone[0].key if len(t.gone) == 1 else None
    return t.op.key if isinstance(t.op, Set) and t.new is None else None


def first_leaves(t: Transition) -> bool:
    """An insert into a full pool removes one entry, the first in eviction order, which is kept."""
    if not isinstance(t.op, (Set, Get)):
        return holding(t.after.pool) == holding(t.before.pool)
    return as_stated(t) if policy(t) in STATED else as_policy_says(t)


def holding(pool: Pool) -> tuple[Order, tuple[tuple[SlotId, Ref], ...]]:
    """Entries in order, but for what they contain, which is R4's."""
    return order_of(pool), tuple([(entry.slot, entry.ref) for entry in pool.entries])


def lowest_slot(t: Transition) -> bool:
    """An insert takes the lowest free slot, else the victim's."""
    if not t.inserts:
        return True
    if t.passes:
        return t.slot == t.before.pool.capacity
    taken = {entry.slot for entry in t.before.pool.entries}
    free = [n for n in range(t.before.pool.capacity) if n not in taken]
    right = free[0] if free else next((entry.slot for entry in t.gone), None)
    return t.new is not None and t.slot == t.new.slot == right


def update_keeps_place(t: Transition) -> bool:
    """FIFO and PRIORITY: an update does not change the order (unless it renews ages)."""
    stays = policy(t) in STATED - RENEWING
    return not stays or order(t.after.pool) == order(t.before.pool)


def update_in_place(t: Transition) -> bool:
    """Who stays keeps its slot; an update evicts nobody, and PRIORITY takes the new priority."""
    if any(old.slot != new.slot for old, new in t.changed):
        return False
    if not t.updates or t.old is None:
        return True
    same = t.new is not None and t.old.slot == t.new.slot == t.slot
    return same and not t.gone and update_keeps_place(t) and takes_priority(t)


def get_looks_only(t: Transition) -> bool:
    """A get hits if and only if the key is resident; it changes no entry and no other's place."""
    if not (isinstance(t.op, Get) and proper(t.op)):
        return True
    right = Miss if t.old is None else Hit
    quiet = t.after.heap.objects == t.before.heap.objects
    return isinstance(t.response, right) and quiet and others_stay(t, t.op.key)


def others_stay(t: Transition, key: Key | None) -> bool:
    """The entries are as they were, but for the place of one that LRU hit; where nothing is stated
    here, but for places and notes."""
    before, after = t.before.pool.entries, t.after.pool.entries
    if before is after:
        return True
    if policy(t) not in STATED:
        return set(map(unnoted, before)) == set(map(unnoted, after)) and len(before) == len(after)
    if policy(t) != Policy.LRU:
        return before == after
    return t.new == t.old and apart_from(key, before) == apart_from(key, after)


def unnoted(entry: Entry) -> Entry:
    return entry._replace(note=0)


def apart_from(key: Key | None, entries: tuple[Entry, ...]) -> list[Entry]:
    return [entry for entry in entries if entry.key != key]


def clear_forgets(t: Transition) -> bool:
    """A clear leaves what a new pool is, but for the counters; the next insert takes slot 0."""
    before, after = t.before.pool, t.after.pool
    if isinstance(t.op, Clear):
        counted = before.counters._replace(cleared=after.counters.cleared)
        new = empty_pool(before.profile, before.capacity, before.name)
        return isinstance(t.response, Cleared) and after == new._replace(counters=counted)
    return bool(before.entries) or not t.inserts or t.slot in (0, None)


def atomicity(t: Transition) -> bool:
    """What must be refused is, and nothing else; what is refused changes nothing."""
    if isinstance(t.response, Refused):
        return t.after == t.before and (isinstance(t.op, CLIENT_OPS) or not proper(t.op))
    return proper(t.op)


def counted(t: Transition) -> Counters:
    """The counters that this transition must leave."""
    c, answer = t.before.pool.counters, t.response
    if isinstance(t.op, Get) and isinstance(answer, (Hit, Miss)):
        hit = isinstance(answer, Hit)
        return c._replace(hits=c.hits + hit, misses=c.misses + (not hit))
    if isinstance(answer, Stored) and t.inserts:
        gone = len(t.gone) + t.passes
        return c._replace(insertions=c.insertions + 1, evictions=c.evictions + gone)
    if isinstance(answer, Stored):
        return c._replace(updates=c.updates + 1)
    if isinstance(answer, Cleared):
        return c._replace(cleared=c.cleared + len(t.gone))
    return Counters(carried=len(t.before.pool.entries)) if isinstance(t.op, ResetStats) else c


def conservation(t: Transition) -> bool:
    """Each query is a hit or a miss; insertions (and carried) = residents, evicted, cleared."""
    pool, c = t.after.pool, t.after.pool.counters
    if isinstance(t.op, ResetStats) and not isinstance(t.response, Done):
        return False
    if not pool.profile.counting:
        return c == Counters()
    balance = c.insertions + c.carried == len(pool.entries) + c.evictions + c.cleared
    return balance and c == counted(t)


def inspection(t: Transition) -> bool:
    """Looking changes nothing, and tells the truth."""
    match t.op:
        case Peek(key) if key is not None:
            right = Miss if t.old is None else Hit
            return isinstance(t.response, right) and t.after == t.before
        case Inspect():
            if not isinstance(t.response, Census) or t.after != t.before:
                return False
            told, pool = t.response, t.before.pool
            return told.keys == set(order(pool)) and told.counters == pool.counters
        case _:
            return True


def evicts(t: Transition) -> bool:
    return t.inserts and full(t.before.pool)


def clears(t: Transition) -> bool:
    return isinstance(t.op, Clear) and bool(t.before.pool.entries)


def refused(t: Transition) -> bool:
    return isinstance(t.response, Refused) and isinstance(t.op, Set) and full(t.before.pool)


def hit(t: Transition) -> bool:
    return isinstance(t.op, Get) and isinstance(t.response, Hit)


def peeked(t: Transition) -> bool:
    return isinstance(t.op, Peek) and isinstance(t.response, Hit)


POOL: Final[tuple[Law[Transition], ...]] = (
    Law("P1", "capacity", EVERY_OP, within_capacity, lambda t: full(t.after.pool)),
    Law("P2", "bijection", EVERY_OP, bijection, lambda t: bool(t.after.pool.entries)),
    Law("P3", "victim", (Set, Get, ResetStats, *CLIENT_OPS), first_leaves, evicts),
    Law("P4", "slot", (Set,), lowest_slot, lambda t: t.inserts),
    Law("P5", "update", (Set,), update_in_place, lambda t: t.updates),
    Law("P6", "get", (Get,), get_looks_only, hit),
    Law("P7", "clear", (Clear, Set), clear_forgets, clears),
    Law("P8", "atomicity", EVERY_OP, atomicity, refused),
    Law("P9", "conservation", EVERY_OP, conservation, evicts),
    Law("P10", "inspection", (Peek, Inspect), inspection, peeked),
)
