"""Windows that share tokens, and batches in one buffer: what is there, and what is noticed."""

import copy
import gc
import pickle
from collections.abc import Callable
from weakref import ref

import pytest
import torch
from torch import Tensor

from kvref.tensors import (
    BatchBuffer,
    Cache,
    KeysValues,
    KVCache,
    align,
    attention_mask,
    split,
)
from kvref.tensors.blocks import Block, Room, Span, joined
from tests.support.making import append, contents, same, window


def shared(*sizes: int, capacity: int = 8) -> KeysValues:
    """A sealed window whose tokens lie in as many blocks: each one's fork went on."""
    kv = window(sizes[0], capacity=capacity)
    for seed, size in enumerate(sizes[1:], 1):
        kv.seal()
        kv = kv.fork()
        append(kv, size, seed)
    kv.seal()
    return kv


def whole(kv: KeysValues) -> Tensor:
    """(parts, samples, heads, tokens, head_dim)."""
    return torch.stack(contents(kv))


@pytest.mark.parametrize("by_layer", [False, True])
@pytest.mark.parametrize("removed", range(9))
def test_removing_the_newest_of_shared_tokens_leaves_the_oldest(
    removed: int, by_layer: bool
) -> None:
    kv = shared(3, 1, 4).fork()
    before = whole(kv) if by_layer else torch.cat(kv.pieces(), dim=3)
    kv.remove_register_tokens(removed)
    assert kv.size == 8 - removed
    assert torch.equal(whole(kv), before[:, :, :, : 8 - removed])
    kv.seal()
    assert torch.equal(whole(kv), before[:, :, :, : 8 - removed])
    assert all(piece.shape[3] for piece in kv.pieces())


@pytest.mark.parametrize("new", range(9))
def test_an_overflow_of_shared_tokens_drops_pairs_of_the_oldest(new: int) -> None:
    kv = shared(2, 2, 4).fork()
    before = whole(kv)
    added = append(kv, new, seed=9)
    flat = torch.stack([part for layer in added for part in layer])
    dropped = new + new % 2
    assert torch.equal(whole(kv), torch.cat((before[:, :, :, dropped:], flat), dim=3))
    assert kv.first == dropped
    kv.seal()
    assert all(piece.shape[3] for piece in kv.pieces())
    assert torch.equal(whole(kv), torch.cat((before[:, :, :, dropped:], flat), dim=3))


@pytest.mark.parametrize("sizes", [(4, 4), (1, 2, 3, 4), (4, 1, 4), (6, 6), (1, 1, 5)], ids=str)
@pytest.mark.parametrize("begun", [0, 2, 3])
def test_a_fork_that_overflows_keeps_the_newest(begun: int, sizes: tuple[int, ...]) -> None:
    kv = shared(begun, capacity=6).fork()
    every = [whole(kv)]
    for seed, size in enumerate(sizes, 5):
        made = append(kv, size, seed)
        every.append(torch.stack([part for layer in made for part in layer]))
    appended = torch.cat(every, dim=3)
    assert torch.equal(whole(kv), appended[:, :, :, kv.first :])
    assert kv.size == appended.shape[3] - kv.first <= 6


def test_layers_that_ask_for_unequal_room_get_it() -> None:
    kv = shared(2).fork()
    for number, layer in enumerate(kv):
        k = torch.full((1, 2, 1 + number, 4), 1.0 + number)
        layer.update(k, -k)
    for number, layer in enumerate(kv):
        k, v = layer.get()
        assert k.shape == (1, 2, 3 + number, 4)
        assert (k[:, :, 2:] == 1 + number).all()
        assert (v[:, :, 2:] == -1 - number).all()


def test_parts_that_ask_alike_get_one_block_each_part_once() -> None:
    room, shape, other = Room(2, torch.float32, torch.device("cpu")), (1, 1, 2, 1), (1, 1, 3, 1)
    first = room.take(0, shape)
    assert first.tensor.shape == (2, *shape)
    assert room.take(1, shape) is first
    second = room.take(0, shape)
    assert second is not first
    assert room.take(0, shape) is not second
    third = room.take(1, other)
    assert third.tensor.shape == (2, *other)


def test_a_block_that_every_part_has_is_kept_by_its_parts_only() -> None:
    room, shape = Room(2, torch.float32, torch.device("cpu")), (1, 1, 2, 1)
    first, again = room.take(0, shape), room.take(1, shape)
    block = ref(first)
    del first, again
    assert block() is None


def bytes_of(part: Cache) -> int:
    return part.get().untyped_storage().nbytes()


TOKEN = 2 * 4 * 4
"""Bytes of one token of one part: two heads of four floats."""


def test_a_new_window_has_room_for_every_token_and_no_more() -> None:
    assert bytes_of(Cache(1, 2, 6, 8)) == 6 * TOKEN
    assert [bytes_of(part) for part in KVCache(1, 2, 6, 8).parts] == [2 * 6 * TOKEN] * 2
    assert [bytes_of(part) for layer in KeysValues(1, 2, 6, 8, 3) for part in layer.parts] == [
        6 * 6 * TOKEN
    ] * 6


def test_the_clone_of_a_sealed_window_gets_all_its_room_with_its_first_token() -> None:
    kv = shared(3, capacity=6).clone()
    assert {piece.untyped_storage().nbytes() for piece in kv.pieces()} == {4 * 3 * TOKEN}
    append(kv, 1)
    assert {bytes_of(part) for layer in kv for part in layer.parts} == {4 * 6 * TOKEN}


def test_the_clone_of_a_window_that_is_not_sealed_has_all_its_room() -> None:
    (piece,) = window(3).clone().pieces()
    assert piece.untyped_storage().nbytes() == 4 * 6 * TOKEN


def test_a_differentiable_copy_counts_on_from_what_was_dropped() -> None:
    kv = window(6)
    with_gradients(kv)
    copied = kv.clone()
    assert copied.first == kv.first == 2
    assert same(copied, kv)
    assert all(part.requires_grad for layer in copied for part in layer.get())
    append(copied, 2)
    assert kv.size == 5


def test_an_empty_window_has_no_pieces() -> None:
    looked_into = window(2)
    looked_into.reset()
    for kv in (KeysValues(1, 2, 6, 8, 2), window(0), looked_into, looked_into.clone()):
        assert kv.pieces() == ()


def test_looking_into_a_fork_copies_nothing() -> None:
    parent = shared(2, 3)
    fork = parent.fork()
    assert [layer.size for layer in fork] == [5, 5]
    here = [piece.data_ptr() for piece in parent.pieces()]
    assert [piece.data_ptr() for piece in fork.pieces()] == here


def test_a_write_into_shared_tokens_is_noticed_by_a_fork_never_looked_into() -> None:
    parent = shared(2)
    around(parent)
    fork = parent.fork()
    mark = fork.mark()
    assert fork.written_since(mark) is None
    around(parent)
    assert fork.written_since(mark) == "layer 0 K"


@pytest.mark.parametrize("make", [lambda: shared(2), lambda: shared(2).fork(), lambda: window(2)])
def test_looking_into_a_window_is_no_write(make: Callable[[], KeysValues]) -> None:
    kv = make()
    mark = kv.mark()
    assert whole(kv).shape[3] == 2
    assert kv.written_since(mark) is None


def test_what_is_stored_stays_when_it_is_looked_into() -> None:
    for kv in (shared(2, 3), shared(2, 3).fork(), window(3)):
        before = kv.pieces()
        assert len([layer.get() for layer in kv]) == 2
        pairs = zip(before, kv.pieces(), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


def test_a_fork_that_was_reset_keeps_no_tokens_of_its_parent() -> None:
    parent = shared(2)
    fork = parent.fork()
    assert fork[0].size == 2
    block = ref(parent._as_spans()[0].block)
    fork.reset()
    del parent
    gc.collect()
    assert block() is None


def test_many_samples_are_counted_as_few_are() -> None:
    kv = KeysValues(301, 1, 1, 1, 1)
    kv.prune([number > 0 for number in range(301)])
    assert (kv.num_samples, kv.shape) == (300, (300, 1, 0, 1))


def test_layers_count_from_the_end_too() -> None:
    kv = window(1)
    assert [kv[-1], kv[-2]] == [kv[1], kv[0]]


@pytest.mark.parametrize("make", [Cache, KVCache])
def test_a_new_part_is_empty(make: type[Cache] | type[KVCache]) -> None:
    made = make(2, 2, 6, 8)
    parts = (made,) if isinstance(made, Cache) else made.parts
    assert made.shape == (2, 2, 0, 4)
    assert [(part.size, part.first, part.max_tokens) for part in parts] == [(0, 0, 6)] * len(parts)
    assert [tuple(part.get().shape) for part in parts] == [(2, 2, 0, 4)] * len(parts)


def test_parts_are_where_they_are_told_to_be() -> None:
    for cache in (Cache(1, 2, 6, 8, "meta"), *KVCache(1, 2, 6, 8, "meta").parts):
        assert cache.device.type == cache.get().device.type == "meta"
    assert KeysValues(1, 2, 6, 8, 2, "meta").device.type == "meta"
    assert [part.dtype for part in KVCache(1, 2, 6, 8, dtype=torch.float16).parts] == [
        torch.float16
    ] * 2


def test_a_fork_gets_room_for_what_it_appends() -> None:
    kv = shared(3).fork()
    """Doubled when it is full, so that many small updates copy no more than twice in all."""
    for room in (1, 2, 4, 4):
        append(kv, 1)
        *_, own = kv.pieces()
        assert own.untyped_storage().nbytes() == 4 * room * TOKEN


def grown(cache: Cache) -> None:
    """Two updates, the first with gradients enabled, which leaves no room."""
    with torch.enable_grad():
        cache.update(torch.ones(1, 2, 1, 4, dtype=cache.dtype))
    with torch.no_grad():
        cache.update(torch.full((1, 2, 2, 4), 2.0, dtype=cache.dtype))


def test_room_is_of_the_windows_dtype_and_device() -> None:
    caches = [Cache(1, 2, 6, 8, "cpu", dtype=torch.float64)]
    caches += KVCache(1, 2, 6, 8, "cpu", dtype=torch.float64).parts
    caches += KeysValues(1, 2, 6, 8, 1, "cpu", dtype=torch.float64)[0].parts
    torch.set_default_device("meta")
    try:
        for cache in caches:
            with torch.device("cpu"):
                before = cache.get()
            assert (before.dtype, before.device.type) == (torch.float64, "cpu")
            with torch.device("cpu"):
                one, two = torch.ones(1, 2, 1, 4).double(), torch.ones(1, 2, 2, 4).double()
            with torch.enable_grad():
                cache.update(one)
            with torch.no_grad():
                cache.update(two)
            after = cache.get()
            assert (after.dtype, after.device.type) == (torch.float64, "cpu")
            assert after.sum() == 3 * 8
    finally:
        torch.set_default_device(None)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_of_a_part_has_its_tokens_and_its_count(
    copied: Callable[[Cache], Cache],
) -> None:
    cache = Cache(1, 2, 6, 8)
    with torch.enable_grad():
        cache.update(torch.ones(1, 2, 1, 4))
    for cache_ in (cache, Cache(1, 2, 6, 8)):
        other = copied(cache_)
        assert torch.equal(other.get(), cache_.get())
        grown(other)
        assert other.size == cache_.size + 3
        again = copied(other)
        assert torch.equal(again.get(), other.get())
        assert again._count() == other._count()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_of_a_window_is_marked_as_it_was(
    copied: Callable[[KeysValues], KeysValues],
) -> None:
    kv = window(2)
    append(kv, 1)
    assert copied(kv).mark() == kv.mark()


def around(kv: KeysValues) -> None:
    """Writes that no method of the window makes."""
    with torch.no_grad():
        for layer in kv:
            for part in layer.get():
                part.add_(1)


def with_gradients(kv: KeysValues) -> None:
    k, v = (torch.ones(kv.num_samples, 2, 1, 4, requires_grad=True) for _ in range(2))
    with torch.enable_grad():
        for layer in kv:
            layer.update(k, v)


def test_no_two_writes_leave_one_mark() -> None:
    """Methods and writes around them, in any order; nothing that is counted goes back."""
    kv = window(3, samples=2)
    writes: list[Callable[[], object]] = [
        lambda: append(kv, 1),
        lambda: around(kv),
        lambda: kv.remove_register_tokens(1),
        lambda: around(kv),
        lambda: around(kv),
        lambda: with_gradients(kv),
        lambda: around(kv),
        kv.reset,
        lambda: append(kv, 2),
        lambda: around(kv),
        kv.reset,
        lambda: kv.prune([True, False]),
        lambda: append(kv, 4),
        lambda: around(kv),
        lambda: append(kv, 4),
        lambda: around(kv),
    ]
    marks = [kv.mark()]
    for write in writes:
        before = kv.mark()
        write()
        assert kv.written_since(before) == "layer 0 K"
        marks.append(kv.mark())
    assert len(set(marks)) == len(marks)


def test_a_write_through_shared_tokens_is_noticed_beside_an_update() -> None:
    parent = shared(2)
    fork = parent.fork()
    append(fork, 1)
    mark = fork.mark()
    around(parent)
    append(fork, 1)
    assert fork.written_since(mark) == "layer 0 K"


def one_by_one(kv: KeysValues) -> None:
    """The layers get the same, in unequal steps, and so in blocks of their own."""
    kv[0].update(torch.ones(1, 2, 1, 4), torch.full((1, 2, 1, 4), 2.0))
    kv[0].update(torch.full((1, 2, 1, 4), 3.0), torch.full((1, 2, 1, 4), 4.0))
    kv[1].update(torch.full((1, 2, 2, 4), 5.0), torch.full((1, 2, 2, 4), 6.0))


def the_last_one_by_one(kv: KeysValues) -> None:
    """As before, the other way round: the blocks of the first are not there for the last."""
    kv[0].update(torch.ones(1, 2, 2, 4), torch.full((1, 2, 2, 4), 2.0))
    for value in (3.0, 4.0):
        kv[1].update(torch.full((1, 2, 1, 4), value), torch.full((1, 2, 1, 4), -value))


def begun_anew(kv: KeysValues) -> None:
    """One layer holds tokens of its own, the other those that it shares."""
    kv[0].reset()
    size = kv[1].size
    kv[0].update(torch.ones(1, 2, size, 4), torch.full((1, 2, size, 4), 2.0))


def half_with_gradients(kv: KeysValues) -> None:
    k, v = torch.ones(1, 2, 1, 4), torch.full((1, 2, 1, 4), 2.0)
    with torch.enable_grad():
        kv[0].update(k, v)
    kv[1].update(v, k)


@pytest.mark.parametrize(
    "write", [one_by_one, the_last_one_by_one, begun_anew, half_with_gradients, with_gradients]
)
@pytest.mark.parametrize("forked", [False, True])
def test_what_is_stored_is_what_the_parts_hold(
    write: Callable[[KeysValues], None], forked: bool
) -> None:
    kv = shared(2, 2).fork() if forked else window(4)
    with torch.no_grad():
        write(kv)
    held = whole(kv)
    assert torch.equal(torch.cat(kv.pieces(), dim=3), held)
    assert torch.equal(whole(kv.clone()), held)
    kv.seal()
    assert torch.equal(whole(kv), held)
    assert torch.equal(whole(kv.fork()), held)


@pytest.mark.parametrize("make", [lambda: shared(2).fork(), lambda: window(2)])
def test_a_window_that_was_reset_is_as_if_it_were_new(make: Callable[[], KeysValues]) -> None:
    for begin in (append, lambda kv, n: with_gradients(kv)):
        kv = make()
        begin(kv, 1)
        kv.reset()
        assert (kv.size, kv.first) == (0, 0)
        assert whole(kv).shape[3] == 0
        made = append(kv, 2)
        assert torch.equal(whole(kv), torch.stack([p for layer in made for p in layer]))
        assert not any(part.requires_grad for layer in kv for part in layer.get())


def test_a_part_tells_what_it_is() -> None:
    kv = window(2)
    told = "Cache((1, 2, 2, 4), 6 at most, torch.float32, cpu)"
    assert repr(kv[0].parts[0]) == told
    assert repr(kv[0]) == "KVCache((1, 2, 2, 4), 6 at most)"
    kv.seal()
    assert repr(kv[0].parts[0]) == told[:-1] + ", sealed)"


@pytest.mark.parametrize("room", range(1, 9))
def test_a_span_of_less_than_half_its_block_is_spacious(room: int) -> None:
    tensor = torch.zeros(2, 1, 1, room, 1)
    for size in range(room + 1):
        assert Span(Block(tensor), room - size, room).spacious is (2 * size < room)
        assert Span(Block(tensor, lender=tensor), 0, size).spacious is True


def test_a_single_piece_is_joined_as_it_is() -> None:
    piece = torch.zeros(2, 1, 1, 3, 1)
    assert joined([piece]) is piece
    assert joined([piece, piece]).shape == (2, 1, 1, 6, 1)


def test_a_buffer_is_made_for_the_rows_of_its_windows() -> None:
    buffer = BatchBuffer.for_windows([window(1), window(2, samples=3)], 5)
    assert (buffer.layout.samples, buffer.layout.heads) == (4, 2)
    assert (buffer.layout.max_tokens, buffer.layout.head_dim, buffer.num_layers) == (5, 4, 2)


@pytest.mark.parametrize("sizes", [(2, 3), (3, 3), (0, 2), (2, 0)])
def test_every_sample_of_every_window_gets_its_row(sizes: tuple[int, int]) -> None:
    windows = [window(size, samples=2, seed=size) for size in sizes]
    batch, lengths = align(windows)
    rows = split(batch, lengths)
    assert lengths == (sizes[0],) * 2 + (sizes[1],) * 2
    for number, row in enumerate(rows):
        alone = windows[number // 2].clone()
        alone.prune([number % 2 == 0, number % 2 == 1])
        assert same(row, alone)


def test_a_batch_overwritten_by_the_next_is_noticed() -> None:
    buffer = BatchBuffer(2, 2, 6, 8, 2)
    batch, _ = align([window(3), window(2)], buffer)
    for layer in batch:
        layer.get()
    mark = batch.mark()
    assert batch.written_since(mark) is None
    align([window(3), window(2)], buffer)
    assert batch.written_since(mark) == "layer 0 K"


def test_nobody_needs_no_mask() -> None:
    assert attention_mask([], 2).shape == (0, 1, 2, 2)
