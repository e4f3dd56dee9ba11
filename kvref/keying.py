"""Keys: what identifies a latent state, and what may be used as a key or an environment id."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from operator import index
from typing import Protocol, TypeVar, cast

import xxhash

from kvref.errors import KVCacheIndexError, KVCacheTypeError, KVCacheValueError, show

T = TypeVar("T")


class SupportsBuffer(Protocol):
    """Anything whose bytes can be viewed: bytes, array.array, memoryview, arrays."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


class SupportsArray(Protocol):
    """numpy arrays, whose types do not tell of the buffer protocol before Python 3.12."""

    @property
    def __array_interface__(self) -> Mapping[str, object]: ...


def hash_state(state: SupportsBuffer | SupportsArray) -> int:
    """K1, K2: the xxh64 (seed 0) of the state's bytes in C order.

    The same in every process and for every memory layout, so a view, its copy and its Fortran
    order give one key. K3: shape and dtype are not distinguished, only bytes are.

    Returns: 0 <= key < 2**64. Raises `KVCacheTypeError` for what has no plain bytes.
    """
    try:
        view = memoryview(cast(SupportsBuffer, state))
    except (TypeError, ValueError, BufferError) as error:
        raise KVCacheTypeError(f"cannot hash {show(state)}: it offers no bytes") from error
    if "O" in view.format:
        raise KVCacheTypeError(f"cannot hash {show(state)}: its bytes are addresses of objects")
    return xxhash.xxh64_intdigest(view if view.c_contiguous else view.tobytes())


def as_integer(value: object, what: str) -> int:
    """Anything with `__index__`, but no bool."""
    if type(value) is int:
        return value
    if not isinstance(value, bool):
        with suppress(Exception):  # whatever a foreign __index__ raises, it is no integer
            return index(value)  # type: ignore[arg-type]  # what has no __index__ raises
    raise KVCacheTypeError(f"{what} must be an integer, not {show(value)}")


def as_tuple(values: Iterable[T], what: str) -> tuple[T, ...]:
    """Several values, whatever they come in."""
    try:
        return tuple(values)
    except TypeError as error:
        raise KVCacheTypeError(f"{what} must be a sequence, not {show(values)}") from error


def as_key(value: object) -> int:
    """A cache key: any integer, negative ones too."""
    return as_integer(value, "cache_key")


def as_env(value: object, env_num: int) -> int:
    """An environment id: an integer in 0 .. env_num - 1."""
    env = as_integer(value, "env_id")
    if not 0 <= env < env_num:
        raise KVCacheIndexError(f"env_id must be in 0 .. {env_num - 1}, not {env}")
    return env


def as_size(value: object, what: str) -> int:
    """A capacity or a count: an integer of at least 1."""
    size = as_integer(value, what)
    if size < 1:
        raise KVCacheValueError(f"{what} must be at least 1, not {size}")
    return size
