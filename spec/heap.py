"""The client's objects, their contents, and the one private object that it may hold."""

from typing import NamedTuple, assert_never

from spec.ops import (
    ClientOp,
    Contents,
    Done,
    Key,
    Read,
    Ref,
    Refused,
    Reread,
    Response,
    Rewrite,
    Seen,
    Write,
)


class Object(NamedTuple):
    contents: Contents
    sealed: bool = False


class Hand(NamedTuple):
    """What the last hit delivered that is none of the client's objects.

    `home` is its pool and key while it is resident; a copy that is the client's `own` has none.
    """

    contents: Contents
    home: tuple[str, Key] | None
    own: bool = False


class Heap(NamedTuple):
    objects: tuple[Object, ...]
    hand: Hand | None = None


def new_heap(objects: int) -> Heap:
    """So many objects, no two with the same contents."""
    return Heap(tuple(Object(Contents(n)) for n in range(objects)))


def contents(heap: Heap, ref: Ref) -> Contents:
    return heap.objects[ref].contents


def new_object(heap: Heap, value: Contents) -> tuple[Heap, Ref]:
    """The client makes one more object."""
    return Heap((*heap.objects, Object(value)), heap.hand), Ref(len(heap.objects))


def put_object(heap: Heap, ref: Ref, value: Object) -> Heap:
    objects = heap.objects
    return Heap((*objects[:ref], value, *objects[ref + 1 :]), heap.hand)


def seal(heap: Heap, ref: Ref) -> Heap:
    return put_object(heap, ref, Object(contents(heap, ref), True))


def orphan(heap: Heap, home: tuple[str, Key]) -> Heap:
    """The private copy under `home` has left its pool; whoever holds it holds it unchanged."""
    if heap.hand is None or heap.hand.home != home:
        return heap
    return Heap(heap.objects, Hand(heap.hand.contents, None))


def take_back(heap: Heap) -> Heap:
    """What was lent is the pool's again."""
    return heap if heap.hand is None else Heap(heap.objects)


def client_step(heap: Heap, op: ClientOp) -> tuple[Heap, Response]:
    """What the client does to objects, without the cache: what is sealed or lent refuses."""
    match op:
        case Read(ref):
            return heap, Seen(contents(heap, ref))
        case Write(ref, new):
            if heap.objects[ref].sealed:
                return heap, Refused()
            return put_object(heap, ref, Object(new)), Done()
        case Reread():
            return heap, Refused() if heap.hand is None else Seen(heap.hand.contents)
        case Rewrite(new):
            if heap.hand is None or not heap.hand.own:
                return heap, Refused()
            return Heap(heap.objects, heap.hand._replace(contents=new)), Done()
        case _:
            assert_never(op)
