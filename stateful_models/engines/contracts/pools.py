"""The laws of a pool on every transition from every well-formed state, policy by policy."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

from spec.heap_laws import identity
from spec.ops import Clear, Contents, Counters, Get, Key, Op, Ref, Set
from spec.pool import Entry, Pool, PoolState
from spec.pool_laws import (
    atomicity,
    bijection,
    clear_forgets,
    conservation,
    first_leaves,
    get_looks_only,
    lowest_slot,
    update_in_place,
    within_capacity,
)
from spec.profile import CLASSIC, Policy, Profile
from spec.transition import Transition
from stateful_models.engines.contracts import pool_faults as faults
from stateful_models.engines.contracts.condition import Condition, Fault, Theorem
from stateful_models.engines.contracts.states import HEAP, NEW, Cell, apart, state, transition

Predicate = Callable[[Transition], bool]


def of_set(policy: Policy, law: Predicate, capacity: int) -> Theorem:
    def theorem(rows: tuple[Cell, ...], key: int, priority: int) -> None:
        assert apart(rows, capacity)
        seen = transition(state(policy, capacity, rows), Set(Key(key), NEW, priority))
        assert law(seen)

    return theorem


def of_get(policy: Policy, law: Predicate, capacity: int) -> Theorem:
    def theorem(rows: tuple[Cell, ...], key: int) -> None:
        assert apart(rows, capacity)
        seen = transition(state(policy, capacity, rows), Get(Key(key)))
        assert law(seen)

    return theorem


def balanced(counters: Counters, residents: int) -> bool:
    """P9 before: no count is negative, and what came in is here or has left."""
    came, left = counters.insertions + counters.carried, counters.evictions + counters.cleared
    return all(count >= 0 for count in counters) and came == residents + left


def of_counted(op: Callable[[Key], Op], policy: Policy, law: Predicate, capacity: int) -> Theorem:
    """Over all counters that balance, too."""

    def theorem(rows: tuple[Cell, ...], counters: Counters, key: int) -> None:
        assert apart(rows, capacity)
        assert balanced(counters, len(rows))
        before = state(policy, capacity, rows)
        counted = before._replace(pool=before.pool._replace(counters=counters))
        seen = transition(counted, op(Key(key)))
        assert law(seen)

    return theorem


def of_refusal(policy: Policy, law: Predicate, capacity: int) -> Theorem:
    """`wrong`: which operand must be refused."""

    def theorem(rows: tuple[Cell, ...], key: int, wrong: int) -> None:
        assert apart(rows, capacity)
        assert 0 <= wrong < 3
        op = Set(
            None if wrong == 0 else Key(key),
            None if wrong == 1 else NEW,
            None if wrong == 2 else 0,
        )
        seen = transition(state(policy, capacity, rows), op)
        assert law(seen)

    return theorem


def of_objects(asks: bool, policy: Policy, law: Predicate, capacity: int) -> Theorem:
    """Over which object each entry holds, too."""

    def theorem(entries: tuple[Entry, ...], key: Key, ref: Ref) -> None:
        assert apart(entries, capacity)
        assert 0 <= ref < 2
        assert all(0 <= entry.ref < 2 and entry.as_set == Contents(entry.ref) for entry in entries)
        before = PoolState(Pool(Profile(policy), capacity, "pool", entries), HEAP)
        seen = transition(before, Get(key) if asks else Set(key, ref, 0))
        assert law(seen)

    return theorem


def setting(key: Key) -> Op:
    return Set(key, NEW)


def clearing(key: Key) -> Op:
    return Clear()


class Kind(NamedTuple):
    """A law about one operation; `faults` policy by policy, where it says something."""

    code: str
    about: str
    law: Predicate
    over: Callable[[Policy, Predicate, int], Theorem]
    faults: dict[Policy, Fault]


def everywhere(fault: Fault) -> dict[Policy, Fault]:
    return dict.fromkeys(CLASSIC, fault)


FIFO, LRU, PRIORITY = Policy.FIFO, Policy.LRU, Policy.PRIORITY
KINDS: Final = (
    Kind("P1", "set", within_capacity, of_set, everywhere(faults.NEVER_FULL)),
    Kind("P2", "set", bijection, of_set, everywhere(faults.ALWAYS_SLOT_0)),
    Kind(
        "P3",
        "set",
        first_leaves,
        of_set,
        {
            FIFO: faults.NEWEST_GOES,
            LRU: faults.UPDATE_KEEPS_AGE,
            PRIORITY: faults.HIGHEST_GOES,
        },
    ),
    Kind("P3", "get", first_leaves, of_get, {LRU: faults.HIT_KEEPS_AGE}),
    Kind("P4", "set", lowest_slot, of_set, everywhere(faults.HIGHEST_SLOT)),
    Kind(
        "P5",
        "set",
        update_in_place,
        of_set,
        {
            FIFO: faults.UPDATE_RENEWS_AGE,
            LRU: faults.UPDATE_MOVES,
            PRIORITY: faults.UPDATE_KEEPS_PRIORITY,
        },
    ),
    Kind("P6", "get", get_looks_only, of_get, everywhere(faults.GET_REMOVES)),
    Kind(
        "P7", "clear", clear_forgets, partial(of_counted, clearing), everywhere(faults.CLEAR_RESETS)
    ),
    Kind("P8", "set", atomicity, of_refusal, everywhere(faults.REFUSAL_CLEARS)),
    Kind(
        "P9",
        "set",
        conservation,
        partial(of_counted, setting),
        everywhere(faults.EVICTION_UNCOUNTED),
    ),
    Kind("P9", "get", conservation, partial(of_counted, Get), everywhere(faults.MISS_UNCOUNTED)),
    Kind("R1", "set", identity, partial(of_objects, False), {FIFO: faults.STORES_ANOTHER}),
    Kind("R1", "get", identity, partial(of_objects, True), {FIFO: faults.DELIVERS_FIRST}),
)


def pool_conditions() -> Iterator[Condition]:
    for kind in KINDS:
        for policy, fault in kind.faults.items():
            yield Condition(
                f"{kind.code} {kind.about} {policy.value}",
                (kind.law.__doc__ or kind.law.__name__.replace("_", " ")).splitlines()[0],
                partial(kind.over, policy, kind.law),
                fault,
            )
