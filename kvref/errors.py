"""What kvref raises: each error is a `KVCacheError` and the builtin that a caller would expect.

Every message names the offending value; whatever raised has changed nothing.
"""

from reprlib import repr as shorten


class KVCacheError(Exception):
    """Base of every error that kvref raises."""


class KVCacheTypeError(KVCacheError, TypeError):
    """A value of the wrong kind: a key that is no integer, a bool as an environment id."""


class KVCacheValueError(KVCacheError, ValueError):
    """A value of the right kind that is not allowed: capacity 0, priority NaN, None as an entry."""


class KVCacheIndexError(KVCacheError, IndexError):
    """An environment id outside 0 .. env_num - 1. Negative ids do not wrap around."""


class KVCacheReentryError(KVCacheError, RuntimeError):
    """An `on_evict` callback tried to change the pool that was calling it."""


class SealedError(KVCacheError, RuntimeError):
    """A write into a window that is sealed, or a fork of one that is not."""


class UnevenError(KVCacheError, RuntimeError):
    """A window whose layers hold different numbers of tokens, where that is not allowed (W4)."""


class IntegrityError(KVCacheError, RuntimeError):
    """A stored value was written into after it was set (`verify=True`)."""


def show(value: object) -> str:
    """A value for a message: its repr, shortened, and its type."""
    return f"{shorten(value)} ({type(value).__name__})"
