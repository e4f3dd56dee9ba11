"""How many states a scope has, derived on paper, against what the explorer reached.

K keys, O objects, capacity c, n residents. A state is a sequence of entries (K!/(K-n)! choices of
keys), the slots they have, the objects they hold, and what ownership adds.

Slots. While the pool fills, the n-th insert takes slot n, and only a clear frees slots:
- FIFO: the sequence is in insertion order, so slots are 0..n-1 in order. Once full (K > c), each
  insert hands the first entry's slot to the newcomer, which goes last: a rotation. c rotations.
- LRU: a hit moves any entry to the end, so every order of the n slots occurs: n!.
- PRIORITY: slots are in order of age while the pool fills; once full, any entry can be made the
  victim by its priority and its slot goes to the newest: all c! orders. Each entry has one of p
  priorities: p^n.

Objects:
- REFERENCE: each entry holds one of O objects, written since it was set or not: (2 O)^n.
- SEALED: no writes after a set, so only the objects: O^n; any of the objects not stored can have
  been sealed earlier: 2^(O - distinct objects stored).
- COPY: each entry was copied from one of O objects, written since or not: (2 O)^n. The client holds
  nothing, the copy of one of the n residents, or one that left: n + 2.
"""

from itertools import permutations, product
from math import factorial, perm

import pytest

from spec.manager import ManagerState
from spec.ops import Key, Ref
from spec.pool import PoolState
from spec.profile import (
    FIFO_COPY,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_COPY,
    LRU_REFERENCE,
    LRU_SEALED,
    PRIORITY_COPY,
    PRIORITY_REFERENCE,
    PRIORITY_SEALED,
    Ownership,
    Policy,
    Profile,
)
from spec.sizing import Config
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.symmetry import plain_manager, plain_pool
from tests.support.exploring import explore_manager, explore_pool
from tests.support.night import NIGHT


def slot_orders(policy: Policy, n: int, capacity: int, priorities: int) -> int:
    if policy is Policy.LRU:
        return factorial(n)
    if policy is Policy.PRIORITY:
        return (factorial(n) if n == capacity else 1) * int(priorities**n)
    return n if n == capacity else 1


def holdings(ownership: Ownership, n: int, objects: int) -> int:
    if ownership is Ownership.REFERENCE:
        return int((2 * objects) ** n)
    if ownership is Ownership.COPY:
        return int((2 * objects) ** n) * (n + 2)
    choices = product(range(objects), repeat=n)
    return sum(int(2 ** (objects - len(set(stored)))) for stored in choices)


def on_paper(scope: PoolScope) -> int:
    policy, ownership = scope.profile.policy, scope.profile.ownership
    return sum(
        perm(scope.keys, n)
        * slot_orders(policy, n, scope.capacity, scope.priorities)
        * holdings(ownership, n, scope.objects)
        for n in range(scope.capacity + 1)
    )


DERIVED = (
    FIFO_REFERENCE,
    FIFO_SEALED,
    FIFO_COPY,
    LRU_REFERENCE,
    LRU_SEALED,
    PRIORITY_REFERENCE,
    PRIORITY_SEALED,
    PRIORITY_COPY,
)


@pytest.mark.parametrize("profile", DERIVED, ids=lambda p: f"{p.policy.value}-{p.ownership.value}")
@pytest.mark.parametrize("capacity", [1, 2])
def test_states_are_those_derived_on_paper(profile: Profile, capacity: int) -> None:
    scope = PoolScope(profile, capacity, keys=4, objects=3)
    assert explore_pool(scope).represented == on_paper(scope)


@pytest.mark.parametrize("profile", [FIFO_REFERENCE, LRU_REFERENCE, FIFO_SEALED])
def test_states_at_capacity_three(profile: Profile) -> None:
    """By hand for FIFO REFERENCE: 1 + 4*6 + 12*36 + 24*3*216 = 16009."""
    scope = PoolScope(profile, 3, keys=4, objects=3)
    assert explore_pool(scope).represented == on_paper(scope)


def test_lru_copies_at_capacity_two() -> None:
    """Under LRU with copies, some combinations cannot occur.

    Two residents copied from one object, the first (less recent) as the object is now, the second
    older: the second must have been set before the last write and the first after it, so only a
    hit on the second can have made it the more recent. The client then holds the second's copy,
    or has since hit nothing else. So with nothing in hand, the first's copy in hand, or one that
    left, the combination is missing: 3 hands * 12 key pairs * 2 slot orders * 3 objects.
    """
    scope = PoolScope(LRU_COPY, 2, keys=4, objects=3)
    assert explore_pool(scope).represented == on_paper(scope) - 3 * 12 * 2 * 3


@pytest.mark.parametrize("profile", DERIVED, ids=lambda p: f"{p.policy.value}-{p.ownership.value}")
def test_renaming_loses_nothing(profile: Profile) -> None:
    """Reduced counts times orbit sizes are the counts without reduction; the verdicts agree."""
    objects = 2 if NIGHT or profile is not PRIORITY_COPY else 1
    scope = PoolScope(profile, 2, keys=3, objects=objects)
    reduced, plain = explore_pool(scope), explore_pool(scope, symmetric=False)
    assert reduced.divergence is None is plain.divergence
    assert reduced.represented == plain.states == plain.represented
    assert reduced.states < plain.states
    assert reduced.missing == plain.missing == frozenset()


def renamings(state: PoolState, keys: int) -> set[object]:
    """Every image of a state, by brute force."""
    pool, heap = state
    images = set()
    for new_key in permutations(range(keys)):
        for new_ref in permutations(range(len(heap.objects))):
            back = {new: old for old, new in enumerate(new_ref)}
            entries = tuple(
                e._replace(key=Key(new_key[e.key]), ref=Ref(new_ref[e.ref])) for e in pool.entries
            )
            objects = tuple(heap.objects[back[ref]] for ref in range(len(back)))
            image = PoolState(pool._replace(entries=entries), heap._replace(objects=objects))
            images.add(plain_pool(image))
    return images


@pytest.mark.parametrize("profile", [FIFO_REFERENCE, LRU_SEALED, PRIORITY_REFERENCE])
def test_orbits_by_brute_force(profile: Profile) -> None:
    scope = PoolScope(profile, 2, keys=3, objects=2)
    states = [scope.initial()]
    for op in scope.alphabet(frozenset()):
        states += [scope.step(state, op)[0] for state in list(states)[:40]]
    formula = [scope.canonical(state, True)[1] for state in states]
    assert formula == [len(renamings(state, 3)) for state in states]
    assert set(formula) != {1}


def fifo_manager(capacity: int, keys: int, envs: int) -> int:
    """Each pool by itself: 1 + K + ... as above with one object per place; pools are independent.

    For capacity 2 and 3 keys: 1 + 3 + 3*2*2 = 16 states a pool, 16^4 = 65536 for two environments.
    """

    def pool(size: int) -> int:
        turns = {n: (n if n == size and keys > size else 1) for n in range(size + 1)}
        return sum(perm(keys, n) * turns[n] for n in range(min(size, keys) + 1))

    return int(pool(capacity) ** envs) * pool(envs) ** 2


def test_manager_states_are_those_derived_on_paper() -> None:
    scope = ManagerScope(FIFO_REFERENCE, Config(1, 1), envs=2, keys=2)
    assert explore_manager(scope).represented == fifo_manager(1, 2, 2) == 9 * 25
    scope = ManagerScope(FIFO_REFERENCE, Config(1, 1), envs=1, keys=3)
    assert explore_manager(scope).represented == fifo_manager(1, 3, 1) == 4**3


def test_manager_renaming_loses_nothing() -> None:
    profile = LRU_REFERENCE if NIGHT else FIFO_REFERENCE  # twice the states, no other renaming
    scope = ManagerScope(profile, Config(1, 1), envs=2, keys=2)
    reduced, plain = explore_manager(scope), explore_manager(scope, symmetric=False)
    assert reduced.represented == plain.states
    assert reduced.states < plain.states
    assert reduced.missing == plain.missing == frozenset()


def manager_images(state: ManagerState, keys: int) -> set[object]:
    images = set()
    for envs in permutations(range(state.envs)):
        order = [*envs, *range(state.envs, len(state.pools))]
        for new_key in permutations(range(keys)):
            pools = tuple(
                state.pools[index]._replace(
                    entries=tuple(
                        e._replace(key=Key(new_key[e.key])) for e in state.pools[index].entries
                    )
                )
                for index in order
            )
            images.add(plain_manager(state._replace(pools=pools)))
    return images


def test_manager_orbits_by_brute_force() -> None:
    scope = ManagerScope(FIFO_REFERENCE, Config(1, 1), envs=2, keys=3)
    states = [scope.initial()]
    for op in scope.alphabet(frozenset()):
        states += [scope.step(state, op)[0] for state in list(states)[:30]]
    for state in states:
        assert scope.canonical(state, True)[1] == len(manager_images(state, 3))
