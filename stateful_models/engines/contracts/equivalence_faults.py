"""Faults planted into kvref, or into what an equivalence theorem compares it with."""

from collections.abc import Callable
from typing import Final

from kvref.arguments import as_env
from kvref.policy import FifoOrder, LruOrder, PriorityOrder
from kvref.pool import KVCachePool
from kvref.sizing import PoolSizes, RecurScope, SizingProfile, pool_sizes
from kvref.stats import PoolStats
from spec.ops import Counters
from spec.pool import Pool
from spec.profile import Policy
from stateful_models.engines.contracts.condition import Fault
from stateful_models.engines.contracts.windows import drops_singly

PLACE: Final[Callable[[PriorityOrder, int, float], None]] = PriorityOrder.place
FIFO_INIT: Final = FifoOrder.__init__
RESET: Final = PoolStats.reset
INSERT: Final = KVCachePool._insert
THERE: Final = "stateful_models.engines.contracts.equivalences"


def sizes_for_one(
    config: object, env_num: int, sizing: SizingProfile, recur_scope: RecurScope
) -> PoolSizes:
    one = pool_sizes(config, 1, sizing, recur_scope)
    return one._replace(wm=env_num)


def renews_age(self: PriorityOrder, key: int, rank: float) -> None:
    self._live.pop(key, None)
    PLACE(self, key, rank)


def oldest(self: PriorityOrder) -> int:
    return next(iter(self.slots))


def keeps_order(self: LruOrder, slots: object = ()) -> None:
    FifoOrder.__init__(self, slots)  # type: ignore[arg-type]  # as LruOrder's own


def renews_order(self: FifoOrder, slots: object = ()) -> None:
    FIFO_INIT(self, slots)  # type: ignore[arg-type]  # as FifoOrder's own
    self.touch = self._keys.move_to_end


def forgets_residents(self: PoolStats) -> None:
    RESET(self)
    self._carried = 0


def wraps(value: object, env_num: int) -> int:
    return as_env(value, env_num) if value != -1 else env_num - 1


def keeps_counting(pool: Pool, entries: object, counters: Counters) -> Pool:
    return pool


def slot_0(self: KVCachePool[object], key: int, value: object, rank: float) -> tuple[int, object]:
    _, gone = INSERT(self, key, value, rank)
    return 0, gone


DROPS_SINGLY: Final = Fault("kvref.window_drop", "drop", drops_singly)
SIZES_FOR_ONE: Final = Fault(THERE, "pool_sizes", sizes_for_one)
OLDEST_GOES: Final = Fault("kvref.policy", "PriorityOrder.victim", oldest)
TOUCHES: Final = {
    Policy.FIFO: Fault("kvref.policy", "FifoOrder.__init__", renews_order),
    Policy.LRU: Fault("kvref.policy", "LruOrder.__init__", keeps_order),
    Policy.PRIORITY: Fault("kvref.policy", "PriorityOrder.place", renews_age),
}
SLOT_0: Final = Fault("kvref.pool", "KVCachePool._insert", slot_0)
FORGETS_RESIDENTS: Final = Fault("kvref.stats", "PoolStats.reset", forgets_residents)
KEEPS_COUNTING: Final = Fault("spec.pool", "with_entries", keeps_counting)
WRAPS: Final = Fault(THERE, "as_env", wraps)
