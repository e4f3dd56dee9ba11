"""The client of a cache under test: the objects it made, and what it can still see of them."""

from sys import getrefcount
from typing import assert_never
from weakref import ref as weak

from spec.ops import (
    ClientOp,
    Contents,
    Done,
    Read,
    Ref,
    Refused,
    Reread,
    Response,
    Rewrite,
    Seen,
    Write,
)


class Box:
    """A value to be stored: mutable contents, a seal, and private copies that it knows of."""

    __slots__ = ("__weakref__", "contents", "copies", "ref", "sealed")

    def __init__(self, ref: Ref, contents: Contents, copies: "list[weak[Box]]") -> None:
        self.ref = ref
        self.contents = contents
        self.copies = copies
        self.sealed = False

    def write(self, contents: Contents) -> None:
        if self.sealed:
            raise ValueError(f"object {self.ref} is sealed")
        self.contents = contents

    def seal(self) -> None:
        self.sealed = True

    def clone(self) -> "Box":
        copy = Box(self.ref, self.contents, self.copies)
        self.copies.append(weak(copy))
        return copy

    def __copy__(self) -> "Box":
        return self.clone()

    def __deepcopy__(self, memo: object) -> "Box":
        return self.clone()


def references(objects: list[object], index: int) -> int:
    """How many references there are to a list's item."""
    return getrefcount(objects[index])


ALONE = references([object()], 0)
"""The count for an object that nothing but its list refers to."""


class Client:
    """So many objects, and `hand`: what the last hit delivered that is none of them.

    Who `borrows` (LENT) writes into nothing in hand, and gives it back at the next set or clear.
    """

    borrows: bool = False

    def __init__(self, objects: int) -> None:
        self.copies: list[weak[Box]] = []
        self.objects: list[object] = [self.make(Ref(ref)) for ref in range(objects)]
        self.hand: object | None = None

    def make(self, ref: Ref) -> object:
        return Box(ref, Contents(ref), self.copies)

    def read(self, value: object) -> Contents:
        return box(value).contents

    def write(self, value: object, contents: Contents) -> None:
        """Raises if the object is sealed."""
        box(value).write(contents)

    def ref_of(self, value: object) -> Ref | None:
        """Which of the client's objects this is; None if it is none of them."""
        for ref, mine in enumerate(self.objects):
            if mine is value:
                return Ref(ref)
        return None

    def kept(self) -> frozenset[Ref]:
        """The objects that something else keeps alive."""
        objects, every = self.objects, range(len(self.objects))
        return frozenset([Ref(ref) for ref in every if references(objects, ref) > ALONE])

    def live_copies(self) -> int:
        """Private copies that something other than the hand keeps alive; none if they are lent."""
        if self.borrows:
            return 0
        live: list[object] = [copy for copy in (link() for link in self.copies) if copy is not None]
        return sum(
            references(live, index) > ALONE + (live[index] is self.hand)
            for index in range(len(live))
        )

    def perform(self, op: ClientOp) -> Response:
        match op:
            case Read(ref):
                return Seen(self.read(self.objects[ref]))
            case Write(ref, contents):
                self.write(self.objects[ref], contents)
            case Reread():
                return Refused() if self.hand is None else Seen(self.read(self.hand))
            case Rewrite(contents):
                if self.hand is None or self.borrows:
                    return Refused()
                self.write(self.hand, contents)
            case _:
                assert_never(op)
        return Done()


def box(value: object) -> Box:
    if not isinstance(value, Box):
        raise TypeError(f"the cache delivered {value!r}, which is no object of the client's")
    return value
