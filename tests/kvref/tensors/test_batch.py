"""B1 to B4: alignment, exhaustively for up to three windows of up to three tokens."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention as attend

from kvref import KVCacheError, KVCacheTypeError, KVCacheValueError
from kvref.tensors import BatchBuffer, KeysValues, align, attention_mask, split
from spec.batch import BATCH
from spec.laws import batch_broken
from stateful_models.bugs.tensors import BATCHES
from stateful_models.engines.batches import every_alignment, observe
from stateful_models.reference.batches import KvrefBatches
from stateful_models.subjects.batches import BatchSubject
from tests.support.making import append, contents, same, window
from tests.support.night import NIGHT

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


@pytest.mark.parametrize("dtype", DTYPES if NIGHT else DTYPES[1:3], ids=str)
def test_alignment_keeps_the_laws(dtype: torch.dtype, device: str) -> None:
    """4 + 4^2 + 4^3 combinations of lengths, all through one buffer."""
    subject, count, occurred = KvrefBatches(), 0, set()
    for windows in every_alignment(3, 3):
        seen = observe(subject, windows, dtype, device)
        assert batch_broken(seen) == ()
        occurred |= {law.code for law in BATCH if law.occurs(seen)}
        count += 1
    assert count == 4 + 16 + 64
    usual = {"B4"} if dtype is torch.float32 and device == "cpu" else set()
    assert occurred == {law.code for law in BATCH} - usual


@pytest.mark.parametrize(("exhibit", "law"), BATCHES, ids=lambda e: getattr(e, "__name__", e))
def test_exhibit_is_rejected(exhibit: type[BatchSubject], law: str) -> None:
    broken: set[str] = set()
    for dtype in (torch.float32, torch.float64):
        subject = exhibit()
        for windows in every_alignment(2, 2):
            broken |= set(batch_broken(observe(subject, windows, dtype)))
    assert law in broken


def test_every_law_has_an_exhibit() -> None:
    assert {law for _, law in BATCHES} == {law.code for law in BATCH}


def test_windows_of_every_make(device: str) -> None:
    """Open, sealed, forked, forked and written, pruned, in a graph: aligned alike."""
    opened, sealed = window(5, device=device, seed=1), window(3, device=device, seed=2)
    sealed.seal()
    written = sealed.fork()
    append(written, 4, seed=3)
    pruned = window(4, device=device, samples=2, seed=4)
    pruned.prune([False, True])
    graph = KeysValues(1, 2, 6, 8, 2, device)
    for layer in graph:
        layer.update(*(torch.ones(1, 2, 2, 4, device=device, requires_grad=True),) * 2)
    windows = [opened, sealed, sealed.fork(), written, pruned, graph, window(0, device=device)]
    batch, lengths = align(windows)
    assert lengths == (5, 3, 3, 5, 4, 2, 0)
    for one, back in zip(windows, split(batch, lengths), strict=True):
        assert same(one, back)
        assert not back.sealed


def test_windows_of_several_samples(device: str) -> None:
    two, one = window(3, samples=2, device=device), window(5, seed=9, device=device)
    batch, lengths = align([two, one])
    assert lengths == (3, 3, 5)
    first, second, third = split(batch, lengths)
    for row, back in enumerate((first, second)):
        kept = [part[row : row + 1] for part in contents(two)]
        assert all(torch.equal(a, b) for a, b in zip(kept, contents(back), strict=True))
    assert same(third, one)


def test_the_batch_is_a_copy(device: str) -> None:
    kv = window(4, device=device)
    before = contents(kv)
    batch, _ = align([kv])
    append(batch, 1)
    batch[0].get()[0].zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, contents(kv), strict=True))


def test_first_survives_if_told(device: str) -> None:
    kv = window(6, device=device)
    append(kv, 2)
    batch, lengths = align([kv])
    assert [one.first for one in split(batch, lengths)] == [0]
    assert [one.first for one in split(batch, lengths, firsts=[kv.first])] == [2]


def test_one_buffer_for_fewer_rows_and_tokens(device: str) -> None:
    buffer = BatchBuffer(3, 2, 6, 8, 2, device)
    storage = None
    for sizes in ((6, 2, 4), (1,), (3, 5)):
        windows = [window(size, device=device, seed=size) for size in sizes]
        batch, lengths = align(windows, buffer)
        assert batch.shape == (len(sizes), 2, max(sizes), 4)
        here = batch.pieces()[0].untyped_storage().data_ptr()
        assert storage in (None, here)
        storage = here
        assert all(same(a, b) for a, b in zip(windows, split(batch, lengths), strict=True))


def test_what_does_not_fit_is_refused(device: str) -> None:
    kv = window(4, device=device)
    small = BatchBuffer(1, 2, 3, 8, 2, device)
    for windows, into in [
        ([], None),
        ([kv, window(4, dtype=torch.float64, device=device)], None),
        ([kv, window(4, layers=1, device=device)], None),
        ([kv, window(4, heads=1, device=device)], None),
        ([kv, window(4, head_dim=2, device=device)], None),
        ([kv], small),
        ([kv, kv], BatchBuffer(1, 2, 6, 8, 2, device)),
        ([kv], BatchBuffer(1, 2, 6, 8, 3, device)),
    ]:
        with pytest.raises(KVCacheValueError):
            align(windows, into)
    with pytest.raises(KVCacheTypeError, match="str"):
        align(["window"])  # type: ignore[list-item]  # wrong on purpose


def test_nobody_is_aligned_with_others(device: str) -> None:
    """Windows pruned to nobody add no rows; nobody alone is refused."""
    nobody = window(3, samples=2, device=device)
    nobody.prune([False, False])
    two, one = window(2, samples=2, device=device), window(4, device=device)
    for windows, lengths in (([nobody, one], (4,)), ([two, nobody, one], (2, 2, 4))):
        batch, told = align(windows)
        assert told == lengths
        assert same(split(batch, told)[-1], one)
    with pytest.raises(KVCacheValueError, match="pruned to nobody"):
        align([nobody])


@pytest.mark.parametrize("tokens", [1, 2, 3, 6])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_nobody_is_aligned_however_long(tokens: int, place: int, device: str) -> None:
    """Longer than the others, of several samples, first or last, into a buffer too short for it."""
    nobody = window(tokens, samples=3, device=device)
    nobody.prune([False] * 3)
    windows = [window(2, device=device, seed=1), window(1, device=device, seed=2)]
    buffer = BatchBuffer(2, 2, 2, 8, 2, device)
    for into in (None, buffer):
        batch, told = align([*windows[:place], nobody, *windows[place:]], into)
        assert told == (2, 1)
        assert batch.size == 2
        assert all(same(a, b) for a, b in zip(windows, split(batch, told), strict=True))
    empty = window(0, device=device)
    assert align([nobody, empty], buffer).lengths == (0,)


def test_what_is_refused_leaves_the_buffer(device: str) -> None:
    """Nobody alone, and what does not fit: what was aligned into the buffer before is unmarked."""
    nobody = window(3, device=device)
    nobody.prune([False])
    buffer = BatchBuffer(2, 2, 3, 8, 2, device)
    batch, _ = align([window(3, device=device), window(1, device=device)], buffer)
    mark, before = batch.mark(), contents(batch)
    for windows in ([nobody], [nobody, window(4, device=device)], [nobody, batch]):
        with pytest.raises(KVCacheValueError):
            align(windows, buffer)
    assert batch.written_since(mark) is None
    assert all(torch.equal(a, b) for a, b in zip(before, contents(batch), strict=True))


def test_a_batch_of_nobody_is_split_into_nothing(device: str) -> None:
    nobody = window(3, samples=2, device=device)
    nobody.prune([False, False])
    assert split(nobody, []) == split(nobody, [], firsts=[]) == ()
    with pytest.raises(KVCacheValueError, match="0 rows"):
        split(nobody, [3])
    assert attention_mask([], 2, 3, device).shape == (0, 1, 2, 5)


def test_a_batch_is_not_aligned_into_its_own_buffer(device: str) -> None:
    buffer = BatchBuffer(3, 2, 6, 8, 2, device)
    batch, _ = align([window(3, device=device), window(2, device=device)], buffer)
    with pytest.raises(KVCacheValueError, match="lies in the buffer itself"):
        align([window(5, device=device), batch], buffer)
    assert batch.size == 3


def test_masks_on_the_host_whatever_the_default_device() -> None:
    torch.set_default_device("meta")
    try:
        assert attention_mask([1, 2], 1, device="cpu").sum() == 5
    finally:
        torch.set_default_device(None)


@pytest.mark.parametrize(
    "lengths", [(), (5,), (5, 2, 2), (-1, 2), (6, 2), (True, 2), (1.0, 2)], ids=str
)
def test_bad_lengths_are_refused(lengths: tuple[int, ...]) -> None:
    batch, _ = align([window(5), window(2)])
    with pytest.raises(KVCacheError):
        split(batch, lengths)


def test_bad_masks_are_refused() -> None:
    for lengths, new, width in (((3,), 0, None), ((3,), 1, 2), ((-1,), 1, None)):
        with pytest.raises(KVCacheError):
            attention_mask(lengths, new, width)


def test_mask_makes_padding_neutral(device: str) -> None:
    """B3: under the mask each row attends as it would alone."""
    sizes, dtype = (5, 0, 2), torch.float64
    windows = [window(n, device=device, dtype=dtype, capacity=8, seed=n) for n in sizes]
    queries = torch.randn(3, 2, 2, 4, dtype=torch.float64, device=device)
    together = attended(align(windows), queries, device)
    for row, one in enumerate(windows):
        alone = attended(align([one]), queries[row : row + 1], device)
        assert torch.allclose(together[row], alone[0], rtol=0, atol=1e-12)


def attended(
    aligned: tuple[KeysValues, tuple[int, ...]], queries: torch.Tensor, device: str
) -> torch.Tensor:
    batch, lengths = aligned
    with torch.no_grad():
        mask = attention_mask(lengths, 2, batch.size, device)
        batch[0].update(queries, queries)
        k, v = batch[0].get()
        return attend(queries, k, v, attn_mask=mask)
