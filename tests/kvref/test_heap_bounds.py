"""PRIORITY keeps outdated items in its heap: never many, and it rebuilds only when it must."""

import pytest

from kvref import EvictionStrategy, KVCachePool
from kvref.policy import PriorityOrder


def order_of(pool: KVCachePool[int]) -> PriorityOrder:
    order = pool._order
    assert isinstance(order, PriorityOrder)
    return order


@pytest.mark.parametrize("entries", [1, 4, 20])
def test_the_heap_holds_at_most_two_items_an_entry_and_eight(entries: int) -> None:
    pool: KVCachePool[int] = KVCachePool(entries, EvictionStrategy.PRIORITY)
    sizes = []
    for turn in range(10 * entries + 20):
        pool.set(turn % entries, turn, priority=-turn)
        sizes.append(len(order_of(pool)._heap))
    assert max(sizes) == 2 * entries + 8


def test_new_keys_do_not_rebuild_the_heap() -> None:
    """Else a set would take time in proportion to the pool."""
    pool: KVCachePool[int] = KVCachePool(20, EvictionStrategy.PRIORITY)
    heap = order_of(pool)._heap
    for key in range(20):
        pool.set(key, key, priority=key)
    assert order_of(pool)._heap is heap
