"""What is said of a divergence once it has been found: whether it comes again, and whose it is.

A fault shows itself later than it happens: an eviction of the wrong entry by a get of that entry.
Here the history is gone through again, and after each operation all that a subject can be asked
is asked of new ones; the first operation after which an answer is wrong made the difference, and
the laws that it breaks are those named.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple, TypeVar, cast

from spec.heap import put_object
from spec.manager import ManagerState, pool_index
from spec.ops import Contents, Get, Hit, Key, Miss, On, Peek, Read, Ref, Response, Seen, Set, SlotId
from spec.pool import Entry, Pool, PoolState, find
from stateful_models.engines.judge import Divergence, Judge, first_divergence
from stateful_models.scopes.scope import Choosing, Scope
from stateful_models.subjects.asking import ask
from stateful_models.subjects.aspects import Aspect, visible
from stateful_models.subjects.protocol import Subject

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states
AGAIN: Final = 3


def settled(
    scope: Scope[S, O], build: Callable[[], Subject[O]], found: Divergence[S, O]
) -> Divergence[S, O]:
    """The same divergence, with the earliest law and the operation that broke it; as it was found,
    where the subject may choose otherwise another time."""
    if isinstance(scope, Choosing) and scope.chosen:
        return found
    answers = list(told_again(scope, build, found))
    if any(answer != found.observed for answer in answers):
        different = tuple(dict.fromkeys([found.observed, *answers]))
        return replace(found, laws=(), unsteady=different)
    for at, laws in enumerate(blamed(scope, build, found)):
        if laws:
            return replace(found, at=at, laws=laws)
    return found


def told_again(
    scope: Scope[S, O], build: Callable[[], Subject[O]], found: Divergence[S, O]
) -> Iterator[Response | None]:
    """How the last operation is answered when the whole history is performed again."""
    for _ in range(AGAIN):
        wrong = first_divergence(scope, build, found.history)
        yield found.expected if wrong is None else wrong.observed


def blamed(
    scope: Scope[S, O], build: Callable[[], Subject[O]], found: Divergence[S, O]
) -> Iterator[tuple[str, ...]]:
    """Of each operation but the last, the laws that its later effects show it to break."""
    judge, before = Judge(scope, build, frozenset()), scope.initial()
    for at, op in enumerate(found.history[:-1]):
        history = found.history[: at + 1]
        after, _ = scope.step(before, op)
        seen = adopted(judge, after, before, history)
        if seen == after:
            yield ()
        else:
            subject = judge.at(history[:-1])
            answer = visible(ask(subject, op), judge.reports)
            yield judge.named(subject, before, op, answer, seen)
        before = after


def adopted(judge: Judge[S, O], after: S, before: S, history: tuple[O, ...]) -> S:
    """The state behind a history, as new subjects that performed it let one see.

    A get and a peek of one entry that contradict each other say nothing of it.
    """
    state, wrong, right = after, list[tuple[O, Response]](), set[Place | None]()
    for op in judge.probes:
        expected = judge.scope.step(after, op)[1]
        observed = judge.answer(judge.at(history), op, expected)
        if observed == visible(expected, judge.reports):
            right.add(place_of(after, op))
        else:
            wrong.append((op, observed))
    for op, observed in wrong:
        if place_of(after, op) not in right - {None}:
            state = cast(S, looked(state, before, op, observed))
    if state != after:
        told = Aspect.SLOTS in judge.reports
        return state if told else cast(S, with_its_own_slot(state, before, history[-1]))
    order = judge.flush(after, history)
    return state if order is None else cast(S, goes_early(state, order))


class Place(NamedTuple):
    """A key in one of the pools of a state."""

    pool: int
    key: Key


def place_of(state: object, op: object) -> Place | None:
    """What an operation on one pool looks at, or sets."""
    inner = op.op if isinstance(op, On) else op
    key = inner.key if isinstance(inner, (Get, Peek, Set)) else None
    index: int | None = 0
    if isinstance(state, ManagerState):
        index = pool_index(state, op.tier, op.env) if isinstance(op, On) else None
    return None if key is None or index is None else Place(index, key)


def pools_of(state: object) -> tuple[Pool, ...]:
    if isinstance(state, ManagerState):
        return state.pools
    return (state.pool,) if isinstance(state, PoolState) else ()


def with_entries(state: object, number: int, entries: tuple[Entry, ...]) -> object:
    pools = pools_of(state)
    pool = pools[number]._replace(entries=entries)
    if isinstance(state, PoolState):
        return state._replace(pool=pool)
    assert isinstance(state, ManagerState), "a pool is one of a state's"
    return state._replace(pools=(*pools[:number], pool, *pools[number + 1 :]))


def with_contents(state: object, ref: Ref, contents: Contents) -> object:
    assert isinstance(state, (PoolState, ManagerState)), "objects are those of a heap"
    old = state.heap.objects[ref]
    return state._replace(heap=put_object(state.heap, ref, old._replace(contents=contents)))


def looked(state: object, before: object, op: object, observed: Response) -> object:
    """The state in which a look would be answered so."""
    if isinstance(op, Read) and isinstance(observed, Seen):
        return with_contents(state, op.ref, observed.contents)
    place = place_of(state, op)
    if place is None:
        return state
    number, key = place
    entries = pools_of(state)[number].entries
    others = tuple(entry for entry in entries if entry.key != key)
    if isinstance(observed, Miss):
        return with_entries(state, number, others)
    if not isinstance(observed, Hit):
        return state
    there = find(pools_of(state)[number], key)
    old = there or find(pools_of(before)[number], key) or Entry(key, SlotId(0), Ref(0), Contents(0))
    if observed.ref is None:
        seen = old._replace(as_set=observed.contents)
    else:
        seen = old._replace(ref=observed.ref)
        state = with_contents(state, observed.ref, observed.contents)
    if there is None:
        return with_entries(state, number, (*others, seen))
    return with_entries(state, number, tuple(seen if e.key == key else e for e in entries))


def with_its_own_slot(state: object, before: object, op: object) -> object:
    """What a set put where another is seen to have stayed, in a slot that is free."""
    place = place_of(state, op)
    if place is None or find(pools_of(before)[place.pool], place.key) is not None:
        return state
    pool = pools_of(state)[place.pool]
    new, taken = find(pool, place.key), {e.slot for e in pool.entries if e.key != place.key}
    free = sorted(set(map(SlotId, range(pool.capacity))) - taken)
    if new is None or new.slot not in taken or not free:
        return state
    moved = new._replace(slot=free[0])
    return with_entries(
        state, place.pool, tuple(moved if one is new else one for one in pool.entries)
    )


def goes_early(state: object, wrong: Divergence[S, O]) -> object:
    """The state in which the key that was looked at last goes first, or last."""
    if isinstance(wrong.expected, Hit) and isinstance(wrong.observed, Hit):
        return state  # in its place; what else is wrong the newcomers may have done
    place = place_of(state, wrong.history[-1])
    entry = None if place is None else find(pools_of(state)[place.pool], place.key)
    if place is None or entry is None:
        return state
    others = tuple(one for one in pools_of(state)[place.pool].entries if one is not entry)
    first = isinstance(wrong.observed, Miss)
    ranks = [one.priority for one in (entry, *others)]
    entry = entry._replace(priority=min(ranks) if first else max(ranks))
    return with_entries(state, place.pool, (entry, *others) if first else (*others, entry))
