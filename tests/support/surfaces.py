"""Functions under typed garbage: each argument in turn is replaced by whatever there is."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from kvref import KVCacheError
from tests.support.garbage import garbage

Call = Callable[..., object]


class Surface(NamedTuple):
    """A function with arguments that it takes, and what must not change if it refuses others."""

    call: Call
    arguments: tuple[object, ...] = ()
    named: Mapping[str, object] = MappingProxyType({})
    state: Callable[[], object] = lambda: None


Arguments = tuple[tuple[object, ...], Mapping[str, object], object]


def substitutions(surface: Surface) -> list[Arguments]:
    """Each argument replaced by each piece of garbage, the others as they should be."""
    tried: list[Arguments] = []
    for place in range(len(surface.arguments)):
        for bad in garbage():
            arguments = (*surface.arguments[:place], bad, *surface.arguments[place + 1 :])
            tried.append((arguments, surface.named, bad))
    for name in surface.named:
        tried += [(surface.arguments, {**surface.named, name: bad}, bad) for bad in garbage()]
    return tried


def attempt(surface: Surface) -> tuple[int, list[str]]:
    """How many calls were made, and what was wrong with those that were neither taken nor refused
    as they should be."""
    calls, wrong = 0, []
    for arguments, named, bad in substitutions(surface):
        before = surface.state()
        calls += 1
        try:
            surface.call(*arguments, **named)
        except KVCacheError:
            if surface.state() != before:
                wrong.append(f"{type(bad).__name__}: refused, and yet something has changed")
        except Exception as error:
            wrong.append(f"{type(bad).__name__}: {type(error).__name__} {str(error)[:80]}")
    return calls, wrong
