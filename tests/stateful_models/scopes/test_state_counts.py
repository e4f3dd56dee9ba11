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
- COPY: each entry is a copy of one of O objects: of the version that it has now, or of an older
  one; copies of one object are of the same older version or not. For m copies of one object these
  are the ways to choose which are up to date and to part the others into versions: a(1) = 2,
  a(2) = 5, a(3) = 15. The client holds nothing (1); the copy of one of the n residents; one that
  left: equal to what one of the O objects contains now, to one of the s older versions that are
  resident, or to none of these: O + s + 1. One of these cannot be: who left was set before some
  resident was; so if all residents are older copies of one object, what left is not up to date.
- COPY_BOTH: the same, but a copy that a hit delivered is the client's and no resident: n less. One
  that the client has written into is equal to no other, as an older version is.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import permutations, product
from math import factorial, perm

import pytest

from spec.manager import ManagerState
from spec.ops import Contents, Key, Ref
from spec.pool import PoolState
from spec.profile import (
    FIFO_COPY,
    FIFO_COPY_BOTH,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_COPY,
    LRU_COPY_BOTH,
    LRU_REFERENCE,
    LRU_SEALED,
    PRIORITY_COPY,
    PRIORITY_COPY_BOTH,
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
    if policy == Policy.LRU:
        return factorial(n)
    if policy.ranked:
        return (factorial(n) if n == capacity else 1) * int(priorities**n)
    return n if n == capacity else 1


def holdings(ownership: Ownership, n: int, objects: int) -> int:
    if ownership is Ownership.REFERENCE:
        return int((2 * objects) ** n)
    if ownership in (Ownership.COPY, Ownership.COPY_BOTH):
        return sum(
            hands(stored, ownership, objects) for stored in product(range(objects), repeat=n)
        )
    choices = product(range(objects), repeat=n)
    return sum(int(2 ** (objects - len(set(stored)))) for stored in choices)


def versions(copies: int, newest: int = 0) -> Iterator[tuple[int, ...]]:
    """Of each copy of one object: 0, the version that it has now, or which older one."""
    if copies == 0:
        yield ()
        return
    for one in range(newest + 2):
        for others in versions(copies - 1, max(newest, one)):
            yield (one, *others)


def hands(stored: tuple[int, ...], ownership: Ownership, objects: int) -> int:
    """What the client can hold beside copies of these objects, over all their versions."""
    total = 0
    copies = Counter(stored).values()
    for chosen in product(*(tuple(versions(count)) for count in copies)):
        older = sum(max(one) for one in chosen)
        outdated = len(copies) == 1 and 0 not in chosen[0]
        left = objects - outdated + older + 1
        total += 1 + left + (len(stored) if ownership is Ownership.COPY else 0)
    return total


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
    FIFO_COPY_BOTH,
    PRIORITY_COPY_BOTH,
)
OF_EACH_KIND = (LRU_SEALED, FIFO_COPY, FIFO_COPY_BOTH, PRIORITY_REFERENCE)
RENAMED = DERIVED if NIGHT else OF_EACH_KIND


@pytest.mark.parametrize("profile", DERIVED, ids=lambda p: f"{p.policy.value}-{p.ownership.value}")
@pytest.mark.parametrize("capacity", [1, 2])
def test_states_are_those_derived_on_paper(profile: Profile, capacity: int) -> None:
    few = capacity == 2 and profile in (PRIORITY_COPY, PRIORITY_COPY_BOTH) and not NIGHT
    scope = PoolScope(profile, capacity, keys=4, objects=1 if few else 3)
    assert explore_pool(scope).represented == on_paper(scope)


@pytest.mark.parametrize("profile", [FIFO_REFERENCE, LRU_REFERENCE, FIFO_SEALED])
def test_states_at_capacity_three(profile: Profile) -> None:
    """By hand for FIFO REFERENCE: 1 + 4*6 + 12*36 + 24*3*216 = 16009."""
    scope = PoolScope(profile, 3, keys=4, objects=3)
    assert explore_pool(scope).represented == on_paper(scope)


@pytest.mark.parametrize(("profile", "missing"), [(LRU_COPY, 7), (LRU_COPY_BOTH, 4)])
def test_lru_copies_at_capacity_two(profile: Profile, missing: int) -> None:
    """Under LRU with copies, some combinations cannot occur, each of 12 key pairs * 2 slot orders.

    Two residents copied from one of 3 objects, the first (less recent) as the object is now, the
    second older: only a hit on the second, behind the first's set, can have made it the more
    recent. So the client holds the second's copy; COPY_BOTH: or that, written into. Not so with
    nothing in hand, 3 that are up to date, the older version as one that left, or none of these,
    and the first's copy: 7. COPY_BOTH, where the two last and the first's are none: 4.

    One that left is up to date, of one of 3 objects, and the second resident an older copy of that:
    the second was set last, behind who left, since no hit followed. The first is a copy of one of 2
    other objects, up to date or older: 3 * 2 * 2. (If it is of the same object, it is counted.)
    """
    scope = PoolScope(profile, 2, keys=4, objects=3)
    assert explore_pool(scope).represented == on_paper(scope) - 12 * 2 * (3 * missing + 3 * 2 * 2)


@pytest.mark.parametrize("profile", RENAMED, ids=lambda p: f"{p.policy.value}-{p.ownership.value}")
def test_renaming_loses_nothing(profile: Profile) -> None:
    """Reduced counts times orbit sizes are the counts without reduction; the verdicts agree."""
    scope = PoolScope(profile, 2, keys=3, objects=2 if NIGHT or profile is LRU_SEALED else 1)
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
    """By day one key, whose environments are renamed; so init does not evict."""
    profile, keys = (LRU_REFERENCE, 2) if NIGHT else (FIFO_REFERENCE, 1)
    scope = ManagerScope(profile, Config(1, 1), envs=2, keys=keys)
    reduced, plain = explore_manager(scope), explore_manager(scope, symmetric=False)
    assert reduced.represented == plain.states
    assert reduced.states < plain.states
    evicts = ["recur", "wm"] if NIGHT else ["init", "recur", "wm"]
    assert reduced.missing == plain.missing == {f"eviction in {tier}" for tier in evicts}


def manager_images(state: ManagerState, keys: int) -> set[object]:
    images = set()
    for envs in permutations(range(state.envs)):
        order = [*envs, *range(state.envs, len(state.pools))]
        for new_key in permutations(range(keys)):
            pools = tuple(
                state.pools[index]._replace(
                    entries=tuple(
                        e._replace(key=Key(new_key[e.key]), ref=Ref(place), as_set=Contents(place))
                        for e in state.pools[index].entries
                    )
                )
                for place, index in enumerate(order)
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
