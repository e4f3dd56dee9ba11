"""B1, B3, W1: windows updated from their own bytes, and batches from their own buffer."""

import pickle
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
import torch.utils.dlpack
from torch import Tensor

from kvref import KVCacheValueError
from kvref.tensors import BatchBuffer, Cache, KeysValues, KVCache, align
from tests.support.making import everything, filled, sealed, tokens_of, values

ALIASES: dict[str, Callable[[Tensor], Tensor]] = {
    "view": lambda tensor: tensor,
    "numpy": lambda tensor: torch.from_numpy(tensor.numpy()),
    "dlpack": lambda tensor: torch.utils.dlpack.from_dlpack(tensor),
    "data": lambda tensor: tensor.data,
}


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize("size", [2, 4, 6])
@pytest.mark.parametrize("crossed", [False, True], ids=["", "crossed"])
def test_a_window_may_be_updated_from_itself(alias: str, size: int, crossed: bool) -> None:
    """K from V and V from K too, with and without an overflow."""
    with torch.no_grad():
        kv = KVCache(1, 2, 6, 8)
        kv.update(torch.randn(1, 2, size, 4), torch.randn(1, 2, size, 4))
        k, v = kv.get()
        sources = [ALIASES[alias](part[:, :, :2]) for part in ((v, k) if crossed else (k, v))]
        expected = [
            torch.cat((part, source), dim=2)[:, :, -min(6, size + 2) :].clone()
            for part, source in zip((k, v), sources, strict=True)
        ]
        kv.update(sources[0], sources[1])
        assert all(map(torch.equal, kv.get(), expected))


@pytest.mark.parametrize("reach", ["numpy", "as_strided"])
def test_a_source_may_lie_where_the_next_tokens_go(reach: str) -> None:
    """Behind the tokens, in the room that is not used yet."""
    with torch.no_grad():
        kv = KVCache(1, 1, 8, 2)
        kv.update(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
        k = kv.get()[0]
        room = k.as_strided((1, 1, 8, 2), k.stride(), k.storage_offset())
        room[:, :, 2:] = torch.arange(12.0).view(1, 1, 6, 2)
        source = torch.from_numpy(room.numpy()) if reach == "numpy" else room
        wanted = source[:, :, 3:6].clone()
        kv.update(source[:, :, 3:6], source[:, :, 3:6])
        assert torch.equal(kv.get()[0][:, :, 2:], wanted)
        assert torch.equal(kv.get()[1][:, :, 2:], wanted)


def pruned_layer(batch: KeysValues) -> KeysValues:
    batch[0].prune([True] * 2)
    return batch


def updated_by_nothing(batch: KeysValues) -> KeysValues:
    with torch.enable_grad():
        batch[1].update(tokens_of(0.0, 0, 2), tokens_of(0.0, 0, 2))
    return batch


@pytest.mark.parametrize("partly", [pruned_layer, updated_by_nothing])
def test_a_window_partly_in_the_buffer_is_not_aligned_into_it(
    partly: Callable[[KeysValues], KeysValues],
) -> None:
    with torch.no_grad():
        buffer = BatchBuffer(8, 2, 8, 8, 2)
        batch, _ = align([filled(1.0), filled(2.0)], buffer)
        before = everything(partly(batch))
        with pytest.raises(KVCacheValueError, match="lies in the buffer itself"):
            align([filled(9.0, samples=2), partly(batch)], buffer)
        assert torch.equal(everything(partly(batch)), before)


def test_a_source_may_be_a_parameter_over_the_same_bytes() -> None:
    with torch.no_grad():
        cache = Cache(1, 1, 8, 1)
        cache.update(torch.arange(6.0).view(1, 1, 6, 1))
        alias = torch.from_numpy(cache.get().numpy()[:, :, 2:6])
        cache.remove_newest(3)
        cache.update(torch.nn.Parameter(alias, requires_grad=False))
        assert cache.get().flatten().tolist() == [0, 1, 2, 2, 3, 4, 5]


def test_windows_pruned_to_nobody_take_no_part_in_a_batch() -> None:
    with torch.no_grad():
        nobody, others = filled(1.0, 5, samples=2), filled(2.0, 2, samples=2)
        nobody.prune([False, False])
        batch, lengths = align([nobody, others])
        assert lengths == (2, 2)
        assert torch.equal(everything(batch), everything(others))


@pytest.mark.parametrize("copier", [deepcopy, lambda buffer: pickle.loads(pickle.dumps(buffer))])
def test_a_copied_buffer_lends_its_room_too(copier: Callable[[BatchBuffer], BatchBuffer]) -> None:
    """What was sealed out of it is not overwritten by the next batch."""
    with torch.no_grad():
        buffer = BatchBuffer(1, 2, 8, 8, 2)
        align([filled(1.0, 8)], buffer)
        other = copier(buffer)
        kept = sealed(align([filled(2.0, 8)], other).batch)
        align([filled(3.0, 8)], other)
        assert values(everything(kept)) == {2.0}


def test_gradients_end_where_a_window_is_sealed_and_where_a_buffer_is_used_again() -> None:
    weight = torch.tensor(2.0, requires_grad=True)
    kv, buffer = filled(size=8), BatchBuffer(1, 2, 8, 8, 2)
    kv[0].get()[0].mul_(weight)
    assert not any(part.requires_grad for part in sealed(kv)[0].get())
    assert not any(part.requires_grad for part in kv.fork()[0].get())
    batch, _ = align([filled()], buffer)
    batch[0].get()[0].mul_(weight)
    batch, _ = align([filled()], buffer)
    assert not batch[0].get()[0].requires_grad
