"""Windows for tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from kvref.tensors import KeysValues


def tokens(kv: KeysValues, new: int, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Random K and V of new tokens, layer by layer."""
    random = torch.Generator().manual_seed(seed)
    samples, heads, _, width = kv.shape
    shape = (samples, heads, new, width)

    def one() -> Tensor:
        return torch.randn(shape, generator=random).to(kv.device, kv.dtype)

    return [(one(), one()) for _ in range(len(kv))]


def append(kv: KeysValues, new: int, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Append random tokens, in place; returns them."""
    made = tokens(kv, new, seed)
    with torch.no_grad():
        for layer, (k, v) in zip(kv, made, strict=True):
            layer.update(k, v)
    return made


def window(
    size: int,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    capacity: int = 6,
    samples: int = 1,
    heads: int = 2,
    head_dim: int = 4,
    layers: int = 2,
    seed: int = 0,
) -> KeysValues:
    """A window of so many random tokens."""
    kv = KeysValues(samples, heads, capacity, heads * head_dim, layers, device, dtype=dtype)
    append(kv, size, seed)
    return kv


def contents(kv: KeysValues) -> list[Tensor]:
    """A copy of every part."""
    return [part.detach().clone() for layer in kv for part in layer.get()]


def same(one: KeysValues, other: KeysValues) -> bool:
    """Bit for bit, and of one kind."""
    pairs = zip(contents(one), contents(other), strict=True)
    return all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)


def storages(*windows: KeysValues) -> int:
    """Bytes of all storages that these windows hold, each counted once."""
    held = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in pieces(*windows)}
    return sum(held.values())


def pieces(*windows: KeysValues) -> list[Tensor]:
    return [piece for kv in windows for piece in kv.pieces()]


def tokens_of(value: float, new: int = 3, samples: int = 1) -> Tensor:
    return torch.full((samples, 2, new, 4), value)


def filled(value: float = 1.0, size: int = 3, samples: int = 1, capacity: int = 8) -> KeysValues:
    """A window of two layers, all of whose tokens are this value."""
    kv = KeysValues(samples, 2, capacity, 8, 2)
    for layer in kv:
        layer.update(tokens_of(value, size, samples), tokens_of(value, size, samples))
    return kv


def everything(kv: KeysValues) -> Tensor:
    """A copy of all that it holds."""
    with torch.no_grad():
        return torch.stack([part for layer in kv for part in layer.get()]).clone()


def sealed(kv: KeysValues) -> KeysValues:
    kv.seal()
    return kv


def values(tensor: Tensor) -> set[float]:
    return set(tensor.flatten().tolist())


@contextmanager
def mode(name: str) -> Iterator[None]:
    """Inference mode, without gradients, or with them."""
    contexts = {
        "inference": torch.inference_mode,
        "no_grad": torch.no_grad,
        "grad": torch.enable_grad,
    }
    with contexts[name]():
        yield
