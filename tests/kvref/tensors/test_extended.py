"""`KeysValues.extended`: what is kept, dropped, copied and shared, and what is refused."""

import pytest
import torch
from torch import Tensor

from kvref import KVCacheTypeError, KVCacheValueError, SealedError
from kvref.tensors import KeysValues
from spec.window import drop
from tests.support.making import append, contents, mode, storages, window

MODES = ["inference", "no_grad", "grad"]


def tokens(new: int, seed: int = 0, samples: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn((4, samples, 2, new, 4), generator=random).to(dtype)


def parts(new: Tensor) -> list[Tensor]:
    return list(new.unbind())


@pytest.mark.parametrize("size", range(7))
@pytest.mark.parametrize("new", range(7))
@pytest.mark.parametrize("samples", [1, 2])
def test_it_appends_as_an_update_does(size: int, new: int, samples: int) -> None:
    """W1, W2, W6: the same tokens, drops and count as a copy that is updated."""
    parent = window(size, samples=samples, capacity=6)
    append(parent, 5, seed=4)
    parent.remove_register_tokens(parent.size - min(size, parent.size))
    parent.seal()
    before, held, first = contents(parent), parent.size, parent.first
    added = tokens(new, 7, samples)
    other = parent.clone()
    for number, layer in enumerate(other):
        layer.update(added[2 * number], added[2 * number + 1])
    child = parent.extended(added)
    assert child.sealed
    assert len(child) == len(parent)
    assert child.max_tokens == parent.max_tokens
    assert child.shape == (samples, 2, held + new - drop(6, held, new), 4)
    assert child.first == other.first == first + drop(6, held, new)
    pairs = zip(contents(child), contents(other), strict=True)
    assert all(torch.equal(mine, its) for mine, its in pairs)
    assert (parent.size, parent.first) == (held, first)
    assert all(torch.equal(a, b) for a, b in zip(before, contents(parent), strict=True))
    with pytest.raises(SealedError):
        child.reset()


def test_a_chain_counts_on() -> None:
    kv, seen = window(0, capacity=5), list[Tensor]()
    kv.seal()
    firsts = []
    for step in range(6):
        seen.append(tokens(2, step))
        kv = kv.extended(seen[-1])
        firsts.append(kv.first)
    assert firsts == [0, 0, 2, 4, 6, 8]
    kept = torch.cat(seen, dim=3)[:, :, :, 8:]
    assert all(torch.equal(a, b) for a, b in zip(contents(kv), parts(kept), strict=True))
    fork = kv.fork()
    append(fork, 2)
    assert fork.first == 10


def test_tokens_are_kept_and_not_copied() -> None:
    parent = window(3)
    parent.seal()
    added = tokens(2)
    child = parent.extended(added)
    assert child.pieces()[-1].data_ptr() == added.data_ptr()
    assert child.pieces()[0].data_ptr() == parent.pieces()[0].data_ptr()
    most = tokens(4)[:, :, :, 1:]
    assert parent.extended(most).pieces()[-1].data_ptr() == most.data_ptr()


def test_a_small_part_of_a_larger_storage_is_copied() -> None:
    parent = window(3)
    parent.seal()
    much = tokens(20)
    child = parent.extended(much[:, :, :, 3:5])
    assert child.pieces()[-1].untyped_storage()._cdata != much.untyped_storage()._cdata
    assert storages(child) < storages(parent) + 4 * 8 * 4 * 20


def test_what_a_long_parent_dropped_is_let_go() -> None:
    """Of 40 tokens three stay: the child does not keep the storage of them all."""
    parent = window(40, capacity=40)
    parent.seal()
    child = parent.extended(tokens(37))
    assert child.size == 39
    assert child.pieces()[0].shape[3] == 2
    assert child.pieces()[0].untyped_storage().nbytes() <= 2 * 2 * (4 * 2 * 4 * 4)


@pytest.mark.parametrize("name", MODES)
def test_gradients_end_at_what_is_stored(name: str) -> None:
    parent = window(3)
    parent.seal()
    with mode(name):
        added = tokens(2).requires_grad_(name == "grad") * 1
        child = parent.extended(added)
    assert not any(piece.requires_grad or piece.is_inference() for piece in child.pieces())
    mark = child.mark()
    child.pieces()[-1].zero_()
    assert child.written_since(mark) is not None, "writes into it are counted"


def test_no_tokens_are_an_extension_too() -> None:
    parent = window(3)
    parent.seal()
    child = parent.extended(tokens(0))
    assert child is not parent
    assert (child.size, child.first, child.sealed) == (3, 0, True)
    fork = child.fork()
    append(fork, 1)
    assert (fork.size, parent.size) == (4, 3)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_what_does_not_belong_is_refused() -> None:
    parent = window(3, capacity=6)
    parent.seal()
    for bad in (
        tokens(2, dtype=torch.float64),
        tokens(2, dtype=torch.float16),
        tokens(2).to_sparse(),
        torch.empty(4, 1, 2, 2, 4, device="meta"),
        torch.nested.nested_tensor([torch.zeros(1, 2, 2, 4)] * 4),
        [[0.0]],
        None,
    ):
        with pytest.raises(KVCacheTypeError):
            parent.extended(bad)  # type: ignore[arg-type]  # wrong on purpose
    for wrong in (tokens(7), tokens(2)[:3], tokens(2)[0], tokens(2, samples=2), tokens(2)[..., :3]):
        with pytest.raises(KVCacheValueError, match="up to 6 tokens"):
            parent.extended(wrong)
    assert parent.extended(tokens(6)).size == 6


def test_a_window_that_is_open_is_not_extended_nor_sealed() -> None:
    kv = window(3)
    with pytest.raises(SealedError, match="not sealed"):
        kv.extended(tokens(1))
    assert not kv.sealed
    append(kv, 1)
    forked = KeysValues(1, 2, 6, 8, 2)
    forked.seal()
    with pytest.raises(SealedError):
        forked.fork().extended(tokens(1))
