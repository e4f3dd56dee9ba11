"""Copies of windows and pools, by pickle and deepcopy: they go on by themselves, and rightly."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch

from kvref import IntegrityError, KVCachePool, Ownership
from kvref.tensors import BatchBuffer, KeysValues, align
from tests.support.making import append, contents, same, storages, window

COPIERS: dict[str, Callable[[object], object]] = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "deepcopy": copy.deepcopy,
}


def opened() -> KeysValues:
    return window(3)


def looked_into() -> KeysValues:
    kv = window(3)
    kv[0].get()
    return kv


def sealed() -> KeysValues:
    kv = window(3)
    kv.seal()
    return kv


def forked() -> KeysValues:
    kv = sealed().fork()
    append(kv, 4)
    return kv


@pytest.mark.parametrize("copier", COPIERS)
@pytest.mark.parametrize("make", [opened, looked_into, sealed, forked])
def test_a_copied_window_goes_on(copier: str, make: Callable[[], KeysValues]) -> None:
    """What is appended to the copy is in its clones, its batches and its layers alike."""
    kv = make()
    before = contents(kv)
    made = COPIERS[copier](kv)
    assert isinstance(made, KeysValues)
    assert same(made, kv)
    going = made.fork() if made.sealed else made
    new = append(going, 1, seed=9)
    expected = kv.clone()
    append(expected, 1, seed=9)
    assert same(going, expected)
    assert same(going.clone(), expected)
    assert same(align([going]).batch, expected)
    assert torch.equal(going[1].get()[1][:, :, -1:], new[1][1])
    assert all(torch.equal(a, b) for a, b in zip(before, contents(kv), strict=True))


def test_a_family_pickles_what_it_shares_once() -> None:
    parent = window(6)
    parent.seal()
    family = [parent, parent.fork(), parent.fork()]
    again: list[KeysValues] = pickle.loads(pickle.dumps(family))
    assert storages(*again) == storages(*family) == storages(parent)


@pytest.mark.parametrize("copier", COPIERS)
def test_a_copied_pool_still_knows_what_was_written(copier: str) -> None:
    pool: KVCachePool[KeysValues] = KVCachePool(2, ownership=Ownership.SEALED, verify=True)
    for key in (1, 2):
        pool.set(key, window(3, seed=key))
    written = pool.get(1)
    assert written is not None
    written[1].get()[0].zero_()
    again = COPIERS[copier](pool)
    assert isinstance(again, KVCachePool)
    with pytest.raises(IntegrityError, match="layer 1 K"):
        again.get(1)
    found = again.get(2)
    assert isinstance(found, KeysValues)
    assert same(found, window(3, seed=2))
    found[0].get()[1].zero_()
    with pytest.raises(IntegrityError, match="layer 0 V"):
        again.get(2)
    assert pool.get(2) is not None


def test_a_batch_that_is_sealed_leaves_its_buffer() -> None:
    """R4: what is stored stays, though the buffer is used again."""
    buffer = BatchBuffer(2, 2, 6, 8, 2)
    batch, _ = align([window(3, seed=1)], buffer)
    pool: KVCachePool[KeysValues] = KVCachePool(1, ownership=Ownership.SEALED, verify=True)
    pool.set(1, batch)
    align([window(5, seed=2), window(1)], buffer)
    found = pool.get(1)
    assert found is not None
    assert same(found, window(3, seed=1))


def test_a_batch_that_is_stored_as_it_is_is_told_when_the_buffer_is_used_again() -> None:
    buffer = BatchBuffer(2, 2, 6, 8, 2)
    batch, _ = align([window(3, seed=1)], buffer)
    pool: KVCachePool[KeysValues] = KVCachePool(1, ownership=Ownership.REFERENCE, verify=True)
    pool.set(1, batch)
    assert pool.get(1) is batch
    align([window(5, seed=2), window(1)], buffer)
    with pytest.raises(IntegrityError, match="layer 0 K"):
        pool.get(1)


def test_autograd_is_told_when_the_buffer_is_used_again() -> None:
    """A gradient through a batch that has been overwritten raises instead of being wrong."""
    buffer = BatchBuffer(1, 2, 6, 8, 2)
    batch, _ = align([window(3)], buffer)
    q = torch.ones(1, 2, 1, 4, requires_grad=True)
    loss = (q @ batch[0].get()[0].transpose(2, 3)).sum()
    align([window(3, seed=5)], buffer)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.backward([loss])


def test_sealing_lets_spare_room_go() -> None:
    """A window that fills less than half of its room is stored in as much as it needs."""
    kv = window(3, capacity=100)
    held = kv[0]
    mark = kv.mark()
    kv.seal()
    assert storages(kv) == 2 * 2 * 2 * 4 * 3 * 4
    assert kv.written_since(mark) is None
    assert same(kv, window(3, capacity=100))
    assert torch.equal(held.get()[0], kv[0].get()[0])
