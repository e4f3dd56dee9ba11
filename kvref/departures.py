"""Entries as a caller is told of them: those that are there, and those that leave."""

from collections.abc import Callable
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from kvref.ranks import Rank

V = TypeVar("V")


class Cause(Enum):
    """Why an entry left."""

    EVICTED = "evicted"
    UPDATED = "updated"
    CLEARED = "cleared"


class Departure(NamedTuple, Generic[V]):
    """An entry on its way out, as `on_evict` and observers are told."""

    pool: str
    key: int
    slot: int
    value: V
    cause: Cause


class Resident(NamedTuple, Generic[V]):
    """An entry of a pool; `priority` is None where the policy has none."""

    key: int
    slot: int
    value: V
    priority: Rank | None


OnEvict = Callable[[Departure[V]], object]
"""Told of each object that leaves, exactly once, with its cause (P12). If it raises, it vetoes.

An entry that is evicted or replaced is still there meanwhile; a pool that is cleared, alone or with
others, is empty already. A vetoed operation changes nothing in any pool: an eviction or an update
does not happen, cleared pools are as they were before, without what a callback stored in them
meanwhile. What had been announced before the veto then does not count.

The callback may look: a `get` of the pool that calls it answers as `peek`, without counting or
refreshing. It may not change that pool (`KVCacheReentryError`). It may use every other pool, also
one that is being cleared with it: what it stores there stays, and is not part of the clear.
"""
