"""Bytes that operations write, whatever they are called."""

from collections.abc import Callable, Iterator

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class Moved(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own hook, untyped
    """Counts the bytes of what an operation writes into, and of what it makes anew; of a view, or
    of room that nothing was written into yet, none."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self.bytes: int = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # torch gives it no types
        told, result = kwargs or {}, func(*args, **(kwargs or {}))
        places = func._schema.arguments
        given = [told.get(one.name, args[n : n + 1]) for n, one in enumerate(places)]
        written = [
            given[n] for n, one in enumerate(places) if one.alias_info and one.alias_info.is_write
        ]
        if not written and not func.overloadpacket.__name__.startswith(("empty", "new_empty")):
            known = {one.untyped_storage()._cdata for one in _tensors(given)}
            written = [one for one in _tensors(result) if one.untyped_storage()._cdata not in known]
        self.bytes += sum(one.numel() * one.element_size() for one in _tensors(written))
        return result


def _tensors(found: object) -> Iterator[Tensor]:
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, (list, tuple)):
        for one in found:
            yield from _tensors(one)


def moved(work: Callable[[], object]) -> int:
    """How many bytes this writes."""
    with Moved() as counter:
        work()
    total: int = counter.bytes
    return total
