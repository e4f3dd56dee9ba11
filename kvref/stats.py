"""What a pool counts, and what a manager counts of its lookups."""

from dataclasses import asdict, dataclass
from typing import Final, SupportsIndex, overload

from kvref.arguments import as_count
from kvref.errors import KVCacheAttributeError, show


class Counter:
    """A counter of a `CacheStats`, kept under `_name`; who may assign it, `_assign` says."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._public, self._kept = name, "_" + name

    @overload
    def __get__(self, instance: None, owner: type) -> "Counter": ...
    @overload
    def __get__(self, instance: "CacheStats", owner: type) -> int: ...
    def __get__(self, instance: "CacheStats | None", owner: type) -> "int | Counter":
        if instance is None:
            return self
        count: int = getattr(instance, self._kept)
        return count

    def __set__(self, instance: "CacheStats", value: SupportsIndex) -> None:
        instance._assign(self._public, value)


COUNTERS: Final = ("hits", "misses", "insertions", "updates", "evictions", "cleared", "carried")


class CacheStats:
    """Counters of one pool: `insertions + carried == residents + evictions + cleared`, always.

    `carried` is how many entries were resident when the counters were last reset. A pool's own
    can be read and reset. One that stands free can be filled in: `total_queries` is then what was
    assigned, or else `hits + misses`.
    """

    __slots__ = (*(f"_{name}" for name in COUNTERS), "_queries")

    _hits: int
    _misses: int
    _insertions: int
    _updates: int
    _evictions: int
    _cleared: int
    _carried: int
    _queries: int | None

    hits = Counter()
    misses = Counter()
    insertions = Counter()
    updates = Counter()
    evictions = Counter()
    cleared = Counter()
    carried = Counter()

    def __init__(
        self,
        hits: SupportsIndex = 0,
        misses: SupportsIndex = 0,
        evictions: SupportsIndex = 0,
        total_queries: SupportsIndex | None = None,
        *,
        insertions: SupportsIndex = 0,
        updates: SupportsIndex = 0,
        cleared: SupportsIndex = 0,
        carried: SupportsIndex = 0,
    ) -> None:
        given = (hits, misses, insertions, updates, evictions, cleared, carried)
        for name, count in zip(COUNTERS, given, strict=True):
            setattr(self, "_" + name, as_count(count, name))
        queries = total_queries
        self._queries = None if queries is None else as_count(queries, "total_queries")

    @property
    def total_queries(self) -> int:
        return self._hits + self._misses if self._queries is None else self._queries

    @total_queries.setter
    def total_queries(self, value: SupportsIndex) -> None:
        self._assign("queries", value)

    @property
    def hit_rate(self) -> float:
        """Hits per query; 0.0 without queries."""
        return self.hits / self.total_queries if self.total_queries else 0.0

    @property
    def miss_rate(self) -> float:
        """Misses per query; 1.0 without queries."""
        return 1.0 - self.hit_rate

    def reset(self) -> None:
        """Count from zero."""
        self._zero()
        self._carried = 0

    def _zero(self) -> None:
        self._hits = self._misses = self._insertions = 0
        self._updates = self._evictions = self._cleared = 0
        self._queries = None

    def _assign(self, name: str, value: SupportsIndex) -> None:
        setattr(self, "_" + name, as_count(value, name))

    def as_dict(self) -> dict[str, int]:
        return {name: getattr(self, "_" + name) for name in COUNTERS}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CacheStats):
            return NotImplemented
        mine, its = (self.as_dict(), self.total_queries), (other.as_dict(), other.total_queries)
        return mine == its

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}={count}" for name, count in self.as_dict().items())
        return f"{type(self).__name__}({counts}, total_queries={self.total_queries})"

    def __str__(self) -> str:
        return (
            f"queries={self.total_queries} hits={self.hits} misses={self.misses} "
            f"hit_rate={self.hit_rate:.2%} evictions={self.evictions}"
        )


class PoolStats(CacheStats):
    """A pool's own counters: only the pool counts, so that they stay consistent."""

    __slots__ = ()

    def __init__(self) -> None:
        self._zero()
        self._carried = 0

    def reset(self) -> None:
        """Count from zero. The entries stay; they count as carried."""
        self._carried += self._insertions - self._evictions - self._cleared
        self._zero()

    def _assign(self, name: str, value: SupportsIndex) -> None:
        raise KVCacheAttributeError(
            f"a pool counts for itself: {name} cannot become {show(value)}; reset() is allowed"
        )

    def _saved(self) -> tuple[int, ...]:
        """What `_restore` takes back to."""
        return tuple(self.as_dict().values())

    def _restore(self, saved: tuple[int, ...]) -> None:
        for name, count in zip(COUNTERS, saved, strict=True):
            setattr(self, "_" + name, count)


@dataclass(slots=True)
class LookupStats:
    """Hierarchical lookups: each counts once, as an init hit, a recur hit or a miss."""

    init_hits: int = 0
    recur_hits: int = 0
    misses: int = 0

    @property
    def total(self) -> int:
        return self.init_hits + self.recur_hits + self.misses

    def reset(self) -> None:
        self.init_hits = self.recur_hits = self.misses = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)
