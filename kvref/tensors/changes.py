"""Changes of several parts of a window: of all of them or, if one fails, of none."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from torch import Tensor

from kvref.errors import KVCacheValueError, show
from kvref.tensors.blocks import Block, Spans

if TYPE_CHECKING:
    from kvref.tensors.cache import Cache

OUT_OF_MEMORY: Final = (MemoryError, torch.OutOfMemoryError)


class Tokens(NamedTuple):
    """What a part consists of: shared tokens, then `size` of its own in a block or a tensor."""

    spans: Spans
    block: Block | None
    own: Tensor | None
    size: int
    first: int


def append(parts: Sequence["Cache"], tokens: Sequence[Tensor]) -> None:
    """Each part's new tokens, for all parts or, if one fails (no memory), for none."""
    for part in parts if not torch.is_grad_enabled() else ():
        tokens = [part.apart(x) for x in tokens]
    counts = [part._count() for part in parts]
    try:
        appended = [part._appended(x) for part, x in zip(parts, tokens, strict=True)]
    except BaseException as error:
        for part, count in zip(parts, counts, strict=True):
            part._room.forget()
            part._counts(count)  # what was tried is no write
        if isinstance(error, Exception) and not isinstance(error, OUT_OF_MEMORY):
            raise KVCacheValueError(f"cannot append {show(tokens[0])}: {error}") from error
        raise
    for part, made, count in zip(parts, appended, counts, strict=True):
        part._take(made)
        part._appends += 1
        part._counts(count + 1)


def remove(parts: Sequence["Cache"], tokens: int) -> None:
    """Without so many of the newest tokens: of every part or, if one fails, of none."""
    replaced(parts, [part._without(tokens) for part in parts])


def select(parts: Sequence["Cache"], samples: Tensor) -> None:
    """Keep these samples of every part or, if one fails, of none."""
    replaced(parts, [part._selected(samples) for part in parts])
    for part in parts:
        part._layout = replace(part._layout, samples=len(samples))


def replaced(parts: Sequence["Cache"], tokens: Sequence[Tokens]) -> None:
    """These from here on, and a write counted for each."""
    for part, made in zip(parts, tokens, strict=True):
        count = part._count()
        part._take(made)
        part._counts(count + 1)
