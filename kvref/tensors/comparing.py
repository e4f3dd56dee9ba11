"""What windows hold, to be compared elsewhere: `kvref.shadow` itself knows no torch."""

from collections.abc import Callable

import torch
from torch import Tensor

from kvref.errors import KVCacheTypeError, KVCacheValueError, show
from kvref.ranks import Priority, as_rank
from kvref.shadow.contents import alike
from kvref.tensors.blocks import durable, joined
from kvref.tensors.keys_values import KeysValues


def contents(window: KeysValues) -> Tensor:
    """A copy of its tokens, which `close` can compare: a `snapshot` for a shadow.

    (2 * layers, samples, heads, tokens, head_dim), K before V, layer by layer. Reading leaves no
    mark on the window.
    """
    if not isinstance(window, KeysValues):
        raise KVCacheTypeError(f"expected a window of keys and values, not {show(window)}")
    samples, heads, size, width = window.shape
    with durable(), torch.no_grad():
        if not size:
            shape = (2 * len(window), samples, heads, 0, width)
            return torch.empty(shape, dtype=window.dtype, device=window.device)
        return joined(window.pieces()).detach().clone()


def as_tolerance(value: Priority, what: str) -> float:
    """A number of at least 0."""
    rank = as_rank(value, what)
    if not 0 <= rank <= 1e300:
        raise KVCacheValueError(f"{what} must be at least 0, and finite, not {show(value)}")
    return float(rank)


def close(rtol: Priority = 1e-5, atol: Priority = 1e-8) -> Callable[[object, object], bool]:
    """A `same` for a shadow: tensors of one shape and dtype may differ so much.

    As `torch.allclose` says. Tensors in lists, tuples and dicts likewise; what is no tensor is
    compared by `kvref.shadow.alike`.
    """
    relative, absolute = as_tolerance(rtol, "rtol"), as_tolerance(atol, "atol")

    def same(one: object, other: object) -> bool:
        if isinstance(one, Tensor) and isinstance(other, Tensor):
            if one.shape != other.shape or one.dtype != other.dtype:
                return False
            return torch.allclose(one, other.to(one.device), rtol=relative, atol=absolute)
        if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
            return len(one) == len(other) and all(map(same, one, other))
        if isinstance(one, dict) and isinstance(other, dict):
            return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        return alike(one, other)

    return same
