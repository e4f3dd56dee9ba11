"""What a law speaks of: one observed transition of one pool."""

from typing import Final, NamedTuple

from spec.ops import (
    Clear,
    Get,
    Inspect,
    Op,
    Peek,
    Read,
    Reread,
    ResetStats,
    Response,
    Rewrite,
    Set,
    SlotId,
    Stored,
    Write,
)
from spec.pool import Entry, PoolState, find

POOL_OPS: Final = (Get, Set, Clear, Peek, Inspect, ResetStats)
CLIENT_OPS: Final = (Read, Write, Reread, Rewrite)
EVERY_OP: Final = POOL_OPS + CLIENT_OPS


class Transition(NamedTuple):
    """What was observed: a state, an operation, its answer, the state after it.

    Of the operation's key, `old` is the entry before and `new` the one after. Of the entries that a
    set does not store, `gone` are those that left, `changed` those that stayed as another, before
    and after. `stores`: the operation is a set that must succeed.
    """

    before: PoolState
    op: Op
    response: Response
    after: PoolState
    old: Entry | None
    new: Entry | None
    gone: tuple[Entry, ...]
    changed: tuple[tuple[Entry, Entry], ...]
    stores: bool

    @property
    def inserts(self) -> bool:
        """A proper set of a key that is not resident."""
        return self.stores and self.old is None

    @property
    def updates(self) -> bool:
        """A proper set of a resident key."""
        return self.stores and self.old is not None

    @property
    def passes(self) -> bool:
        """The newcomer is who leaves a full pool, where that is the cache's choice."""
        pool = self.before.pool
        free = self.inserts and pool.profile.policy.chosen
        return free and len(pool.entries) == pool.capacity and self.new is None and not self.gone

    @property
    def slot(self) -> SlotId | None:
        """The slot that a set answered."""
        return self.response.slot if isinstance(self.response, Stored) else None


def observed(before: PoolState, op: Op, response: Response, after: PoolState) -> Transition:
    key = op.key if isinstance(op, (Set, Get, Peek)) else None
    entries = after.pool.entries
    stores = type(op) is Set and proper(op)
    gone: tuple[Entry, ...] = ()
    changed: tuple[tuple[Entry, Entry], ...] = ()
    if entries is not before.pool.entries:
        now = {entry.key: entry for entry in entries}
        gone = tuple([entry for entry in before.pool.entries if entry.key not in now])
        pairs = [(entry, now[entry.key]) for entry in before.pool.entries if entry.key in now]
        others = [(a, b) for a, b in pairs if a != b and not (stores and a.key == key)]
        changed = tuple(others)
    old = None if key is None else find(before.pool, key)
    new = None if key is None else find(after.pool, key)
    return Transition(before, op, response, after, old, new, gone, changed, stores)


def proper(op: Op) -> bool:
    """No operand stands for input that must be refused."""
    if isinstance(op, Set):
        return op.key is not None and op.ref is not None and op.priority is not None
    return not isinstance(op, (Get, Peek)) or op.key is not None
