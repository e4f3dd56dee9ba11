"""kvref: the reference KV cache of transformer world models that plan with tree search."""

from kvref.errors import (
    IntegrityError,
    KVCacheError,
    KVCacheIndexError,
    KVCacheReentryError,
    KVCacheTypeError,
    KVCacheValueError,
    SealedError,
    UnevenError,
)
from kvref.integrity import Verifiable
from kvref.keying import hash_state
from kvref.manager import KVCacheManager, StatsSummary
from kvref.ownership import Cloneable, Ownership, Sealable
from kvref.policy import EvictionStrategy
from kvref.pool import Cause, Departure, KVCachePool, OnEvict, Resident
from kvref.recording import Recorder
from kvref.sizing import PoolSizes, RecurScope, SizingProfile, pool_sizes
from kvref.stats import CacheStats, LookupStats

__all__ = [
    "CacheStats",
    "Cause",
    "Cloneable",
    "Departure",
    "EvictionStrategy",
    "IntegrityError",
    "KVCacheError",
    "KVCacheIndexError",
    "KVCacheManager",
    "KVCachePool",
    "KVCacheReentryError",
    "KVCacheTypeError",
    "KVCacheValueError",
    "LookupStats",
    "OnEvict",
    "Ownership",
    "PoolSizes",
    "Recorder",
    "RecurScope",
    "Resident",
    "Sealable",
    "SealedError",
    "SizingProfile",
    "StatsSummary",
    "UnevenError",
    "Verifiable",
    "hash_state",
    "pool_sizes",
]
