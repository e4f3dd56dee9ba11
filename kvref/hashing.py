"""Keys: what identifies a latent state, by its bytes."""

import re
from collections.abc import Mapping
from typing import Protocol, cast

import xxhash

from kvref.errors import KVCacheTypeError, show


class SupportsBuffer(Protocol):
    """Anything whose bytes can be viewed: bytes, array.array, memoryview, arrays."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


class SupportsArray(Protocol):
    """numpy arrays, whose types do not tell of the buffer protocol before Python 3.12."""

    @property
    def __array_interface__(self) -> Mapping[str, object]: ...


class _Array(Protocol):
    """An array with bytes in C order of its own accord, such as one of numpy's datetimes."""

    def tobytes(self) -> bytes: ...


def hash_state(state: SupportsBuffer | SupportsArray) -> int:
    """K1, K2: the xxh64 (seed 0) of the state's bytes in C order.

    The same in every process and for every memory layout, so a view, its copy and its Fortran
    order give one key. K3: shape and dtype are not distinguished, only bytes are.

    Returns: 0 <= key < 2**64. Raises `KVCacheTypeError` for what has no plain bytes: what offers
    none, and arrays of Python objects, whose bytes are addresses.
    """
    try:
        plain = _plain(state)
        return xxhash.xxh64_intdigest(plain)
    except Exception as error:  # a foreign array may raise anything
        if isinstance(error, KVCacheTypeError):
            raise
        raise KVCacheTypeError(f"cannot hash {show(state)}: it offers no bytes") from error


def _plain(state: object) -> memoryview | bytes:
    """The bytes in C order; a view of them where they lie so."""
    dtype = getattr(state, "dtype", None)
    objects = bool(getattr(dtype, "hasobject", False))
    try:
        view = memoryview(cast(SupportsBuffer, state))
    except (TypeError, ValueError, BufferError):
        # numpy has arrays with plain bytes that no buffer format names, such as datetimes
        if dtype is None or objects or not hasattr(state, "__array_interface__"):
            raise
        return cast(_Array, state).tobytes()
    fields = re.sub(":[^:]*:", "", view.format)  # without the names of a record's fields
    if objects or "O" in fields:
        raise KVCacheTypeError(f"cannot hash {show(state)}: its bytes are addresses of objects")
    return view if view.c_contiguous else view.tobytes()
