"""Keys of latent states that are torch tensors."""

from collections.abc import Iterable, Sequence
from typing import Final, SupportsIndex

import torch
import xxhash
from torch import Tensor

from kvref.arguments import as_integer, as_tuple
from kvref.errors import KVCacheTypeError, KVCacheValueError, show
from kvref.hashing import SupportsBuffer

LONGEST_SALT: Final = 4096


def _bytes(latent: Tensor) -> memoryview:
    """The bytes in C order, on the CPU: one transfer."""
    if not isinstance(latent, Tensor):
        raise KVCacheTypeError(f"expected a tensor, not {show(latent)}")
    try:
        return _flat(latent)
    except Exception as error:  # torch has many for tensors without data
        if isinstance(error, (KVCacheTypeError, torch.OutOfMemoryError)):
            raise
        raise KVCacheTypeError(f"cannot hash {show(latent)}: it has no plain bytes") from error


def _flat(latent: Tensor) -> memoryview:
    if latent.layout is not torch.strided or latent.is_quantized or latent.is_meta:
        told = f"{latent.layout}, {latent.dtype}, {latent.device}"
        raise KVCacheTypeError(f"cannot hash a tensor ({told}): it has no plain bytes")
    plain = latent.detach()
    if plain.is_conj() or plain.is_neg():
        plain = plain.resolve_conj().resolve_neg()
    plain = plain.cpu().contiguous()
    if plain.numel() == 1:  # contiguous whatever its stride, and then no view of its bytes
        plain = plain.clone(memory_format=torch.contiguous_format)
    flat: SupportsBuffer = plain.reshape(-1).view(torch.uint8).numpy()  # type: ignore[assignment]  # numpy tells of it from Python 3.12 on
    return memoryview(flat)


def hash_state(latent: Tensor) -> int:
    """K1, K2: the xxh64 (seed 0) of the latent's bytes in C order, as `kvref.hash_state`.

    The same for every device and memory layout. K3: shape and dtype are not distinguished.
    Returns: 0 <= key < 2**64. Raises `KVCacheTypeError` for what has no plain bytes.
    """
    return xxhash.xxh64_intdigest(_bytes(latent))


def hash_states(latents: Tensor) -> tuple[int, ...]:
    """The key of each row, as `hash_state` gives it, with one transfer from the device."""
    view, rows = _bytes(latents), _rows(latents)
    size = len(view) // max(rows, 1)
    return tuple([xxhash.xxh64_intdigest(view[n * size : (n + 1) * size]) for n in range(rows)])


def salted_hash_state(latent: Tensor, *salt: SupportsIndex) -> int:
    """K3: a key that also tells apart shape, dtype and the caller's integers.

    An environment id and a version of the weights, say. It hashes, before the bytes, the text
    "dtype shape salt" and a zero byte. Returns and raises as `hash_state`.
    """
    return _salted(_bytes(latent), latent.dtype, tuple(latent.shape), salt)


def salted_hash_states(
    latents: Tensor, salts: Iterable[Iterable[SupportsIndex]]
) -> tuple[int, ...]:
    """The salted key of each row, with one transfer from the device; a salt for each row."""
    view, rows = _bytes(latents), _rows(latents)
    salted = as_tuple(salts, "salts")
    if len(salted) != rows:
        raise KVCacheValueError(f"{rows} rows need as many salts, not {len(salted)}")
    size, shape = len(view) // max(rows, 1), tuple(latents.shape[1:])
    return tuple(
        _salted(view[row * size : (row + 1) * size], latents.dtype, shape, salt)
        for row, salt in enumerate(salted)
    )


def row_bytes(tensors: Sequence[Tensor]) -> list[bytes]:
    """What a row of each of these holds, with dtype and shape, so that no two differ unseen."""
    parts = [_described(one) for one in tensors]
    start = f"{len(parts)}\0".encode()
    return [b"".join((start, *row)) for row in zip(*parts, strict=True)]


def _described(tensor: Tensor) -> list[bytes]:
    view, rows = _bytes(tensor), _rows(tensor)
    kind, size = str(tensor.dtype).removeprefix("torch."), len(view) // max(rows, 1)
    head = f"{kind} {tuple(tensor.shape[1:])}\0".encode()
    return [head + view[row * size : (row + 1) * size] for row in range(rows)]


def _salted(
    view: memoryview, dtype: torch.dtype, shape: tuple[int, ...], salt: Iterable[SupportsIndex]
) -> int:
    kind = str(dtype).removeprefix("torch.")
    numbers = tuple([_salt(number) for number in as_tuple(salt, "a salt")])
    digest = xxhash.xxh64(f"{kind} {shape} {numbers}\0".encode())
    digest.update(view)
    return digest.intdigest()


def _salt(value: object) -> int:
    """An integer that can be written out."""
    number = as_integer(value, "salt")
    if number.bit_length() > LONGEST_SALT:
        raise KVCacheValueError(f"salt must have at most {LONGEST_SALT} bits, not {show(value)}")
    return number


def _rows(latents: Tensor) -> int:
    if latents.dim() < 1:
        raise KVCacheValueError("a batch of latents needs a first dimension, for its rows")
    return latents.shape[0]
