"""V1 to V4: what makes a value a policy, each a predicate on one turn of one pool's order."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from spec.law import Law
from spec.ops import Get, Key, Ref, Set
from spec.policy import Need, Order, Policy, empty


class Turned(NamedTuple):
    """What a policy made of an order: who leaves, the order in which that was found, the one
    without who left, the one at the end."""

    gone: Key | None
    found: Order
    without: Order
    after: Order


class Turn(NamedTuple):
    """A get or a set, and what the policy made of it: twice, and in other names.

    The keys of `elsewhere` are one higher than here. Whoever is pinned may not leave.
    """

    policy: Policy
    before: Order
    op: Get | Set
    pinned: frozenset[Key]
    here: Turned
    again: Turned
    elsewhere: Turned


def turned(policy: Policy, order: Order, op: Get | Set, pinned: frozenset[Key]) -> Turned:
    key = op.key
    assert key is not None, "of operations that are not refused"
    resident = any(line.key == key for line in order.lines)
    if isinstance(op, Get):
        return Turned(None, order, order, policy.hit(order, key) if resident else order)
    rank = op.priority if policy.ranked and op.priority is not None else 0
    if resident:
        return Turned(None, order, order, policy.updated(order, key, rank))
    if len(order.lines) < order.capacity:
        return Turned(None, order, order, policy.inserted(order, key, rank))
    gone, found = policy.victim(order, Need(key, pinned))
    without = policy.left(found, gone)
    return Turned(gone, found, without, policy.inserted(without, key, rank))


def higher(key: Key) -> Key:
    return Key(key + 1)


def renamed(policy: Policy, order: Order) -> Order:
    """The same order of keys that are one higher."""
    lines = tuple([line._replace(key=higher(line.key)) for line in order.lines])
    return order._replace(lines=lines, memo=policy.renamed(order.memo, higher))


def turn(policy: Policy, order: Order, op: Get | Set, pinned: frozenset[Key]) -> Turn:
    assert op.key is not None, "of operations that are not refused"
    other = Get(higher(op.key)) if isinstance(op, Get) else Set(higher(op.key), op.ref, op.priority)
    return Turn(
        policy,
        order,
        op,
        pinned,
        turned(policy, order, op, pinned),
        turned(policy, order, op, pinned),
        turned(policy, renamed(policy, order), other, frozenset(map(higher, pinned))),
    )


def ranks(order: Order) -> dict[Key, int]:
    return {line.key: line.rank for line in order.lines}


def nobody_lost(t: Turn) -> bool:
    """A policy loses nobody and invents nobody; each has the rank that it was given."""
    due, key = ranks(t.before), t.op.key
    if ranks(t.here.found) != due:
        return False
    due = {one: rank for one, rank in due.items() if one != t.here.gone}
    if ranks(t.here.without) != due:
        return False
    if isinstance(t.op, Set) and key is not None:
        due[key] = t.op.priority if t.policy.ranked and t.op.priority is not None else 0
    return ranks(t.here.after) == due and len(t.here.after.lines) == len(due)


def resident_leaves(t: Turn) -> bool:
    """Of a full pool somebody leaves for a newcomer: a resident, and nobody who is pinned."""
    if not evicts(t):
        return t.here.gone is None
    return t.here.gone in ranks(t.before) and t.here.gone not in t.pinned


def deterministic(t: Turn) -> bool:
    """The same order and operation have the same outcome, which can be compared and hashed."""
    return t.here == t.again and hash(t.here) == hash(t.again)


def nameless(t: Turn) -> bool:
    """Keys are names: with others, the outcome is the same but for the names."""
    gone, *orders = t.here
    due = Turned(None if gone is None else higher(gone), *(renamed(t.policy, o) for o in orders))
    return t.elsewhere == due


def evicts(t: Turn) -> bool:
    new = isinstance(t.op, Set) and t.op.key not in ranks(t.before)
    return new and len(t.before.lines) == t.before.capacity


def spares(t: Turn) -> bool:
    """Somebody who is pinned stays, where another leaves."""
    return evicts(t) and bool(t.pinned)


POLICY: Final[tuple[Law[Turn], ...]] = (
    Law("V1", "nobody lost", (Set, Get), nobody_lost, evicts),
    Law("V2", "resident victim", (Set, Get), resident_leaves, spares),
    Law("V3", "determined", (Set, Get), deterministic, evicts),
    Law("V4", "nameless", (Set, Get), nameless, evicts),
)


def turns(policy: Policy, capacity: int, keys: int, most: int) -> Iterator[Turn]:
    """Every turn in the first so many orders that turns lead to, breadth first."""
    start = empty(policy, capacity)
    seen, level = {start}, [start]
    while level:
        following = []
        for order in level:
            for one in turns_in(policy, order, keys):
                yield one
                after = one.here.after
                if after not in seen and len(seen) < most:
                    seen.add(after)
                    following.append(after)
        level = following


def turns_in(policy: Policy, order: Order, keys: int) -> Iterator[Turn]:
    """Gets and sets of each key; of a full pool with each resident pinned, if there is another."""
    given = range(2 if policy.ranked else 1)
    for key in map(Key, range(keys)):
        yield turn(policy, order, Get(key), frozenset())
        for rank in given:
            yield turn(policy, order, Set(key, Ref(0), rank), frozenset())
        for line in order.lines if len(order.lines) > 1 else ():
            yield turn(policy, order, Set(key, Ref(0)), frozenset({line.key}))
