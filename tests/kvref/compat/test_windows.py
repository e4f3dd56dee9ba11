"""Windows under UniZero's names: by their methods they are kvref's."""

import copy
import pickle
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

import kvref.tensors as kt
from kvref import (
    KVCacheError,
    KVCacheIndexError,
    KVCachePool,
    KVCacheTypeError,
    KVCacheValueError,
    Ownership,
    UnevenError,
)
from kvref.compat.lightzero import storage
from kvref.compat.lightzero.kv_caching import Cache, KeysValues, KVCache
from spec.window import Clone, Prune, RemoveNewest, Reset, Update
from stateful_models.engines.explore import Explorer
from stateful_models.scopes.windows import WindowScope
from stateful_models.subjects.window_driver import WindowLike
from stateful_models.subjects.windows import WindowSubject
from tests.support.unizero_windows import SIZES, filled, tokens


def same(one: KeysValues, other: Any) -> bool:
    pairs = [
        pair for a, b in zip(one, other, strict=True) for pair in zip(a.get(), b.get(), strict=True)
    ]
    return one.shape == other.shape and all(torch.equal(a, b) for a, b in pairs)


class CompatWindows(WindowSubject):
    """What clamps is not asked to remove more than is there."""

    operations = (Update, Prune, RemoveNewest, Reset, Clone)
    tells_first = False

    def make(self, samples: int, capacity: int, layers: int) -> WindowLike:
        return KeysValues(samples, self.heads, capacity, self.heads * self.head_dim, layers)

    def remove_newest(self, window: WindowLike, count: int) -> None:
        if not 0 <= count <= cast(KeysValues, window).size:
            raise KVCacheValueError("as the specification has it")
        window.remove_register_tokens(count)


ALONE = (Update, Prune, RemoveNewest, Reset)


@pytest.mark.parametrize(
    "scope",
    [
        WindowScope(1, 2, operations=ALONE),
        WindowScope(4, 1, operations=ALONE),
        WindowScope(2, 1, 2, most=2, by_layer=True, operations=(Update, Prune, Reset)),
        WindowScope(2, places=2, most=1, operations=(Update, RemoveNewest, Reset, Clone)),
    ],
    ids=["alone", "longer", "layers", "families"],
)
def test_they_refine_the_specification(scope: WindowScope) -> None:
    assert Explorer(scope, partial(scope.build, CompatWindows)).run().divergence is None


def test_the_explorer_finds_a_window_that_drops_an_odd_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        storage, "drop", lambda room, size, new: min(max(size + new - room, 0), size)
    )
    scope = WindowScope(4, 1, operations=ALONE)
    assert Explorer(scope, partial(scope.build, CompatWindows)).run().divergence is not None


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_they_hold_what_kvrefs_windows_hold(seed: int, grad: bool) -> None:
    """Random histories of both, whose answers are compared after each operation."""
    rng, mine, its = Random(seed), KeysValues(*SIZES), kt.KeysValues(*SIZES)
    with torch.set_grad_enabled(grad):
        for step in range(60):
            kind, new = rng.randrange(9), rng.randrange(6)
            mask = [rng.random() < 0.9 for _ in range(mine.num_samples)]
            for kv in (mine, its):
                k, v = (tokens(new, len(mask), seed=9 * step + one) for one in range(2))
                if kind < 6:
                    for layer in kv:
                        layer.update(k, v)
                elif kind == 6:
                    kv.remove_register_tokens(min(new, kv.size))
                elif kind == 7:
                    kv.prune(np.array(mask))
                elif new == 0:
                    kv.reset()
            assert same(mine, its)
            if step % 9 == 0:
                mine, its = mine.clone(), its.clone()


def test_the_old_signatures() -> None:
    kv = KeysValues(
        num_samples=1, num_heads=2, max_tokens=4, embed_dim=6, num_layers=3, device="cpu"
    )
    cache = kv._keys_values[2]._k_cache
    cache.update(torch.ones(1, 2, 1, 3), 1)
    cache.update(torch.ones(1, 2, 2, 3), tokens=2)
    with pytest.raises(KVCacheValueError, match="tokens is 1"):
        cache.update(torch.ones(1, 2, 2, 3), 1)
    assert (cache.size, cache.shape, cache._cache.shape) == (3, (1, 2, 3, 3), (1, 2, 4, 3))
    assert (len(kv), kv[-1] is kv._keys_values[2]) == (3, True)
    assert Cache(1, 2, 4, 6, torch.device("cpu")).get().shape == (1, 2, 0, 3)
    assert KVCache(1, 2, 4, 6, torch.device("cpu")).get()[0].shape == (1, 2, 0, 3)


def test_an_update_leaves_what_get_delivered() -> None:
    """Also when tokens are dropped; without gradients, which is when it writes in place."""
    with torch.no_grad():
        part = filled(4)[0]._k_cache
        got, before = part.get(), part.get().clone()
        part.update(tokens(1))
        part.update(tokens(1))
        assert torch.equal(got, before)


def test_without_gradients_it_writes_in_place() -> None:
    """Else every token costs a copy of the storage."""
    with torch.no_grad():
        part = filled(1)[0]._k_cache
        storage = part._cache.data_ptr()
        part.update(tokens(1))
        assert part._cache.data_ptr() == storage


def test_gradients_flow_from_every_result() -> None:
    part, x = Cache(1, 1, 4, 2), torch.ones(1, 1, 1, 2, requires_grad=True)
    part.update(2 * x)
    first = part.get().square().sum()
    part.update(3 * x)
    (first + part.get().sum()).backward()  # type: ignore[no-untyped-call]  # torch does not say
    assert x.grad is not None
    assert x.grad.tolist() == [[[[13, 13]]]]
    with torch.no_grad():
        part.update(x)
    assert not part._cache.requires_grad
    copied = filled(grad=True)
    copied[0]._k_cache.update(torch.ones(2, 3, 1, 2, requires_grad=True))
    assert not copied.clone()[0]._k_cache._cache.requires_grad


def test_writes_of_one_layer_are_no_writes_of_another_to_autograd() -> None:
    """Though a window's parts are made as one tensor."""
    with torch.no_grad():
        kv = filled(1)
    weight = torch.ones(1, requires_grad=True)
    loss = (weight * kv[0].get()[0]).sum()
    with torch.no_grad():
        kv[1].update(tokens(1), tokens(1))
        kv[0]._v_cache.update(tokens(1))
    loss.backward()  # type: ignore[no-untyped-call]  # torch does not say
    assert weight.grad is not None


def test_made_in_inference_mode_it_is_written_outside() -> None:
    with torch.inference_mode():
        part = Cache(2, 3, 5, 6)
        part.update(tokens(2))
        part.prune([True, True])
        copied = part.clone()
    with torch.no_grad():
        for one in (part, copied):
            one.update(tokens(2))
            one._cache.add_(0)
            assert one.size == 4


def test_lower_precision_is_widened_and_higher_refused() -> None:
    """Autocast's keys go into a window of float32, as into a plain tensor."""
    part = Cache(2, 3, 5, 6)
    half = tokens(1).bfloat16()
    part.update(half)
    assert torch.equal(part.get(), half.float())
    for wrong in (tokens(1).double(), torch.ones(2, 3, 1, 2, dtype=torch.int64)):
        with pytest.raises(KVCacheTypeError, match="x must be"):
            part.update(wrong)
    part._cache = part._cache.double()
    part.update(tokens(1).double())
    assert (part.size, part.dtype) == (2, torch.float64)


def test_more_is_removed_than_there_is() -> None:
    kv = filled(3)
    kv.remove_register_tokens(-1)
    kv.remove_register_tokens(0)
    assert kv.size == 3
    kv[0].parts[0].remove_newest(2)
    with pytest.raises(UnevenError, match=r"1, 3, 3, 3"):
        _ = kv.size
    kv.remove_register_tokens(2)
    assert [part.size for layer in kv for part in layer.parts] == [0, 1, 1, 1]
    kv.remove_register_tokens(10**9)
    assert kv.size == 0


def cloned(kv: KeysValues) -> KeysValues:
    return kv.clone()


@pytest.mark.parametrize(
    "way", [cloned, copy.copy, copy.deepcopy, lambda kv: pickle.loads(pickle.dumps(kv))]
)
def test_a_copy_shares_nothing(way: Callable[[KeysValues], KeysValues]) -> None:
    """Whatever gradients or aliases the original has."""
    kv = filled()
    kv[1]._k_cache._cache = kv[0]._k_cache._cache
    other = way(kv)
    assert same(other, kv)
    before = other.clone()
    for part in (part for layer in kv for part in layer.parts):
        part._cache.fill_(9)
        part._size = 5
    assert same(other, before)
    other[0]._k_cache._cache.fill_(8)
    assert kv[0]._k_cache._cache.eq(9).all()
    assert not torch.equal(other[1].get()[0], other[0].get()[0])


@pytest.mark.parametrize("kind", [Cache, KVCache])
@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
def test_so_does_a_copy_of_a_part(kind: type[Any], way: Callable[[Any], Any]) -> None:
    made = kind(2, 3, 5, 6)
    new = (tokens(2),) if kind is Cache else (tokens(2), tokens(2))
    made.update(*new)
    other = way(made)
    made.reset()
    assert (made.size, other.size) == (0, 2)


def test_k_and_v_are_both_appended_or_neither() -> None:
    layer = filled()[0]
    before = layer.clone()
    for k, v in (
        (tokens(1), tokens(2)),
        (tokens(1), tokens(1).double()),
        (tokens(1), tokens(1, 1)),
        (tokens(6), tokens(6)),
        (tokens(1), cast(Tensor, None)),
    ):
        with pytest.raises(KVCacheError):
            layer.update(k, v)
    assert all(torch.equal(a, b) for a, b in zip(layer.get(), before.get(), strict=True))


def test_layers_that_there_are() -> None:
    kv = filled()
    assert [layer is kv[number] for number, layer in enumerate(kv)] == [True, True]
    with pytest.raises(KVCacheIndexError, match="layer 2"):
        kv[2]


def test_as_a_window_of_kvrefs() -> None:
    kv = filled()
    window = kv.to_kvref()
    assert same(kv, window)
    assert (window.max_tokens, window.dtype, window.sealed) == (5, torch.float32, False)
    assert kv.fingerprint() == window.fingerprint()
    kv[0]._k_cache._cache.add_(1)
    assert kv.fingerprint() != window.fingerprint()


def test_what_they_are_stored_under() -> None:
    kv = filled()
    for ownership in (Ownership.COPY, Ownership.COPY_BOTH):
        pool = KVCachePool[KeysValues](2, ownership=ownership)
        pool.set(1, kv)
        kv[0]._k_cache._cache.add_(1)
        got = pool.get(1)
        assert got is not None
        assert not same(got, kv)
    with pytest.raises(KVCacheTypeError, match="SEALED"):
        KVCachePool[KeysValues](2, ownership=Ownership.SEALED).set(1, kv)


def test_what_they_say_of_themselves() -> None:
    told = "KeysValues(2 layers, 3 tokens; KVCache((2, 3, 3, 2), 5 at most))"
    assert repr(filled()) == told
    assert repr(filled()[0]._k_cache) == "Cache((2, 3, 3, 2), 5 at most, torch.float32, cpu)"
    assert (filled().dtype, filled().device) == (torch.float32, torch.device("cpu"))
