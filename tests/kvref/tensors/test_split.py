"""`split` and `align`: what the windows are that come out, and what they may be used for."""

import copy
from typing import Any

import pytest
import torch

from kvref import KVCacheError, KVCacheTypeError, KVCacheValueError
from kvref.tensors import BatchBuffer, KeysValues, align, split
from tests.support.making import append, contents, mode, same, storages, window
from tests.support.moving import moved

MODES = ["inference", "no_grad", "grad"]


def rows(batch: KeysValues, row: int, length: int) -> list[torch.Tensor]:
    kept = [part[row : row + 1] for part in contents(batch)]
    return [part[:, :, part.shape[2] - length :] for part in kept]


def agree(one: KeysValues, parts: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(contents(one), parts, strict=True))


@pytest.mark.parametrize("samples", [1, 3])
def test_split_windows_have_the_room_of_the_batch(samples: int) -> None:
    """They go on as the batch would: as many tokens, and drops counted from `firsts`."""
    batch = window(4, capacity=7, samples=samples)
    made = split(batch, [4] * samples, firsts=range(samples))
    for row, one in enumerate(made):
        assert one.max_tokens == 7
        assert one.shape == (1, 2, 4, 4)
        assert (one.first, one.sealed) == (row, False)
        append(one, 3)
        assert (one.size, one.first) == (7, row)
        append(one, 1)
        assert (one.size, one.first) == (6, row + 2)


def test_a_pruned_batch_is_split_into_who_is_left() -> None:
    batch = window(4, capacity=6, samples=3)
    before = contents(batch)
    batch.prune([True, False, True])
    first, last = split(batch, [2, 4])
    assert agree(first, [part[:1, :, 2:] for part in before])
    assert agree(last, [part[2:] for part in before])
    with pytest.raises(KVCacheValueError):
        split(batch, [2, 4, 4])


def test_a_window_without_tokens_still_says_what_it_dropped() -> None:
    batch = window(4, capacity=6, samples=2)
    empty, full = split(batch, [0, 4], firsts=[8, 2])
    assert (empty.size, empty.first) == (0, 8)
    assert (full.size, full.first) == (4, 2)
    append(empty, 1)
    assert (empty.size, empty.first) == (1, 8)
    nothing = split(window(0, samples=2), [0, 0], firsts=[4, 5])
    assert [one.first for one in nothing] == [4, 5]


def test_what_the_batch_dropped_is_not_what_its_rows_dropped() -> None:
    batch = window(6, samples=2)
    append(batch, 2)
    assert batch.first == 2
    assert [one.first for one in split(batch, [6, 4])] == [0, 0]
    with pytest.raises(KVCacheValueError):
        split(batch, [6, 4], firsts=[])


@pytest.mark.parametrize("kept", [1, 5])
@pytest.mark.parametrize("name", MODES)
def test_split_windows_share_nothing_and_may_be_written(name: str, kept: int) -> None:
    with mode(name):
        batch, _ = align([window(5, seed=1), window(5, seed=2)])
        one, other = split(batch, [kept, 5])
    before = contents(batch), contents(other)
    assert not any(piece.is_inference() or piece.requires_grad for piece in one.pieces())
    one.pieces()[0].zero_()
    append(one, 1)
    for kv, was in zip((batch, other), before, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(contents(kv), was, strict=True))
    assert storages(one, other, batch) == storages(one) + storages(other) + storages(batch)
    assert all(piece.is_contiguous() for piece in one.pieces())


@pytest.mark.parametrize("kept", [1, 6])
def test_a_batch_of_one_row_is_split_into_a_copy(kept: int) -> None:
    """Also of all its tokens, which fill its room."""
    for whole in (align([window(6)]).batch, window(6)):
        before = contents(whole)
        (one,) = split(whole, [kept])
        one.pieces()[0].zero_()
        append(one, 1)
        assert agree(whole, before)


def test_gradients_do_not_flow_through_split_nor_align() -> None:
    kv = KeysValues(1, 2, 6, 8, 2)
    leaf = torch.ones(1, 2, 2, 4, requires_grad=True)
    for layer in kv:
        layer.update(leaf * 2, leaf * 3)
    batch, lengths = align([kv, window(1)])
    split_again = split(batch, lengths)
    graph = KeysValues(2, 2, 6, 8, 2)
    for layer in graph:
        layer.update(*(torch.ones(2, 2, 2, 4, requires_grad=True) * 2,) * 2)
    for one in (batch, *split_again, *split(graph, [2, 1])):
        assert not any(piece.requires_grad for piece in one.pieces())
        assert not any(part.requires_grad for layer in one for part in layer.get())


@pytest.mark.parametrize(
    ("lengths", "firsts"),
    [
        ([5], None),
        ([5, 2, 1], None),
        ([5, 6], None),
        ([5, -1], None),
        ([5, 2], [0]),
        ([5, 2], [0, 0, 0]),
        ([5, 2], [0, -1]),
        ([5, 2], [0, 1.0]),
        ([5, 2], 3),
        ([5, True], None),
        (3, None),
    ],
)
def test_what_is_not_a_row_s_length_or_first_is_refused(lengths: Any, firsts: Any) -> None:
    batch, _ = align([window(5), window(2)])
    with pytest.raises(KVCacheError):
        split(batch, lengths, firsts=firsts)


def test_a_batch_of_pieces_is_split() -> None:
    """A fork that was written: shared tokens, then its own."""
    kv = window(3, samples=2)
    kv.seal()
    fork = kv.fork()
    append(fork, 2, seed=5)
    assert len(fork.pieces()) == 2
    for row, one in enumerate(split(fork, [5, 4])):
        assert agree(one, rows(fork, row, 5 - row))


@pytest.mark.parametrize("name", MODES)
def test_an_aligned_batch_may_be_written_in_any_mode(name: str) -> None:
    windows = [window(3, seed=1), window(5, seed=2)]
    with mode(name):
        batch, lengths = align(windows)
    assert lengths == (3, 5)
    assert not any(piece.is_inference() for piece in batch.pieces())
    mark = batch.mark()
    batch[1].get()[1][0, 0, 4] = 7.0
    assert batch.written_since(mark) == "layer 1 V"
    append(batch, 1)
    assert batch.size == 6


@pytest.mark.parametrize("capacities", [(6, 9), (9, 6)])
def test_a_batch_has_the_room_of_its_first_window_or_more(capacities: tuple[int, int]) -> None:
    sizes = (2, 4)
    windows = [window(n, capacity=c) for n, c in zip(sizes, capacities, strict=True)]
    assert align(windows).batch.max_tokens == capacities[0]
    assert align([window(1, capacity=2), window(5, capacity=9)]).batch.max_tokens == 5
    assert align([window(0)]).batch.max_tokens == 6
    buffer = BatchBuffer(4, 2, 8, 8, 2)
    batch, _ = align(windows, buffer)
    assert batch.max_tokens == 8, "in a buffer, the buffer's"
    assert batch.num_samples == 2
    append(batch, 5)
    assert (batch.size, batch.first) == (7, 2)


def test_nothing_was_dropped_from_a_batch() -> None:
    kv = window(6)
    append(kv, 2)
    assert kv.first == 2
    assert align([kv, window(3)]).batch.first == 0


def test_rows_of_several_samples_are_padded_each() -> None:
    """A buffer that held other numbers: zeros before every row, whoever was there."""
    buffer = BatchBuffer(6, 2, 6, 8, 2)
    align([window(6, samples=6, seed=3)], buffer)
    windows = [window(2, samples=3, seed=1), window(5, seed=2), window(0, samples=2)]
    batch, lengths = align(windows, buffer)
    assert lengths == (2, 2, 2, 5, 0, 0)
    for row, length in enumerate(lengths):
        for part in contents(batch):
            assert not part[row, :, : 5 - length].any()
    for row in range(3):
        assert agree(split(batch, lengths)[row], rows(batch, row, 2))
        assert rows(batch, row, 2)[0].equal(contents(windows[0])[0][row : row + 1])
    assert same(split(batch, lengths)[3], windows[1])


def pieced(*sizes: int, samples: int = 1) -> KeysValues:
    """A sealed window whose tokens lie in as many blocks."""
    kv = window(sizes[0], samples=samples, seed=9)
    kv.seal()
    for seed, size in enumerate(sizes[1:]):
        kv = kv.fork()
        append(kv, size, seed)
        kv.seal()
    assert len(kv.pieces()) == len(sizes)
    return kv


def test_a_token_of_a_batch_is_moved_once() -> None:
    """Joining a window's pieces, or all rows, before they are copied into the batch moves them
    twice. One element is the zero that pads."""
    windows = [pieced(1, 2, 3), pieced(2), pieced(1, 1, samples=2), window(3), window(0)]
    buffer = BatchBuffer(7, 2, 8, 8, 2)
    width, element = 6, 4
    token = 2 * 2 * 8 * element
    assert moved(lambda: align(windows, buffer)) == 6 * width * token + element
    batch, lengths = align(windows, buffer)
    expected = [one for kv in windows for one in split(kv.clone(), [kv.size] * kv.num_samples)]
    assert all(map(same, split(batch, lengths), expected))


def test_a_token_of_a_clone_is_moved_once() -> None:
    kv = pieced(1, 2, 3)
    assert moved(kv.clone) == 4 * 2 * 6 * 4 * 4
    assert same(kv.clone(), kv)


def test_what_lies_in_the_buffer_is_not_aligned_into_it() -> None:
    """Open or sealed, first or last, as the batch itself or as a view of its storage."""
    buffer, other = BatchBuffer(2, 2, 6, 8, 2), window(2, seed=5)
    batch, _ = align([window(4, seed=1)], buffer)
    before = contents(batch)
    for windows in ([batch], [batch, other], [other, batch]):
        with pytest.raises(KVCacheValueError, match="lies in the buffer itself"):
            align(windows, buffer)
        assert agree(batch, before)
    nothing, _ = align([window(0)], buffer)
    with pytest.raises(KVCacheValueError, match="lies in the buffer itself"):
        align([nothing, other], buffer)
    copied = batch.clone()
    assert align([copied, other], buffer).lengths == (4, 2)


def test_every_window_of_a_batch_is_compared() -> None:
    """Also the third, and with the buffer."""
    alike = window(2)
    for odd in (
        window(2, layers=1),
        window(2, heads=4, head_dim=2),
        window(2, head_dim=8),
        window(2, dtype=torch.float16),
        window(2, dtype=torch.bfloat16),
    ):
        for windows in ([alike, alike, odd], [odd, alike, alike], [alike, odd]):
            with pytest.raises(KVCacheValueError, match="cannot align"):
                align(windows)
        with pytest.raises(KVCacheValueError, match="do not fit into a buffer"):
            align([odd], BatchBuffer.for_windows([alike], 6))
    for wrong in (None, 3, [alike, None], ["kv"]):
        with pytest.raises(KVCacheTypeError):
            align(wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_a_buffer_counts_samples_and_copies_as_room_of_its_own() -> None:
    windows = [window(2, samples=3), window(4)]
    buffer = BatchBuffer.for_windows(windows, 5)
    batch, lengths = align(windows, buffer)
    twin = copy.deepcopy(buffer)
    assert align(windows, twin).lengths == lengths
    before = contents(batch)
    align([window(5, samples=4, seed=8)], twin)
    assert agree(batch, before)
    with pytest.raises(KVCacheValueError):
        align([window(6)], twin)
    with pytest.raises(KVCacheValueError):
        align([window(1, samples=5)], twin)


def test_the_next_batch_in_a_buffer_is_a_write_into_the_last() -> None:
    buffer = BatchBuffer(3, 2, 6, 8, 2)
    first, _ = align([window(3, seed=1), window(2, seed=2)], buffer)
    mark = first.mark()
    assert first.written_since(mark) is None
    align([window(1, seed=3)], buffer)
    assert first.written_since(mark) == "layer 0 K"
    again = first.mark()
    align([window(0)], buffer)
    assert first.written_since(again) == "layer 0 K", "whether or not a token was copied"


def test_a_sealed_batch_outlives_the_next_in_its_buffer() -> None:
    """It fills the buffer, so that it is no small part of it: it is copied out all the same."""
    buffer = BatchBuffer(1, 2, 6, 8, 2)
    batch, _ = align([window(6, seed=1)], buffer)
    batch.seal()
    before = contents(batch)
    align([window(6, seed=2)], buffer)
    assert agree(batch, before)
