"""States up to renaming: keys, objects and environments have no order that a cache may see.

A canonical key names keys and objects by their first occurrence. Counters are left out, since no
answer but the statistics depends on them; and of contents only what a later hit could show is
kept: whether an entry's object was written into since it was set.
"""

from collections.abc import Hashable
from itertools import permutations
from math import factorial, perm
from typing import Final

from spec.heap import Heap
from spec.manager import ManagerState
from spec.ops import Key
from spec.pool import Entry, PoolState

SHARED: Final[dict[Hashable, Hashable]] = {}
"""Parts of keys: there are few, and each is kept once however many states it is part of."""


def shared(part: Hashable) -> Hashable:
    return SHARED.setdefault(part, part)


def fresh(entry: Entry, heap: Heap) -> bool:
    return entry.as_set == heap.objects[entry.ref].contents


def plain_pool(state: PoolState) -> Hashable:
    """The state without counters, no names changed."""
    pool, heap = state
    entries = tuple([(e.key, e.slot, e.ref, fresh(e, heap), e.priority) for e in pool.entries])
    hand = None if heap.hand is None else heap.hand.home or "orphan"
    return entries, tuple([one.sealed for one in heap.objects]), hand


def renamed_pool(state: PoolState, keys: int) -> tuple[Hashable, int]:
    """The state's canonical form, and how many states it stands for."""
    pool, heap = state
    names: dict[int, int] = {}
    entries = tuple(
        [
            shared((e.slot, names.setdefault(e.ref, len(names)), fresh(e, heap), e.priority))
            for e in pool.entries
        ]
    )
    away = sum(one.sealed for ref, one in enumerate(heap.objects) if ref not in names)
    unsealed = len(heap.objects) - len(names) - away
    orbit = perm(keys, len(entries)) * factorial(len(heap.objects))
    orbit //= factorial(away) * factorial(unsealed)
    return (entries, away, hand_position(state)), orbit


def hand_position(state: PoolState) -> int | None:
    """Which entry's object the client holds: its place; -1: one that left; None: none."""
    hand = state.heap.hand
    if hand is None:
        return None
    order = [(state.pool.name, entry.key) for entry in state.pool.entries]
    return -1 if hand.home is None else order.index(hand.home)


def plain_manager(state: ManagerState) -> Hashable:
    hand = state.heap.hand
    entries = tuple([tuple([(e.key, e.slot) for e in pool.entries]) for pool in state.pools])
    return entries, None if hand is None else hand.home or "orphan"


def renamed_manager(state: ManagerState, keys: int) -> tuple[Hashable, int]:
    """As `renamed_pool`, over environments too; objects are determined by pool and key.

    An orbit has as many states as there are renamings, divided by those that change nothing:
    the environment orders that give the canonical form, times the renamings of unused keys.
    """
    forms = [manager_form(state, order) for order in permutations(range(state.envs))]
    least = min(forms, key=repr)
    used = len({entry.key for pool in state.pools for entry in pool.entries})
    renamings = factorial(state.envs) * factorial(keys)
    return least, renamings // (forms.count(least) * factorial(keys - used))


def manager_form(state: ManagerState, order: tuple[int, ...]) -> Hashable:
    """The state with its environments in this order and keys named as they occur."""
    envs, rest = state.envs, state.pools[state.envs :]
    recurs = [rest[env] for env in order] if len(rest) > 2 else [rest[0]]
    names: dict[Key, int] = {}
    hand, position = state.heap.hand, None if state.heap.hand is None else (-1, -1)
    form = []
    for place, pool in enumerate([*(state.pools[env] for env in order), *recurs, rest[-1]]):
        for entry in pool.entries:
            if hand is not None and hand.home == (pool.name, entry.key):
                position = (place, entry.slot)
        places = [(names.setdefault(e.key, len(names)), e.slot) for e in pool.entries]
        form.append(shared(tuple(places)))
    assert len(form) >= envs
    return tuple(form), position
