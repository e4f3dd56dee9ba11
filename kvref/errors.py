"""What kvref raises: each error is a `KVCacheError` and the builtin that a caller would expect.

Every message names the offending value; whatever raised has changed nothing, with one exception:
a value that an operation sealed before it failed stays sealed.
"""

from reprlib import Repr
from typing import Final


class KVCacheError(Exception):
    """Base of every error that kvref raises."""


class KVCacheTypeError(KVCacheError, TypeError):
    """A value of the wrong kind: a key that is no integer, a bool as an environment id."""


class KVCacheValueError(KVCacheError, ValueError):
    """A value of the right kind that is not allowed: capacity 0, priority NaN, None as an entry."""


class KVCacheIndexError(KVCacheError, IndexError, ValueError):
    """An environment id outside 0 .. env_num - 1, or a layer. Negative ids do not wrap around."""


class KVCacheAttributeError(KVCacheError, AttributeError):
    """An assignment to what is fixed when the object is made, or derived."""


class KVCacheReentryError(KVCacheError, RuntimeError):
    """An `on_evict` callback tried to change the pool that was calling it; a step within a step."""


class KVCacheRaceError(KVCacheError, RuntimeError):
    """The books of a pool contradict each other, as after unguarded use by several threads."""


class KVCacheOrderError(KVCacheError, RuntimeError):
    """An `EvictionOrder` of somebody's own raised, or named a victim that is not resident."""


class SealedError(KVCacheError, RuntimeError):
    """A write into a window that is sealed, or a fork of one that is not."""


class UnevenError(KVCacheError, RuntimeError):
    """A window whose layers hold different numbers of tokens, where that is not allowed (W4)."""


class IntegrityError(KVCacheError, RuntimeError):
    """A stored value was written into after it was set (`verify=True`)."""


class KVCacheIOError(KVCacheError, OSError):
    """A recording that could not be begun, or could not be finished."""


_SHORT: Final = Repr()
_PLAIN: Final = (list, tuple, dict, set, frozenset)
_LONGEST: Final = 60


def show(value: object) -> str:
    """A value for a message: its repr, shortened, and its type; whatever its repr does."""
    try:
        told = _SHORT.repr(value) if type(value) in _PLAIN else repr(value)
    except Exception:  # a foreign __repr__, or an integer of too many digits
        told = f"<{value.bit_length()} bits>" if type(value) is int else "<no repr>"
    if len(told) > _LONGEST:
        told = f"{told[: _LONGEST - 20]}...{told[-17:]}"
    return f"{told} ({type(value).__name__})"


def number(value: int) -> str:
    """An integer for a message, however large."""
    return str(value) if value.bit_length() < 256 else f"{hex(value)[:20]}... (huge)"
