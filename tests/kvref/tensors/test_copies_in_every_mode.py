"""Copies of windows, layers, parts, pools and managers, made and written in every mode."""

import pickle
from collections.abc import Callable
from copy import copy, deepcopy
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
import torch.utils.dlpack

from kvref import IntegrityError, KVCacheManager, KVCachePool, Ownership
from kvref.tensors import Cache, KeysValues, KVCache
from tests.support.making import everything, filled, mode, sealed, tokens_of, values

CONFIG = SimpleNamespace(game_segment_length=2, num_simulations=2)


def saved(kv: Any) -> Any:
    file = BytesIO()
    torch.save(kv, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def pickled(kv: Any) -> Any:
    return pickle.loads(pickle.dumps(kv))


COPIERS: dict[str, Callable[[Any], Any]] = {
    "copy": copy,
    "deepcopy": deepcopy,
    "pickle": pickled,
    "torch.save": saved,
}


@pytest.mark.parametrize("writing", ["inference", "no_grad", "grad"])
@pytest.mark.parametrize("copying", ["inference", "no_grad", "grad"])
@pytest.mark.parametrize("making", ["inference", "no_grad", "grad"])
@pytest.mark.parametrize("copier", COPIERS)
@pytest.mark.parametrize("touched", [True, False], ids=["", "untouched"])
def test_a_copy_of_a_window_is_a_window_of_its_own(
    copier: str, making: str, copying: str, writing: str, touched: bool
) -> None:
    """Whatever mode it was made, copied and written in: both can be written, neither is heard of
    in the other."""
    with mode(making):
        one = filled() if touched else KeysValues(1, 2, 8, 8, 2)
    size = 3 * touched
    with mode(copying):
        other = COPIERS[copier](one)
    with mode(writing):
        for layer in other:
            layer.update(tokens_of(2.0, 1), tokens_of(2.0, 1))
        for layer in one:
            layer.update(tokens_of(3.0, 1), tokens_of(3.0, 1))
    assert values(everything(one)[..., size:, :]) == {3.0}
    assert values(everything(other)[..., size:, :]) == {2.0}
    assert (one.size, other.size, other.sealed) == (size + 1, size + 1, False)


@pytest.mark.parametrize("copier", COPIERS)
def test_copies_of_layers_and_parts_are_their_own(copier: str) -> None:
    with torch.no_grad():
        kv = filled()
        layer = cast(KVCache, COPIERS[copier](kv[0]))
        part = cast(Cache, COPIERS[copier](kv[1].parts[0]))
        layer.update(tokens_of(2.0, 1), tokens_of(2.0, 1))
        part.update(tokens_of(5.0, 1))
        assert values(everything(kv)) == {1.0}
        assert (layer.size, part.size, kv.size) == (4, 4, 3)


@pytest.mark.parametrize("copier", COPIERS)
def test_a_copy_of_a_sealed_window_is_sealed(copier: str) -> None:
    other = COPIERS[copier](sealed(filled()))
    assert other.sealed
    assert torch.equal(everything(other), everything(filled()))
    assert other.fork().size == 3


def test_gradients_stay_with_the_original() -> None:
    x = tokens_of(2.0).requires_grad_()
    kv = KeysValues(1, 2, 8, 8, 2)
    for layer in kv:
        layer.update(x, x)
    copies = [COPIERS[name](kv) for name in ("deepcopy", "pickle", "torch.save")]
    (grown,) = torch.autograd.grad(torch.stack([la.get()[0].sum() for la in kv]).sum(), x)
    assert values(grown) == {2.0}
    assert not any(part.requires_grad for kv in copies for la in kv for part in la.get())


@pytest.mark.parametrize("copying", ["inference", "no_grad", "grad"])
@pytest.mark.parametrize("copier", ["copy", "deepcopy", "pickle"])
def test_copies_of_pools_and_managers_still_verify(copier: str, copying: str) -> None:
    for whole in (True, False):
        manager: KVCacheManager[KeysValues] = KVCacheManager(
            CONFIG, 1, ownership=Ownership.SEALED, verify=True
        )
        manager.set_init_cache(0, 1, filled())
        with mode(copying):
            made = COPIERS[copier](manager if whole else manager.init_pools[0])
        pool: KVCachePool[KeysValues] = made.init_pools[0] if whole else made
        window = pool.get(1)
        assert window is not None
        with torch.inference_mode():
            window[1].get()[0].zero_()
        with pytest.raises(IntegrityError, match=r"key 1 .* layer 1 K"):
            pool.get(1)
