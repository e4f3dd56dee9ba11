"""B1, B3, W1: windows updated from their own bytes, and batches from their own buffer."""

from collections.abc import Callable

import pytest
import torch
import torch.utils.dlpack
from torch import Tensor

from kvref import KVCacheValueError
from kvref.tensors import BatchBuffer, KeysValues, KVCache, align
from tests.tensors.making import everything, filled, tokens_of

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
