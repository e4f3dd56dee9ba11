"""R5 on tensors: what left a pool is freed, and a session that goes on and on holds no more."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import ref as weak

import pytest
import torch

from kvref import EvictionStrategy, KVCachePool, Ownership
from kvref.tensors import KeysValues
from tests.benchmarks.memory import growth, samples
from tests.support.making import append, pieces, storages, window
from tests.support.night import NIGHT


@pytest.fixture(scope="module", autouse=True)
def only_ours() -> None:
    """What earlier tests left, in caches of torch and of Hypothesis, is not looked through."""
    gc.collect()
    gc.freeze()


def alive() -> int:
    """Bytes of the storages of all tensors that there are in this process, each counted once."""
    gc.collect()
    every = (one for one in gc.get_objects() if type(one) is torch.Tensor)
    tensors = [one for one in every if one.layout is torch.strided]
    held = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in tensors}
    return sum(held.values())


@contextmanager
def without_collector() -> Iterator[None]:
    """Whatever is freed here is freed by counting references: at once, and not some day."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


DEPARTURES: dict[str, Callable[[KVCachePool[KeysValues]], object]] = {
    "evicted": lambda pool: (pool.set(2, window(1)), pool.set(3, window(1))),
    "updated": lambda pool: pool.set(1, window(1)),
    "cleared": lambda pool: pool.clear(),
}


def stored(pool: KVCachePool[KeysValues]) -> list["weak[object]"]:
    """Set a window, look it up, fork it; weak references to all that then only the pool holds,
    or nobody: COPY_BOTH, which hands out copies. What it stores comes first."""
    kv = window(5, layers=3)
    pool.set(1, kv)
    found = pool.get(1)
    assert found is not None
    found[0].get()
    if found.sealed:
        append(found.fork(), 2)
    (held,) = [one.value for one in pool.residents()]
    return [
        weak(one) for kv in (held, found, kv) for one in (kv, *pieces(kv), kv[1], kv[1].get()[0])
    ]


@pytest.mark.parametrize("departure", DEPARTURES)
@pytest.mark.parametrize("ownership", Ownership)
@pytest.mark.parametrize("verify", [False, True])
def test_what_left_is_dead_at_once(departure: str, ownership: Ownership, verify: bool) -> None:
    pool: KVCachePool[KeysValues] = KVCachePool(
        2, EvictionStrategy.FIFO, ownership=ownership, verify=verify
    )
    with without_collector():
        links = stored(pool)
        assert links[0]() is not None
        DEPARTURES[departure](pool)
        assert [link() for link in links] == [None] * len(links)


@pytest.mark.parametrize("departure", DEPARTURES)
@pytest.mark.parametrize("ownership", Ownership)
def test_storage_is_released(departure: str, ownership: Ownership) -> None:
    """Of a large window: afterwards at most what the small ones hold is left."""
    pool: KVCachePool[KeysValues] = KVCachePool(2, EvictionStrategy.FIFO, ownership=ownership)
    before = alive()
    pool.set(1, window(100, capacity=100, head_dim=64))
    large = 2 * 2 * 2 * 64 * 100 * 4  # layers, K and V, heads, head_dim, tokens, bytes
    assert alive() - before >= large
    DEPARTURES[departure](pool)
    assert alive() - before < large // 10


def test_a_fork_keeps_what_it_shares_and_no_longer() -> None:
    """The parent's tokens live on in the child; once the child has dropped them they go."""
    parent = window(6)
    parent.seal()
    child = parent.fork()
    link = weak(parent.pieces()[0])
    with without_collector():
        del parent
        append(child, 5)
        assert link() is None
    assert storages(child) == 2 * 2 * 2 * 4 * 5 * 4


FLAT = 1.17
"""Some 80 kB that Python holds at first; a twelfth comes in the first thousands of steps, as dicts
find their sizes, and then no more. One object of 58 bytes a step comes to 1.23."""


@pytest.mark.parametrize("ownership", Ownership)
def test_a_long_session_holds_memory_flat(ownership: Ownership) -> None:
    """Ten searches, 2,000 steps by night; `python -m tests.benchmarks.memory` does 100,000."""
    python, tensors = growth(samples(ownership, 2_000 if NIGHT else 510))
    assert python < FLAT
    assert tensors < 1.1


def test_a_leak_would_be_seen() -> None:
    kept: list[KeysValues] = []
    python, _ = growth(
        samples(Ownership.SEALED, 510, lambda departure: kept.append(departure.value))
    )
    assert python > FLAT
