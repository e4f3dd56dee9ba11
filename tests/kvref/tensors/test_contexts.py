"""What a session asks for, keeps and hands out: the contexts of its rows."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from kvref import KVCacheManager, KVCacheValueError, Ownership, RecurScope
from kvref.tensors import (
    BatchBuffer,
    KeysValues,
    Missing,
    SearchSession,
    align,
    attention_mask,
    by_env_and_latent,
    by_latent,
    hash_state,
    hash_states,
    salted_hash_state,
    salted_hash_states,
    split,
)
from tests.support.making import append, contents, same, window

LENGTH = 6
LATENTS = torch.arange(6.0).view(3, 2)


def session(
    rebuild: Callable[[Missing], Sequence[KeysValues]], ownership: Ownership = Ownership.REFERENCE
) -> SearchSession:
    config = SimpleNamespace(game_segment_length=4, num_simulations=4)
    manager: KVCacheManager[KeysValues] = KVCacheManager(config, 3, ownership=ownership)
    return SearchSession(manager, rebuild, context_length=LENGTH, keys=by_env_and_latent())


def stored(searching: SearchSession, env: int) -> KeysValues:
    (key,) = searching.manager.init_pools[env]
    found = searching.manager.get_init_cache(env, key)
    assert found is not None
    return found


def test_keys_tell_environments_and_versions_apart() -> None:
    envs = (2, 0, 2)
    assert list(by_latent(envs, LATENTS)) == [hash_state(one) for one in LATENTS]
    for version, keys in ((0, by_env_and_latent()), (3, by_env_and_latent(3))):
        expected = [
            salted_hash_state(one, env, version) for one, env in zip(LATENTS, envs, strict=True)
        ]
        assert list(keys(envs, LATENTS)) == expected


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("latents", [LATENTS, LATENTS[:, 0].clone()], ids=["vectors", "numbers"])
def test_the_keys_of_a_batch_are_those_of_its_rows(latents: Tensor, rows: int) -> None:
    some = latents[:rows]
    assert hash_states(some) == tuple(hash_state(one) for one in some)
    salts = [(row, 7) for row in range(rows)]
    assert salted_hash_states(some, salts) == tuple(
        salted_hash_state(one, *salt) for one, salt in zip(some, salts, strict=True)
    )


def test_only_what_is_missing_is_asked_for() -> None:
    asked: list[Missing] = []

    def rebuild(missing: Missing) -> list[KeysValues]:
        asked.append(missing)
        return [window(1) for _ in missing.rows]

    searching = session(rebuild)
    searching.root([1], LATENTS[1:2])
    searching.root([0, 1, 2], LATENTS)
    assert [(one.rows, one.env_ids) for one in asked] == [((0,), (1,)), ((0, 2), (0, 2))]
    assert torch.equal(asked[1].latents, LATENTS[[0, 2]])


def test_a_latent_may_be_a_number() -> None:
    searching = session(lambda missing: [window(1) for _ in missing.rows])
    searching.root([0, 1], torch.tensor([1.0, 2.0]))
    assert [len(pool) for pool in searching.manager.init_pools] == [1, 1, 0]


def test_a_step_may_fill_the_whole_context() -> None:
    manager = session(lambda missing: []).manager
    SearchSession(
        manager, lambda missing: [], context_length=2, tokens_per_step=2, keys=by_env_and_latent()
    )


def sealed(size: int, capacity: int) -> KeysValues:
    kv = window(size, capacity=capacity)
    kv.seal()
    return kv


def test_a_sealed_window_that_fits_is_stored_as_it_is() -> None:
    made = sealed(LENGTH, LENGTH)
    searching = session(lambda missing: [made])
    searching.root([0], LATENTS[:1])
    assert stored(searching, 0) is made


@pytest.mark.parametrize("make", [sealed, lambda size, capacity: window(size, capacity=capacity)])
@pytest.mark.parametrize(
    ("size", "capacity", "kept"), [(6, 6, 6), (3, 8, 3), (6, 8, 6), (7, 8, 5), (8, 8, 6), (2, 4, 2)]
)
def test_what_is_stored_of_a_rebuilt_window_fits_the_context(
    make: Callable[[int, int], KeysValues], size: int, capacity: int, kept: int
) -> None:
    made = make(size, capacity)
    searching = session(lambda missing: [made])
    searching.root([0], LATENTS[:1])
    kv = stored(searching, 0)
    assert (kv.max_tokens, kv.size, kv.first) == (LENGTH, kept, size - kept)
    pairs = zip(contents(kv), contents(made), strict=True)
    assert all(torch.equal(one, other[:, :, size - kept :]) for one, other in pairs)


def test_what_is_stored_shares_nothing_with_a_window_that_is_not_sealed() -> None:
    made = window(2)
    searching = session(lambda missing: [made])
    searching.root([0], LATENTS[:1])
    kept = stored(searching, 0).clone()
    with torch.no_grad():
        for layer in made:
            for part in layer.get():
                part.add_(1)
    append(made, 1)
    assert same(stored(searching, 0), kept)


def test_a_buffer_serves_every_batch_that_it_has_room_for() -> None:
    contexts = session(lambda missing: [])._contexts
    large = contexts.buffer_for([window(1)] * 3)
    assert isinstance(large, BatchBuffer)
    assert contexts.buffer_for([window(2)]) is large
    assert contexts.buffer_for([window(2)] * 3) is large
    larger = contexts.buffer_for([window(1)] * 4)
    assert (larger.layout.samples, larger.layout.max_tokens) == (4, LENGTH)
    assert contexts.buffer_for([window(1, layers=1)] * 4) is not larger
    double = contexts.buffer_for([window(1, dtype=torch.float64)] * 2)
    assert double.layout.dtype == torch.float64


def test_what_really_happened_is_rebuilt_from_its_latents() -> None:
    asked: list[Missing] = []

    def rebuild(missing: Missing) -> list[KeysValues]:
        asked.append(missing)
        return [window(1) for _ in missing.rows]

    searching = session(rebuild)
    for begin in (searching.advance, searching.step):
        with begin([2, 0], LATENTS[:2]) as batch:
            append(batch.keys_values, 2)
            batch.children(LATENTS[1:] + 9)
    assert [len(pool) for pool in searching.manager.pools] == [1, 0, 1, 2, 0]
    assert [one.env_ids for one in asked] == [(2, 0)] * 2
    assert all(torch.equal(one.latents, LATENTS[:2]) for one in asked)


def test_masks_and_positions_follow_what_the_model_has_appended() -> None:
    sizes = iter([3, 2, 4])
    searching = session(lambda missing: [window(next(sizes), capacity=8) for _ in missing.rows])
    with searching.step([0, 1, 2], LATENTS) as batch:
        assert batch.lengths == (3, 2, 4)
        for grown in range(3):
            lengths = [length + grown for length in (3, 2, 4)]
            for new in (1, 2):
                expected = attention_mask(lengths, new, 4 + grown)
                assert torch.equal(batch.mask(new), expected)
                positions = [[length + n for n in range(new)] for length in lengths]
                assert batch.positions(new).tolist() == positions
            if grown < 2:
                append(batch.keys_values, 1)
        batch.children(LATENTS + 9)


def test_positions_do_not_depend_on_the_default_device() -> None:
    searching = session(lambda missing: [window(2, device="cpu") for _ in missing.rows])
    with searching.step([0], LATENTS[:1]) as batch:
        torch.set_default_device("meta")
        try:
            positions, mask = batch.positions(2), batch.mask(2)
        finally:
            torch.set_default_device(None)
        assert positions.tolist() == [[2, 3]]
        assert (mask.device.type, int(mask.sum())) == ("cpu", 7)
        append(batch.keys_values, 2)
        batch.children(LATENTS[:1] + 9)


def test_steps_work_in_one_buffer() -> None:
    searching = session(lambda missing: [window(2) for _ in missing.rows])
    seen = set()
    for rows in (3, 2, 3):
        with searching.step(list(range(rows)), LATENTS[:rows]) as batch:
            seen |= {piece.untyped_storage().data_ptr() for piece in batch.keys_values.pieces()}
            append(batch.keys_values, 2)
            batch.children(LATENTS[:rows] + 9)
    assert len(seen) == 1


@pytest.mark.parametrize("scope", list(RecurScope))
@pytest.mark.parametrize("ownership", list(Ownership))
@pytest.mark.parametrize("make", [window, lambda size: sealed(size, LENGTH)])
def test_a_child_holds_its_parents_tokens_and_the_new_ones(
    make: Callable[[int], KeysValues], ownership: Ownership, scope: RecurScope
) -> None:
    sizes = iter([3, 1])
    config = SimpleNamespace(game_segment_length=4, num_simulations=4)
    manager: KVCacheManager[KeysValues] = KVCacheManager(
        config, 2, ownership=ownership, recur_scope=scope
    )
    searching = SearchSession(
        manager,
        lambda missing: [make(next(sizes)) for _ in missing.rows],
        context_length=LENGTH,
        keys=by_env_and_latent(),
    )
    children = LATENTS[1:] + 9
    with searching.step([0, 1], LATENTS[:2]) as batch:
        append(batch.keys_values, 2)
        batch.children(children)
        rows = split(batch.keys_values, [5, 3])
    for env, (key, row) in enumerate(zip(by_env_and_latent()((0, 1), children), rows, strict=True)):
        child = manager.get_recur_cache(key, env_id=env)
        assert child is not None
        assert (child.size, child.first) == (row.size, 0)
        assert same(child, row)
    shared = scope is RecurScope.SHARED
    assert [len(pool) for pool in manager.recur_pools] == ([2] if shared else [1, 1])


def test_a_stored_window_of_several_samples_is_no_context() -> None:
    searching = session(lambda missing: [])
    (key,) = by_env_and_latent()((0,), LATENTS[:1])
    searching.manager.set_init_cache(0, key, window(2, samples=3))
    with (
        pytest.raises(KVCacheValueError, match=r"^a context must have one sample: K.*3 samples"),
        searching.step([0], LATENTS[:1]),
    ):
        pass


def test_the_copy_of_a_pruned_window_has_its_samples() -> None:
    kv = window(2, samples=3)
    kv.prune([True, False, True])
    assert kv.clone().num_samples == kv.num_samples == 2
    kv.seal()
    assert kv.fork().shape == kv.clone().shape == (2, 2, 2, 4)


def test_pruning_does_not_depend_on_the_default_device() -> None:
    kv = window(2, samples=2, device="cpu")
    expected = [part[1:] for part in contents(kv)]
    torch.set_default_device("meta")
    try:
        kv.prune([False, True])
    finally:
        torch.set_default_device(None)
    pairs = zip(contents(kv), expected, strict=True)
    assert all(one.device.type == "cpu" and torch.equal(one, other) for one, other in pairs)


def test_a_window_tells_what_it_is() -> None:
    kv = window(2)
    told = "KeysValues(2 layers, 1 samples, 2 heads of 4, 2 of 6 tokens, torch.float32, cpu)"
    assert repr(kv) == repr(kv.clone()) == told
    kv.seal()
    assert repr(kv) == told[:-1] + ", sealed)"
    uneven = kv.fork()
    uneven[1].update(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4))
    assert repr(uneven) == told.replace("2 of 6", "2/3 of 6")


@pytest.mark.parametrize("looked_into", [False, True])
def test_a_retired_batch_is_empty_and_sealed(looked_into: bool) -> None:
    batch, _ = align([window(3), window(2)])
    if looked_into:
        append(batch, 1)
    batch.retire()
    assert batch.sealed
    assert (batch.size, batch.first, batch.pieces()) == (0, 0, ())
    assert all(part.shape == (2, 2, 0, 4) for layer in batch for part in layer.get())
    assert batch.fork().size == batch.clone().size == 0


@pytest.mark.parametrize("new", [0, 1, 5, 6])
def test_an_extension_may_fill_the_window(new: int) -> None:
    kv = sealed(2, LENGTH)
    longer = kv.extended(torch.ones(4, 1, 2, new, 4))
    dropped = {5: 2, 6: 2}.get(new, 0)
    assert (longer.sealed, longer.size, longer.first) == (True, 2 + new - dropped, dropped)
    assert kv.size == 2
