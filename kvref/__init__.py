"""kvref: the reference KV cache of transformer world models that plan with tree search."""

from kvref.departures import Cause, Departure, OnEvict, Resident
from kvref.errors import (
    IntegrityError,
    KVCacheAttributeError,
    KVCacheError,
    KVCacheIndexError,
    KVCacheIOError,
    KVCacheOrderError,
    KVCacheRaceError,
    KVCacheReentryError,
    KVCacheTypeError,
    KVCacheValueError,
    SealedError,
    UnevenError,
)
from kvref.hashing import hash_state
from kvref.integrity import Verifiable
from kvref.manager import KVCacheManager, StatsSummary
from kvref.observing import Cleared, Event, Got, LookedUp, Observer, Stored
from kvref.orders import EvictionOrder
from kvref.ownership import Cloneable, Copyable, Ownership, Sealable
from kvref.policy import EvictionStrategy
from kvref.pool import KVCachePool
from kvref.ranks import Priority, Rank
from kvref.recording import Recorder
from kvref.records import Fingerprinted
from kvref.sizing import PoolSizes, RecurScope, SizingProfile, pool_sizes
from kvref.stats import CacheStats, LookupStats

__version__: str = "0.1.0"

__all__ = [
    "CacheStats",
    "Cause",
    "Cleared",
    "Cloneable",
    "Copyable",
    "Departure",
    "Event",
    "EvictionOrder",
    "EvictionStrategy",
    "Fingerprinted",
    "Got",
    "IntegrityError",
    "KVCacheAttributeError",
    "KVCacheError",
    "KVCacheIOError",
    "KVCacheIndexError",
    "KVCacheManager",
    "KVCacheOrderError",
    "KVCachePool",
    "KVCacheRaceError",
    "KVCacheReentryError",
    "KVCacheTypeError",
    "KVCacheValueError",
    "LookedUp",
    "LookupStats",
    "Observer",
    "OnEvict",
    "Ownership",
    "PoolSizes",
    "Priority",
    "Rank",
    "Recorder",
    "RecurScope",
    "Resident",
    "Sealable",
    "SealedError",
    "SizingProfile",
    "StatsSummary",
    "Stored",
    "UnevenError",
    "Verifiable",
    "hash_state",
    "pool_sizes",
]
