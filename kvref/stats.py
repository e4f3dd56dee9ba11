"""What a pool counts, and what a manager counts of its lookups."""

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class CacheStats:
    """Counters of one pool. `insertions + carried == residents + evictions + cleared`, always.

    `carried` is how many entries were resident when the counters were last reset.
    """

    hits: int = 0
    misses: int = 0
    insertions: int = 0
    updates: int = 0
    evictions: int = 0
    cleared: int = 0
    carried: int = 0

    @property
    def total_queries(self) -> int:
        return self.hits + self.misses

    @property
    def hit_rate(self) -> float:
        """Hits per query; 0.0 without queries."""
        return self.hits / self.total_queries if self.total_queries else 0.0

    @property
    def miss_rate(self) -> float:
        """Misses per query; 1.0 without queries."""
        return 1.0 - self.hit_rate

    def reset(self) -> None:
        """Count from zero. The entries stay; they count as carried."""
        self.carried += self.insertions - self.evictions - self.cleared
        self.hits = self.misses = self.insertions = 0
        self.updates = self.evictions = self.cleared = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"queries={self.total_queries} hits={self.hits} misses={self.misses} "
            f"hit_rate={self.hit_rate:.2%} evictions={self.evictions}"
        )


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
