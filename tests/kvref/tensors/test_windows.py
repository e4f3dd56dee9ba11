"""What exploration of windows cannot see: threads, gradients, dtypes, devices, bad input."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from kvref import (
    KVCacheError,
    KVCacheIndexError,
    KVCacheTypeError,
    KVCacheValueError,
    SealedError,
    UnevenError,
)
from kvref.tensors import Cache, KeysValues, KVCache, align
from tests.support.making import append, contents, same, tokens, window


def test_overflow_writes_nothing_over_what_is_there(device: str) -> None:
    """If K's copy is done and V's fails, both are still as they were."""
    kv = window(6, device=device)
    seen = kv[0].get()[0]
    before = seen.clone()
    append(kv, 2)
    assert torch.equal(seen, before)
    assert kv.size == 6
    assert kv.first == 2


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("shape", [(1, 3, 512, 96), (8, 8, 20, 96)])
def test_overflow_on_several_threads(
    threads: int, shape: tuple[int, int, int, int], device: str
) -> None:
    """200 overflows in a row, each against what was kept and appended."""
    samples, heads, capacity, width = shape
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.no_grad():
            kv = KVCache(samples, heads, capacity, heads * width, device)
            full = torch.randn(samples, heads, capacity, width, device=device)
            kv.update(full, -full)
            for _ in range(200):
                new = torch.randn(samples, heads, 2, width, device=device)
                full = torch.cat((full[:, :, 2:], new), dim=2)
                kv.update(new, -new)
                k, v = kv.get()
                assert torch.equal(k, full)
                assert torch.equal(v, -full)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_overlapping_copy_fails_where_it_should(threads: int) -> None:
    """One row raises. Several rows may go wrong in silence; kvref's test above must not."""
    layer, before = torch.randn(1, 1, 6, 4), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with pytest.raises(RuntimeError):
            layer[:, :, :4] = layer[:, :, 2:6]
    finally:
        torch.set_num_threads(before)


BAD = [
    ((1, 2, 7, 4), torch.float32, KVCacheValueError),  # more than fit
    ((2, 2, 1, 4), torch.float32, KVCacheValueError),  # samples
    ((1, 1, 1, 4), torch.float32, KVCacheValueError),  # heads: would broadcast
    ((1, 2, 1, 1), torch.float32, KVCacheValueError),  # head_dim: would broadcast
    ((2, 1, 4), torch.float32, KVCacheValueError),  # a dimension is missing
    ((1, 2, 1, 4), torch.float64, KVCacheTypeError),
]


@pytest.mark.parametrize(("shape", "dtype", "error"), BAD)
@pytest.mark.parametrize("which", ["k", "v"])
def test_bad_tokens_are_refused_whole(
    shape: tuple[int, ...], dtype: torch.dtype, error: type[KVCacheError], which: str, device: str
) -> None:
    kv = window(3, device=device)
    before, mark = contents(kv), kv.mark()
    good = torch.ones(1, 2, 1, 4, device=device)
    bad = torch.ones(shape, dtype=dtype, device=device)
    k, v = (bad, good) if which == "k" else (good, bad)
    with pytest.raises(error, match=which):
        kv[1].update(k, v)
    assert all(torch.equal(a, b) for a, b in zip(before, contents(kv), strict=True))
    assert kv.mark() == mark


def test_another_device_is_refused() -> None:
    kv = window(3)
    meta = torch.ones(1, 2, 1, 4, device="meta")
    with pytest.raises(KVCacheValueError, match="meta"):
        kv[0].update(meta, meta)


def test_no_tensor_is_refused() -> None:
    with pytest.raises(KVCacheTypeError, match="k must be a tensor"):
        window(1)[0].update([1.0], [1.0])  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((0, 1, 1, 1, 1), KVCacheValueError),
        ((1, 3, 4, 4, 1), KVCacheValueError),
        ((1, 1, 0, 1, 1), KVCacheValueError),
        ((1, 1, 1, 1, 0), KVCacheValueError),
        ((1, True, 1, 1, 1), KVCacheTypeError),
        ((1.5, 1, 1, 1, 1), KVCacheTypeError),
    ],
)
def test_bad_sizes_are_refused(
    arguments: tuple[int, int, int, int, int], error: type[KVCacheError]
) -> None:
    with pytest.raises(error):
        KeysValues(*arguments)


def test_bad_dtypes_are_refused() -> None:
    with pytest.raises(KVCacheTypeError, match="int64"):
        KeysValues(1, 1, 1, 1, 1, dtype=torch.int64)
    with pytest.raises(KVCacheTypeError, match="float32"):
        Cache(1, 1, 1, 1, dtype="float32")  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_copies_keep_dtype_and_device(dtype: torch.dtype, device: str) -> None:
    kv = window(5, dtype=dtype, device=device)
    kv.seal()
    for copy in (kv.clone(), kv.fork()):
        assert (copy.dtype, copy.device, copy.max_tokens) == (dtype, kv.device, 6)
        assert same(copy, kv)
        append(copy, 2)
        assert {part.dtype for part in contents(copy)} == {dtype}


def test_default_dtype_is_torchs() -> None:
    assert KeysValues(1, 1, 1, 1, 1).dtype == torch.get_default_dtype()


def test_layers_index_as_a_sequence_does() -> None:
    kv = window(2)
    assert [layer.size for layer in kv] == [2, 2]
    assert kv[-1] is kv[1]
    assert len(kv) == 2
    for bad in (2, -3):
        with pytest.raises(KVCacheIndexError, match=str(bad)):
            kv[bad]
    with pytest.raises(KVCacheTypeError):
        kv[True]


def test_uneven_layers_are_named() -> None:
    """W4: in the middle of a forward pass there is no size of the whole."""
    kv = window(2)
    with torch.no_grad():
        kv[0].update(*tokens(kv, 1)[0])
    assert "2/3" in repr(kv)
    for attempt in (kv.seal, kv.clone, lambda: kv.size, lambda: kv.remove_register_tokens(1)):
        with pytest.raises(UnevenError, match=r"\[3, 3, 2, 2\] tokens"):
            attempt()
    assert kv[0].size == 3


def test_layers_of_equal_length_can_be_out_of_step() -> None:
    """One has dropped a token that the other never had: no window of the two can be told."""
    kv = window(0)
    early, late = tokens(kv, 1)[0], tokens(kv, 6)
    with torch.no_grad():
        kv[0].update(*early)
        for layer, (k, v) in zip(kv, late, strict=True):
            layer.update(k, v)
    assert [layer.size for layer in kv] == [6, 6]
    for attempt in (kv.seal, kv.clone, lambda: kv.first, lambda: kv.remove_register_tokens(1)):
        with pytest.raises(UnevenError, match=r"\[1, 1, 0, 0\] dropped"):
            attempt()


def test_parts_updated_alone_are_named() -> None:
    kv = window(2)
    with torch.no_grad():
        kv[1].parts[1].update(tokens(kv, 1)[0][0])
    with pytest.raises(UnevenError, match=r"\[2, 2, 2, 3\]"):
        kv.clone()


def test_layers_pruned_one_by_one() -> None:
    kv = window(3, samples=3)
    whole = contents(kv)
    kv[0].prune(torch.tensor([True, False, True]))
    with pytest.raises(UnevenError, match=r"\[2, 2, 3, 3\] samples"):
        _ = kv.shape
    kv[1].prune(np.array([True, False, True]))
    assert kv.shape == (2, 2, 3, 4)
    kept = [part[[0, 2]] for part in whole]
    assert all(torch.equal(a, b) for a, b in zip(kept, contents(kv), strict=True))


@pytest.mark.parametrize("mask", [torch.tensor([True, False]), np.array([True, False]), [True, 0]])
def test_prune_takes_masks_of_either_kind(mask: torch.Tensor, device: str) -> None:
    kv = window(3, samples=2, device=device)
    whole = contents(kv)
    kv.prune([True, False] if isinstance(mask, list) else mask)
    assert all(torch.equal(a[:1], b) for a, b in zip(whole, contents(kv), strict=True))


@pytest.mark.parametrize("mask", [[True], [1, 0], [0.5, 1.0], [[True, False]], "yes", None])
def test_bad_masks_are_refused(mask: object) -> None:
    kv = window(3, samples=2)
    with pytest.raises(KVCacheError):
        kv.prune(mask)  # type: ignore[arg-type]  # wrong on purpose
    assert kv.shape == (2, 2, 3, 4)


@pytest.mark.parametrize("count", [-1, 4, True, 1.0])
def test_bad_register_counts_are_refused(count: int) -> None:
    kv = window(3)
    with pytest.raises(KVCacheError):
        kv.remove_register_tokens(count)
    assert kv.size == 3


def test_sealed_layers_refuse_too(device: str) -> None:
    kv = window(3, samples=2, device=device)
    held = kv[0]
    kv.seal()
    k, v = tokens(kv, 1)[0]
    mask = [True, False]
    writes: list[Callable[[], object]] = [
        lambda: held.update(k, v),
        lambda: held.prune(mask),
        held.reset,
        held.parts[0].reset,
        lambda: held.parts[1].update(v),
        lambda: held.parts[1].prune(mask),
        lambda: held.parts[0].remove_newest(1),
        kv.reset,
        lambda: kv.prune(mask),
        lambda: kv.remove_register_tokens(1),
    ]
    for write in writes:
        with pytest.raises(SealedError, match="sealed"):
            write()
    assert kv.size == 3


def test_fork_needs_a_sealed_window() -> None:
    with pytest.raises(SealedError, match="not sealed"):
        window(3).fork()


def test_tokens_taken_from_the_window_itself(device: str) -> None:
    """The shift of an overflow must not reach the tokens that are still to be appended."""
    kv = window(6, device=device)
    expected = [torch.cat((part[:, :, 2:], part[:, :, :2]), dim=2) for part in contents(kv)]
    with torch.no_grad():
        for layer in kv:
            k, v = layer.get()
            layer.update(k[:, :, :2], v[:, :, :2])
    assert all(torch.equal(a, b) for a, b in zip(expected, contents(kv), strict=True))


def test_k_and_v_taken_from_each_other(device: str) -> None:
    """The shift of K must not reach what V is still to be given."""
    for swap in (False, True):
        kv = window(6, device=device)
        k, v = contents(kv)[:2]
        given = (v, k) if swap else (k, k)
        expected = [
            torch.cat((old[:, :, 2:], new[:, :, :2]), dim=2)
            for old, new in zip((k, v), given, strict=True)
        ]
        with torch.no_grad():
            own = kv[0].get()
            one, other = (own[1], own[0]) if swap else (own[0], own[0])
            kv[0].update(one[:, :, :2], other[:, :, :2])
        assert all(torch.equal(a, b) for a, b in zip(expected, kv[0].get(), strict=True))


def test_what_is_no_dense_tensor_is_refused_whole() -> None:
    kv = window(3)
    good = torch.ones(1, 2, 1, 4)
    for bad in (good.to_sparse(), good.to_mkldnn()):
        with pytest.raises(KVCacheTypeError, match="v must be a dense tensor"):
            kv[0].update(good, bad)
    assert kv.size == 3


def test_layers_pruned_alone_make_no_window() -> None:
    kv = window(3, samples=3)
    kv[0].prune([True, False, True])
    for attempt in (kv.seal, kv.clone, kv.pieces, lambda: align([kv])):
        with pytest.raises(UnevenError, match="samples"):
            attempt()
    kv[1].parts[0].prune([True, True, False])
    with pytest.raises(UnevenError, match="not both were pruned"):
        kv[1].prune([True, False])


@pytest.mark.parametrize("device", ["gpu", "cuda:99", 3.5])
def test_devices_that_are_not_there(device: str) -> None:
    with pytest.raises(KVCacheValueError, match="no such device here"):
        KeysValues(1, 1, 1, 1, 1, device)


def test_writes_are_in_place_without_gradients(device: str) -> None:
    for mode in (torch.no_grad, torch.inference_mode):
        kv = window(2, device=device)
        with mode():
            before = kv[0].get()[0].data_ptr()
            for layer, (k, v) in zip(kv, tokens(kv, 1), strict=True):
                layer.update(k, v)
            assert kv[0].get()[0].data_ptr() == before


def test_inference_mode_leaves_windows_writable(device: str) -> None:
    with torch.inference_mode():
        kv = window(5, samples=2, device=device)
        append(kv, 3)
        kv.prune([True, False])
        copy = kv.clone()
        copy.seal()
        fork = copy.fork()
        append(fork, 1)
    for one in (kv, fork, copy.clone()):
        append(one, 2)
        assert one.size in (5, 6)


def test_gradients_through_several_updates() -> None:
    """Five updates of a window of four: two overflow; every token's gradient is right."""

    def attended(*appended: torch.Tensor) -> torch.Tensor:
        kv = KVCache(1, 1, 4, 2, dtype=torch.float64)
        out = torch.zeros((), dtype=torch.float64)
        for step, x in enumerate(appended):
            kv.update(x, x * x)
            k, v = kv.get()
            out = out + ((step + 1) * (x @ k.transpose(2, 3)).softmax(-1) @ v).sum()
        return out

    random = torch.Generator().manual_seed(0)
    inputs = [torch.randn(1, 1, 1 + n % 2, 2, generator=random).double() for n in range(5)]
    assert torch.autograd.gradcheck(attended, [x.requires_grad_() for x in inputs])


def test_gradients_reach_a_clone_and_not_a_seal() -> None:
    x = torch.ones(1, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    kv = KeysValues(1, 1, 4, 2, 1, dtype=torch.float64)
    kv[0].update(x, 3 * x)
    torch.autograd.backward([kv.clone()[0].get()[1].sum()])
    assert x.grad is not None
    assert torch.equal(x.grad, torch.full_like(x, 3))
    kv.seal()
    assert not kv[0].get()[0].requires_grad


def test_no_grad_after_gradients(device: str) -> None:
    """What a graph holds is left alone: an update without gradients copies it out."""
    x = torch.ones(1, 2, 2, 4, device=device, requires_grad=True)
    kv = KeysValues(1, 2, 6, 8, 2, device)
    for layer in kv:
        layer.update(x, x)
    loss = sum((layer.get()[0] ** 2).sum() for layer in kv)
    append(kv, 2)
    append(kv, 4)
    assert isinstance(loss, torch.Tensor)
    torch.autograd.backward([loss])
    assert x.grad is not None
    assert kv.size == 6


def test_parts_alone_are_windows_too(device: str) -> None:
    part = Cache(2, 1, 3, 4, device, dtype=torch.float64)
    x = torch.arange(16, device=device, dtype=torch.float64).reshape(2, 1, 2, 4)
    with torch.no_grad():
        part.update(x)
        part.update(x + 100)
    assert part.shape == (2, 1, 2, 4)
    assert part.first == 2
    assert torch.equal(part.get(), x + 100)
    part.prune([False, True])
    part.remove_newest(1)
    assert part.shape == (1, 1, 1, 4)
    assert "Cache((1, 1, 1, 4)" in repr(part)
    part.reset()
    assert (part.size, part.first) == (0, 0)


def test_extended_shares_and_checks(device: str) -> None:
    kv = window(5, device=device)
    new = torch.zeros(4, 1, 2, 2, 4, device=device)
    with pytest.raises(SealedError):
        kv.extended(new)
    kv.seal()
    with pytest.raises(KVCacheValueError, match=r"\(4, 1, 2, up to 6 tokens, 4\)"):
        kv.extended(new[:3])
    for bad in (new.double(), new[0], None, new.to("meta")):
        with pytest.raises(KVCacheError):
            kv.extended(bad)  # type: ignore[arg-type]  # wrong on purpose
    child = kv.extended(new)
    assert child.size == 5
    assert child.first == 2
    assert child.sealed
    assert child.pieces()[0].data_ptr() == kv.pieces()[0][:, :, :, 2:].data_ptr()
    assert torch.equal(child[1].get()[1][:, :, :3], kv[1].get()[1][:, :, 2:])
    assert child[0].get()[0][:, :, 3:].abs().sum() == 0
