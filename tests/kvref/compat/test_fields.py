"""Windows under UniZero's names: by their private fields they are plain storage."""

from typing import Any, cast

import numpy as np
import pytest
import torch

from kvref import KVCacheError, KVCacheTypeError, KVCacheValueError, UnevenError
from kvref.compat.lightzero.kv_caching import KVCache
from tests.support.unizero_windows import filled, tokens


def test_storage_beyond_the_tokens_is_zero_and_of_full_width() -> None:
    part = filled()[0]._k_cache
    assert part._cache.shape == (2, 3, 5, 2)
    assert torch.equal(part._cache[:, :, :3], part.get())
    assert not part._cache[:, :, 3:].any()


def test_what_is_written_into_the_storage_is_in_the_window() -> None:
    part = filled()[0]._k_cache
    part._cache[:, :, 1:2] = 7
    part._cache.narrow(2, 0, 1).zero_()
    assert part.get()[0, 0].tolist()[:2] == [[0, 0], [7, 7]]


def test_batch_and_width_may_change_by_assignment() -> None:
    kv = filled()
    for layer in kv._keys_values:
        for part in layer.parts:
            part._cache = torch.ones(3, 3, 8, 2)
            part._size = 6
    assert (kv.shape, kv.max_tokens, kv.num_samples) == ((3, 3, 6, 2), 8, 3)
    for layer in kv:
        layer.update(tokens(3, 3), tokens(3, 3))
    assert kv.size == 7, "two tokens went, as W2 says of eight"
    kv.prune([True, False, True])
    assert kv.shape == (2, 3, 7, 2)
    kv.reset()
    assert kv.shape == (2, 3, 0, 2)


@pytest.mark.parametrize("pruned", [True, False])
def test_a_narrow_storage_grows_to_the_capacity(pruned: bool) -> None:
    part = filled()[0]._k_cache
    part._cache = part._cache[:, :, :3]
    if pruned:
        part.prune([True, True])
    before = part.get().clone()
    with torch.no_grad():
        part.update(tokens(2))
    assert torch.equal(part.get(), torch.cat((before, tokens(2)), dim=2))
    assert part._cache.shape == (2, 3, 5, 2)


@pytest.mark.parametrize("grad", [True, False])
def test_what_was_assigned_is_not_written_by_an_update(grad: bool) -> None:
    """A row of the batch, of which another window holds a view; storage that cannot be written."""
    row = torch.zeros(1, 3, 1, 2).expand(2, 3, 5, 2)
    with torch.inference_mode():
        inferred = torch.zeros(2, 3, 5, 2)
    with torch.set_grad_enabled(grad):
        for given in (torch.zeros(2, 3, 5, 2), row, inferred):
            part = filled()[0]._k_cache
            part._cache, part._size = given, 2
            part.update(tokens(2))
            part.update(tokens(1))
            assert torch.equal(part.get()[:, :, 2:4], tokens(2))
            assert not given.any()


def test_rows_out_of_step_are_not_pruned() -> None:
    kv = filled()
    kv[1].prune([True, False])
    for half in (kv, kv[0]):
        kv[0]._v_cache._cache = torch.zeros(1, 3, 5, 2)
        with pytest.raises(UnevenError, match="not all were pruned"):
            half.prune([True, False])
    with pytest.raises(UnevenError):
        _ = kv.num_samples


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (torch.zeros(2, 3, 5), KVCacheValueError),
        (torch.zeros(2, 4, 5, 2), KVCacheValueError),
        (torch.zeros(2, 3, 5, 3), KVCacheValueError),
        (torch.zeros(2, 3, 5, 2).to_sparse(), KVCacheTypeError),
        (torch.zeros(2, 3, 5, 2, dtype=torch.int64), KVCacheTypeError),
        ([0.0], KVCacheTypeError),
    ],
    ids=str,
)
def test_what_cannot_be_storage_is_refused(wrong: Any, error: type[Exception]) -> None:
    part = filled()[0]._k_cache
    before = part._cache
    with pytest.raises(error, match="_cache"):
        part._cache = wrong
    assert part._cache is before


def test_sizes_that_cannot_be() -> None:
    part = filled()[0]._k_cache
    for wrong in (-1, 1.5, True):
        with pytest.raises(KVCacheError, match="_size"):
            part._size = cast(int, wrong)
    part._size = np.int64(6)
    for ask in (part.get, lambda: part.update(tokens(1))):
        with pytest.raises(KVCacheValueError, match="_size is 6, and _cache holds 5 tokens"):
            ask()
    part._size = 5
    assert part.get().shape == (2, 3, 5, 2)


def test_layers_may_be_assigned() -> None:
    kv = filled()
    kv._keys_values = [kv[1], KVCache(2, 3, 5, 6)]
    kv[1]._k_cache = kv[0]._k_cache.clone()
    kv[1]._v_cache = kv[0]._v_cache.clone()
    assert (len(kv), kv.size) == (2, 3)
    assert torch.equal(kv[1].get()[0], tokens(3, seed=1))
