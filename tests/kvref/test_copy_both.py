"""COPY_BOTH: copies on the way in and on the way out; a clone that fails changes nothing."""

import pytest

from kvref import (
    EvictionStrategy,
    KVCachePool,
    KVCacheReentryError,
    KVCacheTypeError,
    Ownership,
)


class Note:
    """A value to write on; it may fail to be copied, or do something else meanwhile."""

    pool: "KVCachePool[Note] | None" = None
    fails = False

    def __init__(self, text: str) -> None:
        self.text = text

    def clone(self) -> "Note":
        if self.fails:
            raise OSError("no room for a copy")
        if self.pool is not None:
            self.pool.clear()
        return Note(self.text)


def filled() -> tuple[KVCachePool[Note], Note]:
    """Two entries, the older of which is returned as it is stored."""
    pool = KVCachePool[Note](2, EvictionStrategy.LRU, ownership=Ownership.COPY_BOTH)
    for key, text in enumerate(("old", "new")):
        pool.set(key, Note(text))
    return pool, pool.residents()[0].value


def test_what_is_delivered_is_the_callers() -> None:
    pool, stored = filled()
    for got in (pool.get(0), pool.peek(0)):
        assert got is not None
        assert got is not stored
        got.text = "scribble"
    assert stored.text == "old"


def test_failing_clone_neither_counts_nor_refreshes() -> None:
    pool, stored = filled()
    stored.fails = True
    before = repr(pool)
    for ask in (pool.get, pool.peek):
        with pytest.raises(OSError, match="no room"):
            ask(0)
    assert (repr(pool), list(pool)) == (before, [0, 1])


def test_clone_that_changes_the_pool_is_refused() -> None:
    pool, stored = filled()
    stored.pool = pool
    with pytest.raises(KVCacheReentryError, match="clone"):
        pool.get(0)


def test_values_must_offer_clone() -> None:
    pool = KVCachePool[object](1, ownership=Ownership.COPY_BOTH)
    with pytest.raises(KVCacheTypeError, match="clone"):
        pool.set(0, "text")
    assert len(pool) == 0
