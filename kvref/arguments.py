"""What may be passed: keys, environment ids, counts and flags, each checked once."""

import re
from collections.abc import Iterable
from itertools import islice
from operator import index
from typing import Final, Protocol, TypeVar, cast

from kvref.errors import KVCacheIndexError, KVCacheTypeError, KVCacheValueError, number, show

T = TypeVar("T")

NAME: Final = re.compile('[!-"$-~][ -~]{0,63}')
MOST: Final = 1 << 16  # rows of one call: a sequence that is longer is taken for endless


class Scalar(Protocol):
    """An array of one number, or one of its numbers."""

    def item(self) -> object: ...


def offers(value: object, *names: str) -> bool:
    """Whether a value has all of these attributes."""
    try:
        return all(hasattr(value, name) for name in names)
    except Exception:  # a foreign __getattr__ may raise anything
        return False


def kind_of(value: object) -> str:
    """The dtype of an array's or tensor's scalar, as text; empty for everything else."""
    try:
        return str(getattr(value, "dtype", ""))
    except Exception:  # a foreign attribute may raise anything
        return ""


def is_bool(value: object) -> bool:
    """A truth value, of whatever library: no number, though many can be read as one."""
    return isinstance(value, bool) or "bool" in kind_of(value)


def as_flag(value: object, what: str) -> bool:
    """A yes or no: whatever can be read as one."""
    try:
        return bool(value)
    except Exception as error:  # an array of several, a foreign __bool__
        raise KVCacheTypeError(f"{what} must be true or false, not {show(value)}") from error


def as_integer(value: object, what: str) -> int:
    """Anything with `__index__`, but no bool."""
    if type(value) is int:
        return value
    if not is_bool(value):
        try:
            if kind_of(value) == "torch.uint64":  # whose __index__ knows 63 bits only
                value = cast(Scalar, value).item()
            return int(index(value))  # type: ignore[arg-type]  # what has no __index__ raises
        except Exception as error:  # whatever a foreign __index__ raises, it is no integer
            raise KVCacheTypeError(f"{what} must be an integer, not {show(value)}") from error
    raise KVCacheTypeError(f"{what} must be an integer, not {show(value)}")


def as_tuple(values: Iterable[T], what: str) -> tuple[T, ...]:
    """Several values, whatever they come in."""
    try:
        told = tuple(islice(values, MOST + 1))
    except Exception as error:  # a foreign iterator may raise anything
        raise KVCacheTypeError(f"{what} must be a sequence, not {show(values)}") from error
    if len(told) > MOST:
        raise KVCacheValueError(f"{what} must be at most {MOST}, not {show(values)}")
    return told


def as_key(value: object) -> int:
    """A cache key: any integer, negative ones too."""
    return as_integer(value, "cache_key")


def as_node(value: object) -> str:
    """The name of a search's node: a short text, or an integer of at most 128 bits; as a recording
    writes it, no two alike."""
    if isinstance(value, str):
        if NAME.fullmatch(value) is None:
            raise KVCacheValueError(
                "the name of a node has 1 to 64 printable ASCII characters, the first of them "
                f"neither a space nor #: not {show(value)}"
            )
        return str(value)
    told = as_integer(value, "the name of a node")
    if abs(told) >> 128:
        raise KVCacheValueError(f"the name of a node has at most 128 bits, not {number(told)}")
    return f"#{told:x}"


def as_env(value: object, env_num: int) -> int:
    """An environment id: an integer in 0 .. env_num - 1."""
    env = as_integer(value, "env_id")
    if not 0 <= env < env_num:
        raise KVCacheIndexError(f"env_id must be in 0 .. {env_num - 1}, not {number(env)}")
    return env


def as_count(value: object, what: str, least: int = 0, most: int = 2**62) -> int:
    """A count: an integer of at least `least`."""
    count = as_integer(value, what)
    if count < least:
        raise KVCacheValueError(f"{what} must be at least {least}, not {number(count)}")
    if count > most:
        raise KVCacheValueError(f"{what} must be at most {most}, not {number(count)}")
    return count


def as_envs(value: object) -> int:
    """How many environments: each has a pool of its own."""
    return as_count(value, "env_num", 1, 1 << 20)


def as_size(value: object, what: str) -> int:
    """A capacity or a count: an integer of at least 1."""
    return as_count(value, what, 1)
