"""A cache whose methods are watched, and whose type stays what it was."""

import copyreg
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from types import new_class
from typing import Final, Protocol, SupportsIndex, TypeAlias, cast

from kvref.fixed import StandsIn

Method: TypeAlias = Callable[..., object]
Watch: TypeAlias = Callable[[Method, object, tuple[object, ...], dict[str, object]], object]
"""Called with a method, what it is a method of, and what it is called with."""
OWN: Final = ("__class__", "__new__", "__init__", "__init_subclass__", "__subclasshook__")
"""What a stand-in does not hand on."""
STILL: Final = ("__getattribute__", "__getattr__", "__setattr__", "__delattr__", "__del__")
"""What it hands on by other means, or not at all."""


KEEPER: Final = "__kvref_guard__"
"""Under this what is watched keeps who watches it."""


class Watched(Protocol):
    """One object, some of whose methods are watched."""

    @property
    def face(self) -> object:
        """What callers are to have."""

    def watch(self, names: Mapping[str, Watch]) -> None:
        """Watch these methods from here on, and no other."""

    def leave(self) -> None:
        """Watch nothing more."""


class InPlace(StandsIn):
    """The object itself, of a class derived from its own, special methods included.

    Copies and pickles are of the object's own class, and not watched.
    """

    def __init__(self, cache: object, guard: object) -> None:
        self.face, self.guard, self.plain = cache, guard, type(cache)
        self.names: Mapping[str, Watch] = {}
        self.watch({})
        vars(cache)[KEEPER] = self

    def watch(self, names: Mapping[str, Watch]) -> None:
        self.names = names
        self.face.__class__ = derived(cast(Hashable, self.plain), frozenset(names))

    def leave(self) -> None:
        self.face.__class__ = self.plain
        vars(self.face).pop(KEEPER, None)


class Beside(StandsIn):
    """The object itself, with attributes that take the place of methods, but for special ones.

    What is not watched costs nothing: an object whose class has changed is slower for good. For
    objects whose copies leave behind what stands in for a method, as kvref's do.
    """

    def __init__(self, cache: object, guard: object) -> None:
        self.face, self.guard = cache, guard
        self.names: Mapping[str, Watch] = {}
        setattr(cache, KEEPER, self)

    def watch(self, names: Mapping[str, Watch]) -> None:
        """Special methods are looked up in the class, where nothing of one object can be."""
        plain = {name: watch for name, watch in names.items() if not name.startswith("__")}
        for name in self.names.keys() - plain.keys():
            delattr(self.face, name)
        for name in plain.keys() - self.names.keys():
            setattr(self.face, name, Watching(self.face, name, plain[name]))
        self.names = plain

    def leave(self) -> None:
        self.watch({})
        delattr(self.face, KEEPER)


class Watching(StandsIn):
    """One method of one object, watched."""

    __slots__ = ("cache", "own", "watch")

    def __init__(self, cache: object, name: str, watch: Watch) -> None:
        self.cache, self.own, self.watch = cache, cast(Method, getattr(type(cache), name)), watch

    def __call__(self, *args: object, **named: object) -> object:
        return self.watch(self.own, self.cache, args, named)


@lru_cache(maxsize=64)
def derived(plain: Hashable, names: frozenset[str]) -> type:
    """A class like `plain`, in which these methods are watched: one for all objects, as Python
    is fast where objects are of one class."""

    assert isinstance(plain, type), "of an object"

    def fill(space: dict[str, object]) -> None:
        space["__slots__"] = ()
        space["__reduce_ex__"] = reduced(plain)
        for name in ("__module__", "__qualname__", "__doc__"):
            space[name] = getattr(plain, name)
        for name in names:
            space[name] = watched(name, getattr(plain, name))

    return new_class(plain.__name__, (plain,), {}, fill)


def watched(name: str, own: Method) -> Method:
    """A method that asks who watches its object; a copy of that is watched by nobody."""

    def method(self: object, *args: object, **named: object) -> object:
        keeper = vars(self).get(KEEPER)
        if keeper is None or keeper.face is not self or name not in keeper.names:
            return own(self, *args, **named)  # also called by who held it when it was watched
        return keeper.names[name](own, self, args, named)

    return method


def reduced(plain: type) -> Method:
    """`__reduce_ex__`, to what its object would be if nobody watched it."""
    own = cast(Method, plain.__reduce_ex__)

    def reduce(self: object, protocol: SupportsIndex) -> object:
        told, kind = own(self, protocol), type(self)
        if not isinstance(told, tuple):
            return told
        make, arguments = told[0], [plain if one is kind else one for one in told[1]]
        make = UNNAMED.get(make, plain if make is kind else make)
        return (make, tuple(arguments), *map(unwatched, told[2:]))

    return reduce


def unwatched(told: object) -> object:
    """Of a state, what it is without its keeper."""
    if isinstance(told, dict) and KEEPER in told:
        return {name: value for name, value in told.items() if name != KEEPER}
    if type(told) is tuple:
        return tuple(map(unwatched, told))
    return told


def made(kind: type, *arguments: object) -> object:
    """What `copyreg.__newobj__` does; pickle asks of that one that the class be the object's."""
    return cast(Method, kind.__new__)(kind, *arguments)


def made_with(kind: type, arguments: tuple[object, ...], named: dict[str, object]) -> object:
    """Likewise, with named arguments."""
    return cast(Method, kind.__new__)(kind, *arguments, **named)


UNNAMED: Final[dict[object, object]] = {
    copyreg.__newobj__: made,  # type: ignore[attr-defined]  # typeshed does not know it
    copyreg.__newobj_ex__: made_with,  # type: ignore[attr-defined]  # nor this
}


class StandIn:
    """Another object in its place, which hands on everything, and says that it is of its class.

    For what is of a class from which none can be derived, or whose objects cannot change theirs.
    """

    def __init__(self, cache: object, guard: object) -> None:
        self.cache, self.guard = cache, guard
        self.names: Mapping[str, Watch] = {}
        plain = type(cache)

        def fill(space: dict[str, object]) -> None:
            space["__slots__"] = ()
            space[KEEPER] = self
            space["__class__"] = property(lambda _: plain)
            space["__getattr__"] = lambda _, name: self.bound(name)
            space["__setattr__"] = lambda _, name, value: setattr(cache, name, value)
            space["__delattr__"] = lambda _, name: delattr(cache, name)
            space["__doc__"] = plain.__doc__
            special = [name for name in dir(plain) if name.startswith("__")]
            for name in set(special) - {*OWN, *STILL}:
                if callable(getattr(plain, name)):
                    space[name] = self.handed_on(name)

        self.face: object = new_class(plain.__name__, (), {}, fill)()

    def watch(self, names: Mapping[str, Watch]) -> None:
        self.names = names

    def leave(self) -> None:
        self.names = {}

    def bound(self, name: str) -> object:
        value, watch = getattr(self.cache, name), self.names.get(name)
        if watch is None:
            return value

        def own(_: object, *args: object, **named: object) -> object:
            return value(*args, **named)

        def method(*args: object, **named: object) -> object:
            return watch(own, None, args, named)

        return method

    def handed_on(self, name: str) -> Method:
        def method(_: object, *args: object, **named: object) -> object:
            return cast(Method, self.bound(name))(*args, **named)

        return method


def watching(cache: object, guard: object, leaves: bool) -> Watched:
    """In place if that can be; beside its methods if copies leave behind what is there."""
    if leaves:
        return Beside(cache, guard)
    plain = type(cache)
    try:
        vars(cache)
        cache.__class__ = derived(cast(Hashable, plain), frozenset())
        cache.__class__ = plain
    except TypeError:  # an object of C, or without attributes of its own; a final class
        return StandIn(cache, guard)
    return InPlace(cache, guard)


def keeper_of(cache: object) -> InPlace | Beside | StandIn | None:
    """Who watches this object; None if nobody does."""
    kept: object = getattr(type(cache), KEEPER, None)  # a stand-in's class has it
    if kept is None:
        kept = getattr(cache, KEEPER, None)
    if isinstance(kept, (InPlace, Beside)):
        return kept if kept.face is cache else None
    return kept if isinstance(kept, StandIn) else None
