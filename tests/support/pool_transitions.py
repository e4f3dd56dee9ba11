"""Rightful transitions of one pool, and what can be changed in them."""

from spec.heap import Hand, Object, put_object
from spec.laws import broken
from spec.ops import (
    Clear,
    Contents,
    Get,
    Inspect,
    Key,
    Op,
    Peek,
    Ref,
    Reread,
    ResetStats,
    Response,
    Rewrite,
    Set,
    Write,
)
from spec.pool import Entry, PoolState, new_pool, step
from spec.profile import (
    FIFO_COPY,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_REFERENCE,
    PRIORITY_REFERENCE,
    Profile,
)
from spec.transition import observed

A, B, C = Key(0), Key(1), Key(2)
O0, O1 = Ref(0), Ref(1)


class Case:
    """A rightful transition, and what to change in it."""

    def __init__(self, op: Op, profile: Profile = FIFO_REFERENCE, *before: Op) -> None:
        state = new_pool(profile, 2, 2)
        for earlier in before:
            state, _ = step(state, earlier)
        self.before, self.op = state, op
        self.after, self.response = step(state, op)

    def broken(
        self, response: Response | None = None, after: PoolState | None = None
    ) -> tuple[str, ...]:
        told = self.response if response is None else response
        return broken(observed(self.before, self.op, told, after or self.after))

    def entries(self, *entries: Entry) -> PoolState:
        return self.after._replace(pool=self.after.pool._replace(entries=entries))

    def counters(self, **changes: int) -> PoolState:
        pool = self.after.pool
        return self.after._replace(pool=pool._replace(counters=pool.counters._replace(**changes)))

    def object(self, ref: Ref, value: Object) -> PoolState:
        return self.after._replace(heap=put_object(self.after.heap, ref, value))

    def hand(self, contents: int) -> PoolState:
        hand = Hand(Contents(contents), None)
        return self.after._replace(heap=self.after.heap._replace(hand=hand))

    @property
    def now(self) -> tuple[Entry, ...]:
        return self.after.pool.entries


SET_A, SET_B, SET_C = Set(A, O0), Set(B, O0), Set(C, O0)
FULL = (SET_A, SET_B)
INSERT = Case(SET_A)
SECOND = Case(SET_B, FIFO_REFERENCE, SET_A)
EVICT = Case(SET_C, FIFO_REFERENCE, *FULL)
UPDATE = Case(Set(A, O1), FIFO_REFERENCE, *FULL)
HIT = Case(Get(A), FIFO_REFERENCE, *FULL)
MISS = Case(Get(C), FIFO_REFERENCE, *FULL)
LRU_HIT = Case(Get(A), LRU_REFERENCE, *FULL)
LRU_UPDATE = Case(SET_A, LRU_REFERENCE, *FULL)
RANKED = Case(Set(C, O0, 5), PRIORITY_REFERENCE, Set(A, O0, 1), Set(B, O0, 1))
RANKED_LOW = Case(Set(C, O0, 5), PRIORITY_REFERENCE, Set(A, O0, 2), Set(B, O0, 1))
RERANK = Case(Set(A, O0, 7), PRIORITY_REFERENCE, Set(A, O0, 1), Set(B, O0, 1))
CLEAR = Case(Clear(), FIFO_REFERENCE, *FULL, Get(A))
PEEK = Case(Peek(A), FIFO_REFERENCE, *FULL)
INSPECT = Case(Inspect(), FIFO_REFERENCE, SET_A)
REFUSED = Case(Set(C, None), FIFO_REFERENCE, *FULL)
RESET = Case(ResetStats(), FIFO_REFERENCE, *FULL)
SEAL = Case(SET_A, FIFO_SEALED)
SEALED_HIT = Case(Get(A), FIFO_SEALED, SET_A)
SEALED_WRITE = Case(Write(O0, Contents(9)), FIFO_SEALED, SET_A)
COPY_SET = Case(SET_A, FIFO_COPY)
COPY_HIT = Case(Get(A), FIFO_COPY, SET_A)
COPY_WRITE = Case(Write(O0, Contents(9)), FIFO_COPY, SET_A)
HELD = Case(Set(A, O1), FIFO_COPY, SET_A, Get(A))
REREAD = Case(Reread(), FIFO_COPY, SET_A, Get(A))
REWRITE = Case(Rewrite(Contents(9)), FIFO_COPY, SET_A, Get(A))
COPY_CENSUS = Case(Inspect(), FIFO_COPY, SET_A)

EVERY = {name: case for name, case in globals().items() if isinstance(case, Case)}
