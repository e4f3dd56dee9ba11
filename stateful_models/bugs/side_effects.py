"""Operations that do a little more than they should."""

from spec.ops import Contents
from spec.profile import FIFO_REFERENCE
from stateful_models.client import box
from stateful_models.refinement import KvrefPool


class GetRemoves(KvrefPool):
    """`pop` where `get` was meant."""

    profiles = (FIFO_REFERENCE,)

    def get(self, key: int) -> object | None:
        value = self.pool.get(key)
        self.pool._values.pop(key, None)
        self.pool._slots.pop(key, None)
        return value


class ClearResetsStats(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def clear(self) -> None:
        super().clear()
        self.reset_counters()


class UpdateCountsAsInsertion(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        slot = super().set(key, value, rank)
        stats = self.pool.stats
        if stats is not None and stats.updates:
            stats.insertions, stats.updates = stats.insertions + stats.updates, 0
        return slot


class PeekCounts(KvrefPool):
    """Looking leaves a trace in the statistics."""

    profiles = (FIFO_REFERENCE,)

    def peek(self, key: int) -> object | None:
        return self.pool.get(key)


class SetWrites(KvrefPool):
    """The pool normalises, in place, what it is handed."""

    profiles = (FIFO_REFERENCE,)

    def set(self, key: int, value: object, rank: float) -> int:
        if value is not None:
            box(value).contents = Contents(99)
        return super().set(key, value, rank)
