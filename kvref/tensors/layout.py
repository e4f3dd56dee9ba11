"""What all parts of a window have in common, and how arguments become that."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple, SupportsIndex, cast

import torch
from torch import Tensor

from kvref.arguments import as_integer, as_size
from kvref.errors import KVCacheTypeError, KVCacheValueError, number, show
from kvref.hashing import SupportsArray
from kvref.tensors.blocks import Block, Shape, Spans

Device = str | torch.device | None
Mask = Tensor | SupportsArray | Sequence[bool]


@dataclass(frozen=True, slots=True)
class Layout:
    """What every part of a window has in common."""

    samples: int
    heads: int
    max_tokens: int
    head_dim: int
    dtype: torch.dtype
    device: torch.device

    @property
    def whole(self) -> Shape:
        """The shape of a part with room for every token."""
        return self.samples, self.heads, self.max_tokens, self.head_dim


class Held(NamedTuple):
    """What a window consists of: shared tokens, then `size` tokens in a block of its own."""

    spans: Spans
    block: Block | None
    size: int
    first: int


def layout(
    num_samples: int,
    num_heads: int,
    max_tokens: int,
    embed_dim: int,
    device: Device,
    dtype: torch.dtype | None,
) -> Layout:
    """The constructors' arguments, checked."""
    samples, heads = as_size(num_samples, "num_samples"), as_size(num_heads, "num_heads")
    tokens, width = as_size(max_tokens, "max_tokens"), as_size(embed_dim, "embed_dim")
    if width % heads:
        raise KVCacheValueError(f"embed_dim {width} is not a multiple of num_heads {heads}")
    kind = torch.get_default_dtype() if dtype is None else dtype
    if not isinstance(kind, torch.dtype):
        raise KVCacheTypeError(f"dtype must be a torch.dtype, not {show(kind)}")
    if not kind.is_floating_point:
        raise KVCacheTypeError(f"dtype must be a floating one, not {kind}")
    place = as_device(device)
    if not usable(kind, place):
        raise KVCacheTypeError(f"{kind} on {place} cannot be copied and joined here")
    return Layout(samples, heads, tokens, width // heads, kind, place)


def as_device(device: object) -> torch.device:
    """Where tensors are to be; torch's default device if None."""
    try:
        return torch.empty(0, device=cast(Device, device)).device
    except Exception as error:  # torch has many
        raise KVCacheValueError(f"no such device here: {show(device)}") from error


@lru_cache(maxsize=64)
def usable(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether torch can do there with such tensors what a window does with them."""
    try:
        with torch.no_grad():
            one = torch.empty((1, 1, 2, 2), dtype=dtype, device=device)
            one.copy_(torch.cat((one, one), dim=2).narrow(2, 1, 2)).zero_()
            one.index_select(0, torch.zeros(1, dtype=torch.int64, device=device)).clone()
    except Exception:  # torch has many
        return False
    return True


def selection(mask: object, samples: int) -> Tensor:
    """A boolean mask of the samples, as the indices that it selects (on the CPU)."""
    try:
        told = mask.tolist() if hasattr(mask, "tolist") else list(islice(mask, samples + 1))  # type: ignore[call-overload]  # what cannot be listed raises
    except Exception as error:  # a foreign sequence may raise anything
        raise KVCacheTypeError(f"mask must be booleans, not {show(mask)}") from error
    if not isinstance(told, list) or len(told) != samples or any(type(o) is not bool for o in told):
        raise KVCacheValueError(
            f"mask must be boolean, one for each of {samples} samples, not {show(told)}"
        )
    return torch.tensor(
        [number for number, keep in enumerate(told) if keep], dtype=torch.int64, device="cpu"
    )


def newest(tokens: SupportsIndex, size: int) -> int:
    count = as_integer(tokens, "tokens to remove")
    if not 0 <= count <= size:
        raise KVCacheValueError(f"cannot remove {number(count)} of {size} tokens")
    return count
