"""The client of a cache under test: the objects it made, and what it can still see of them."""

from collections.abc import Iterator
from sys import getrefcount
from typing import Final, assert_never
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
from stateful_models.subjects.naming import Values


class Box:
    """A value to be stored: mutable contents, a seal, and private copies that it knows of.

    The contents lie in a cell: `copy.copy` shares it, as it shares what is inside any container.
    """

    __slots__ = ("__weakref__", "cell", "copies", "ref", "sealed")

    def __init__(self, ref: Ref, contents: Contents, copies: "list[weak[Box]]") -> None:
        self.ref = ref
        self.cell = [contents]
        self.copies = copies
        self.sealed = False

    @property
    def contents(self) -> Contents:
        return self.cell[0]

    @contents.setter
    def contents(self, contents: Contents) -> None:
        self.cell[0] = contents

    def write(self, contents: Contents) -> None:
        if self.sealed:
            raise ValueError(f"object {self.ref} is sealed")
        self.contents = contents

    def seal(self) -> None:
        self.sealed = True

    def clone(self) -> "Box":
        copy = type(self)(self.ref, self.contents, self.copies)
        self.copies.append(weak(copy))
        return copy

    def __copy__(self) -> "Box":
        copy = self.clone()
        copy.cell, copy.sealed = self.cell, self.sealed
        return copy

    def __deepcopy__(self, memo: object) -> "Box":
        return self.clone()


class EmptyBox(Box):
    """Of no length, and so false, as an empty window is."""

    __slots__ = ()

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[object]:
        return iter(())


class EqualBox(Box):
    """Equal to every other with equal contents; told apart by identity alone."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EqualBox) and self.contents == other.contents

    __hash__ = object.__hash__


BOXES: Final = {Values.PLAIN: Box, Values.EMPTY: EmptyBox, Values.EQUAL: EqualBox}


def references(objects: list[object], index: int) -> int:
    """How many references there are to a list's item."""
    return getrefcount(objects[index])


ALONE = references([object()], 0)
"""The count for an object that nothing but its list refers to."""


class Client:
    """So many objects, and `hand`: what the last hit delivered that is none of them.

    Who `borrows` (LENT) writes into nothing in hand, and gives it back at the next set or clear.
    Values that are EQUAL start with the same contents, and have the same again after as many
    writes each; what is read and written here is then what the specification calls them.
    """

    borrows: bool = False
    values: Values = Values.PLAIN

    def __init__(self, objects: int) -> None:
        self.copies: list[weak[Box]] = []
        self.like = 1
        self.objects: list[object] = [self.make(Ref(ref)) for ref in range(objects)]
        self.hand: object | None = None

    def make(self, ref: Ref) -> object:
        return BOXES[self.values](ref, Contents(ref // self.like), self.copies)

    def dress(self, values: Values) -> None:
        """Objects of this kind instead. A client of other objects than boxes keeps its own."""
        if type(self) is Client:
            self.values = values
            self.like = len(self.objects) if values is Values.EQUAL else 1
            self.objects = [self.make(Ref(ref)) for ref in range(len(self.objects))]

    def read(self, value: object) -> Contents:
        found = box(value)
        if self.like == 1:
            return found.contents
        return Contents(found.contents * self.like + found.ref)

    def write(self, value: object, contents: Contents) -> None:
        """Raises if the object is sealed."""
        box(value).write(contents if self.like == 1 else Contents(contents // self.like))

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
