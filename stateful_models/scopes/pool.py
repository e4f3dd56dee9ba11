"""Scopes of one pool."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

from spec import pool
from spec.laws import POOL_AND_HEAP, broken
from spec.ops import (
    Census,
    Clear,
    Cleared,
    Contents,
    Get,
    Inspect,
    Key,
    Op,
    Peek,
    PoolOp,
    Read,
    Ref,
    Reread,
    ResetStats,
    Response,
    Rewrite,
    Set,
    Stored,
    Write,
)
from spec.pool import PoolState, new_pool
from spec.profile import Profile, copies, lends
from spec.transition import observed
from stateful_models.scopes.scope import (
    Reports,
    bounded,
    called,
    completed_pool,
    idle,
    named,
    position,
)
from stateful_models.scopes.symmetry import plain_pool, renamed_pool
from stateful_models.subjects.aspects import Aspect, counts
from stateful_models.subjects.naming import PLAIN, Naming
from stateful_models.subjects.policies import asked
from stateful_models.subjects.protocol import PoolFactory, Subject

BEYOND_FULL: Final = 4
"""Operations beyond those that fill a pool, where a policy counts without end."""


def pool_ops(
    keys: int, refs: tuple[tuple[Ref, ...], ...], ranks: int, tells: Reports
) -> list[PoolOp]:
    """Every operation on one pool; `refs[key]` are the objects that may be set under a key."""
    every = [Key(key) for key in range(keys)]
    ops: list[PoolOp] = [Get(key) for key in every]
    ops += [Set(key, ref, p) for key in every for ref in refs[key] for p in range(ranks)]
    ops.append(Clear())
    if Aspect.INSPECTION in tells:
        ops += [Peek(key) for key in every]
    if counts(tells) or tells & {Aspect.INSPECTION, Aspect.RETENTION}:
        ops.append(Inspect())
    if Aspect.COUNTERS in tells:
        ops.append(ResetStats())
    if Aspect.REFUSALS in tells:
        some = refs[0][0]
        ops += [Get(None), Set(None, some), Set(every[0], some, None)]
        ops += [Peek(None)] if Aspect.INSPECTION in tells else []
        ops += [Set(key, None) for key in every]
    return ops


@dataclass(frozen=True, slots=True)
class PoolScope:
    """One pool: every key with every object, writes into every object."""

    profile: Profile
    capacity: int
    keys: int
    objects: int
    priorities: int = 2
    naming: Naming = PLAIN

    @property
    def label(self) -> str:
        ranked = self.profile.policy.ranked
        ranks = f", {self.priorities} priorities" if ranked else ""
        return (
            f"pool, capacity {self.capacity}, {self.keys} keys, {self.objects} objects{ranks}"
            f"{called(self.naming, self.keys)}{bounded(self.deepest)}"
        )

    @property
    def deepest(self) -> int | None:
        """The longest histories that are gone through; None where states come to an end."""
        return None if self.profile.policy.finite else self.capacity + BEYOND_FULL

    @property
    def capacities(self) -> str:
        return str(self.capacity)

    def initial(self) -> PoolState:
        return new_pool(self.profile, self.capacity, self.objects)

    def alphabet(self, reports: Reports) -> tuple[Op, ...]:
        refs = tuple(Ref(ref) for ref in range(self.objects))
        ranks = self.priorities if self.profile.policy.ranked else 1
        ops: list[Op] = [*pool_ops(self.keys, (refs,) * self.keys, ranks, reports)]
        ops += [Read(ref) for ref in refs]
        if copies(self.profile):
            ops.append(Reread())
        if copies(self.profile) and not lends(self.profile):
            ops.append(Rewrite(Contents(-1)))
        return tuple(ops)

    def writes(self, state: PoolState) -> tuple[Op, ...]:
        return tuple(
            [
                Write(Ref(ref), Contents(one.contents + self.objects))
                for ref, one in enumerate(state.heap.objects)
            ]
        )

    def aftermath(self, response: Response) -> Op | None:
        left = isinstance(response, (Stored, Cleared)) and response.left
        return Inspect() if left else None

    def retained(self, state: PoolState) -> tuple[frozenset[Ref], int]:
        return pool.retained(state.pool)

    def probes(self, reports: Reports) -> tuple[Op, ...]:
        telling = (Get, Peek, Reread, Read, Inspect)
        ops = [op for op in self.alphabet(reports) if isinstance(op, telling)]
        return tuple(sorted(ops, key=lambda op: telling.index(type(op))))

    def trail(self, op: Op, after: PoolState) -> Hashable:
        key = op.key if isinstance(op, (Get, Set, Peek)) else None
        return type(op).__name__, position(after.pool, key)

    def forgotten(self, before: PoolState, after: PoolState) -> Hashable:
        """Notes that are others now, by place, and the memo that was, if it is another."""
        notes = {entry.key: entry.note for entry in before.pool.entries}
        old = [notes.get(entry.key, entry.note) for entry in after.pool.entries]
        now = [entry.note for entry in after.pool.entries]
        noted = tuple(old) if old != now else ()
        memo = before.pool.memo if before.pool.memo != after.pool.memo else ()
        return noted, memo

    @property
    def chosen(self) -> bool:
        return self.profile.policy.chosen

    def gone(self, state: PoolState, op: Op, look: Callable[[Op], Response]) -> Key | None:
        """The one who is there no more; None if that is nobody, or more than one."""
        entries = state.pool.entries
        if not isinstance(op, Set) or op.key is None or len(entries) < state.pool.capacity:
            return None
        there = look(Inspect())
        due = {entry.key for entry in entries} | {op.key}
        missing = due - there.keys if isinstance(there, Census) else set()
        return missing.pop() if len(missing) == 1 else None

    def step(self, state: PoolState, op: Op) -> tuple[PoolState, Response]:
        return self.chosen_step(state, op, None)

    def chosen_step(self, state: PoolState, op: Op, gone: Key | None) -> tuple[PoolState, Response]:
        return asked(self.profile.policy, lambda: pool.step(state, op, gone))

    def same_but_counters(self, one: PoolState, other: PoolState) -> bool:
        same = one.pool.entries == other.pool.entries and one.pool.memo == other.pool.memo
        return same and one.heap == other.heap

    def completed(self, shown: PoolState, due: PoolState, reports: Reports) -> PoolState:
        pool = completed_pool(shown.pool, due.pool, self.naming, reports, self.objects)
        return PoolState(pool, self.naming.heap(shown.heap))

    def flushes(self, reports: Reports) -> tuple[tuple[Op, ...], ...]:
        last = self.priorities - 1 if self.profile.policy.ranked else 0
        if self.chosen:
            return ()  # no order is due
        every = [Get(Key(key)) for key in range(self.keys)]
        new = [Set(Key(self.keys + n), Ref(0), last) for n in range(self.capacity)]
        return tuple((*new[:count], *every) for count in range(1, self.capacity + 1))

    def broken(
        self, before: PoolState, op: Op, response: Response, after: PoolState
    ) -> tuple[str, ...]:
        return broken(observed(before, op, response, after))

    def unsound(self, state: PoolState) -> tuple[str, ...]:
        return self.broken(state, *idle(state.heap), state)

    def situations(self) -> dict[str, Callable[[PoolState, Op, Response, PoolState], bool]]:
        laws = [law for law in POOL_AND_HEAP if law.applies(self.profile)]
        return {law.code: lambda *t, law=law: law.occurs(observed(*t)) for law in laws}

    def canonical(self, state: PoolState, symmetric: bool) -> tuple[Hashable, int]:
        return renamed_pool(state, self.keys) if symmetric else (plain_pool(state), 1)

    def build(self, factory: PoolFactory) -> Subject[Op]:
        return named(factory(self.profile, self.capacity, self.objects), self.naming)
