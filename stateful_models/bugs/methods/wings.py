"""Every exhibit of every wing, and each put to its methods, in this process or in others."""

from collections.abc import Iterator
from concurrent.futures import Executor
from importlib.util import find_spec

from stateful_models.bugs.matrix import Examined, Exhibited, examined


def wings() -> Iterator[Exhibited]:
    """Every exhibit; those of tensors where torch is installed."""
    from stateful_models.bugs.methods.caches import cache_wing
    from stateful_models.bugs.methods.searches import search_wing

    yield from cache_wing()
    yield from search_wing()
    if find_spec("torch") is not None:
        from stateful_models.bugs.methods.tensors import tensor_wing

        yield from tensor_wing()


def each(chosen: list[Exhibited], executor: Executor | None) -> Iterator[Examined]:
    """In their order, whoever is done first."""
    if executor is None:
        yield from map(examined, chosen)
    else:
        yield from executor.map(by_name, [one.name for one in chosen])


def by_name(name: str) -> Examined:
    """In another process, to which not every exhibit can be sent."""
    return examined(next(one for one in wings() if one.name == name))
