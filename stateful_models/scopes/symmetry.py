"""States up to renaming: the representatives of the classes that `spec.renaming` describes.

A canonical key names keys, objects and contents by their first occurrence and leaves out what
the equivalence forgets: counters, and of contents whatever no answer and no law can tell.
"""

from collections.abc import Hashable
from itertools import permutations
from math import factorial, perm
from typing import Final, NamedTuple

from spec.heap import Heap
from spec.manager import ManagerState
from spec.ops import Contents, Key, Ref
from spec.pool import Entry, Pool, PoolState
from spec.profile import copies

SHARED: Final[dict[Hashable, Hashable]] = {}
"""Parts of keys: there are few, and each is kept once however many states it is part of."""


def shared(part: Hashable) -> Hashable:
    return SHARED.setdefault(part, part)


class Versions:
    """Contents by name: 0, what an object contains now; then older ones as they occur."""

    def __init__(self, heap: Heap, apart: bool) -> None:
        self.heap, self.apart = heap, apart
        self.older: dict[Contents, int] = {}

    def of(self, entry: Entry) -> int:
        if entry.as_set == self.heap.objects[entry.ref].contents:
            return 0
        return self.older_one(entry.as_set) if self.apart else 1

    def older_one(self, contents: Contents) -> int:
        return self.older.setdefault(contents, len(self.older) + 1)


class Held(NamedTuple):
    """What the client holds: the `place` of the entry whose it is, -1 if of none; the object that
    contains the same now, if one does; else which older contents."""

    place: int
    same_as: int | None
    version: int


def held(heap: Heap, homes: list[tuple[str, Key]], versions: Versions) -> Held | None:
    hand = heap.hand
    if hand is None:
        return None
    if hand.home is not None:
        return Held(homes.index(hand.home), None, 0)
    now = [one.contents for one in heap.objects]
    if hand.contents in now:
        return Held(-1, now.index(hand.contents), 0)
    return Held(-1, None, versions.older_one(hand.contents))


def homes_of(state: PoolState) -> list[tuple[str, Key]]:
    return [(state.pool.name, entry.key) for entry in state.pool.entries]


def plain_pool(state: PoolState) -> Hashable:
    """The state without what is forgotten, no keys and no objects renamed."""
    pool, heap = state
    versions = Versions(heap, copies(pool.profile))
    entries = tuple(
        [(e.key, e.slot, e.ref, versions.of(e), e.priority, e.note) for e in pool.entries]
    )
    hand = held(heap, homes_of(state), versions)
    return entries, pool.memo, tuple([one.sealed for one in heap.objects]), hand


def renamed_pool(state: PoolState, keys: int) -> tuple[Hashable, int]:
    """The state's canonical form, and how many states it stands for."""
    pool, heap = state
    versions, names = Versions(heap, copies(pool.profile)), dict[int, int]()
    entries = tuple(
        [
            shared(
                (e.slot, names.setdefault(e.ref, len(names)), versions.of(e), e.priority, e.note)
            )
            for e in pool.entries
        ]
    )
    hand = None if heap.hand is None else held(heap, homes_of(state), versions)
    if hand is not None and hand.same_as is not None:  # an object that is told from all others
        hand = hand._replace(same_as=names.setdefault(hand.same_as, len(names)))
    away = sum(one.sealed for ref, one in enumerate(heap.objects) if ref not in names)
    unsealed = len(heap.objects) - len(names) - away
    known = {entry.key: Key(place) for place, entry in enumerate(pool.entries)}
    memo = shared(remembered(pool, known))
    orbit = perm(keys, len(known)) * factorial(len(heap.objects))
    orbit //= factorial(away) * factorial(unsealed)
    return (entries, memo, away, hand), orbit


def remembered(pool: Pool, known: dict[Key, Key]) -> Hashable:
    """What the policy remembers, keys named as they occur: those that have left, too."""
    return pool.profile.policy.renamed(
        pool.memo, lambda key: known.setdefault(key, Key(len(known)))
    )


def plain_manager(state: ManagerState) -> Hashable:
    """As `plain_pool`; without what the client holds, which no operation of a manager's scope
    looks at."""
    versions = Versions(state.heap, copies(state.profile))
    entries = tuple(
        [
            tuple(
                [(e.key, e.slot, e.ref, versions.of(e), e.priority, e.note) for e in pool.entries]
            )
            for pool in state.pools
        ]
    )
    memos = tuple([pool.memo for pool in state.pools])
    return entries, memos, tuple([one.sealed for one in state.heap.objects])


def renamed_manager(state: ManagerState, keys: int, own: bool) -> tuple[Hashable, int]:
    """As `renamed_pool`, over environments too. `own`: each pool has one object of its own, so
    that only environments can exchange theirs; else every object is as good as another.

    An orbit has as many states as there are renamings, divided by those that change nothing:
    the environment orders that give the canonical form, times the renamings of what is unused.
    """
    orders = [tuple(range(state.envs))]
    if state.envs > 1:
        orders = list(permutations(range(state.envs)))
    forms = [manager_form(state, order, own) for order in orders]
    least = min(forms, key=repr) if len(forms) > 1 else forms[0]
    renamings = factorial(state.envs) * factorial(keys)
    idle = forms.count(least) * factorial(keys - least.keys)
    if not own:
        sealed, unsealed = unused(state, least)
        renamings *= factorial(len(state.heap.objects))
        idle *= factorial(sealed) * factorial(unsealed)
    return least, renamings // idle


class Form(NamedTuple):
    """Entries and memos pool by pool; which objects are sealed (`own`: pool by pool; else of those
    that no pool holds, how many); how many objects and keys have a name."""

    entries: tuple[Hashable, ...]
    sealed: Hashable
    named: int
    keys: int


def unused(state: ManagerState, form: Form) -> tuple[int, int]:
    """How many objects without a name are sealed, and how many are not."""
    sealed = form.sealed
    assert isinstance(sealed, int), "of objects that every pool may hold"
    return sealed, len(state.heap.objects) - form.named - sealed


def manager_form(state: ManagerState, order: tuple[int, ...], own: bool) -> Form:
    """The state with its environments in this order, keys and objects named as they occur."""
    envs, heap = state.envs, state.heap
    recurs = [envs + env for env in order] if len(state.pools) > envs + 2 else [envs]
    places = [*order, *recurs, len(state.pools) - 1]
    names, keys = dict[Ref, int](), dict[Key, Key]()
    versions = Versions(heap, copies(state.profile))
    entries = []
    for pool in [state.pools[place] for place in places]:
        told = [
            (
                keys.setdefault(e.key, Key(len(keys))),
                e.slot,
                0 if own else names.setdefault(e.ref, len(names)),
                versions.of(e),
                e.priority,
                e.note,
            )
            for e in pool.entries
        ]
        entries.append(shared((tuple(told), remembered(pool, keys))))
    if own:
        sealed: Hashable = shared(tuple([heap.objects[place].sealed for place in places]))
    else:
        sealed = sum(one.sealed for ref, one in enumerate(heap.objects) if ref not in names)
    return Form(tuple(entries), sealed, len(names), len(keys))
