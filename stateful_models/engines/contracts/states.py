"""Arbitrary well-formed states of a pool, as CrossHair can follow them: tuples of integers."""

from collections.abc import Sequence
from typing import NamedTuple

from spec.heap import Heap, Object
from spec.ops import Contents, Counters, Key, Op, Ref, SlotId
from spec.pool import Entry, Pool, PoolState, step
from spec.profile import Policy, Profile
from spec.transition import Transition, observed


class Cell(NamedTuple):
    """What a policy decides by: an entry without its object."""

    key: int
    slot: int
    priority: int


HEAP = Heap((Object(Contents(0)), Object(Contents(1))))
OLD, NEW = Ref(0), Ref(1)


def apart(rows: Sequence[Cell | Entry], capacity: int) -> bool:
    """At most so many entries, in slots that there are; no two share a key or a slot."""
    return (
        len(rows) <= capacity
        and all(0 <= row.slot < capacity for row in rows)
        and all(a.key != b.key and a.slot != b.slot for n, a in enumerate(rows) for b in rows[:n])
    )


def state(policy: Policy, capacity: int, rows: tuple[Cell, ...]) -> PoolState:
    """All of the client's first object; every entry has been there since the last reset."""
    entries = tuple(
        Entry(Key(row.key), SlotId(row.slot), OLD, Contents(0), row.priority) for row in rows
    )
    counters = Counters(carried=len(rows))
    return PoolState(Pool(Profile(policy), capacity, "pool", entries, counters), HEAP)


def transition(before: PoolState, op: Op) -> Transition:
    after, response = step(before, op)
    return observed(before, op, response, after)
