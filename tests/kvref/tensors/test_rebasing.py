"""Positions counted from the oldest token that is left, and who writes that anew."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from kvref import KVCacheManager, KVCacheTypeError, KVCacheValueError, Ownership
from kvref.tensors import KeysValues, Missing, OnDrop, Positions, SearchSession, Source, Working
from tests.support.making import append, window

OBSERVED = torch.arange(2.0).view(2, 1)


def searching(
    on_drop: OnDrop | None, lengths: tuple[int, int], *, grouped: bool = False
) -> SearchSession:
    """Contexts of 6 tokens: a root of 5 loses 2, or 1 where there is no pair, for two more."""
    config = SimpleNamespace(game_segment_length=4, num_simulations=8)
    manager: KVCacheManager[KeysValues] = KVCacheManager(config, 2, ownership=Ownership.SEALED)

    def rebuild(missing: Missing) -> list[KeysValues]:
        return [window(lengths[env], seed=env) for env in missing.env_ids]

    return SearchSession(
        manager,
        rebuild,
        context_length=6,
        positions=Positions.WINDOW,
        on_drop=on_drop,
        grouped=grouped,
    )


@pytest.mark.parametrize("grouped", [False, True])
def test_it_is_told_which_rows_lost_how_many(grouped: bool) -> None:
    told: list[tuple[tuple[int, ...], list[int], int]] = []

    def on_drop(batch: Working, dropped: Tensor) -> None:
        assert batch.dropped == tuple(dropped.tolist())
        assert [node.env_id for node in batch.nodes] == list(batch.rows)
        told.append((batch.rows, dropped.tolist(), batch.keys_values.size))

    session = searching(on_drop, (3, 6), grouped=grouped)
    roots = session.root([0, 1], OBSERVED).nodes
    with session.step(roots) as step:
        starts = [group.positions(2)[:, 0].tolist() for group in step.groups]
        for group in step.groups:
            append(group.keys_values, 2)
        step.children(OBSERVED)
    assert told == ([((1,), [2], 4)] if grouped else [((0, 1), [0, 2], 4)])
    assert starts == ([[3], [4]] if grouped else [[3, 4]])


def test_what_it_writes_is_stored_and_the_parent_is_not_touched() -> None:
    def on_drop(batch: Working, dropped: Tensor) -> None:
        batch.keys_values[0].get()[0].fill_(7.0)

    session = searching(on_drop, (6, 6))
    roots = session.root([0, 1], OBSERVED).nodes
    (before,) = [one.value for one in session.manager.init_pools[0].residents()]
    was = before[0].get()[0].clone()
    with torch.no_grad(), session.step(roots) as step:
        append(step.keys_values, 2)
        child, _ = step.children(OBSERVED)
    assert torch.equal(before[0].get()[0], was)
    kept = session.manager.recur_pool.get(session.stored_under(child))
    assert kept is not None
    assert bool((kept[0].get()[0][:, :, :4] == 7.0).all())
    with session.step([child]) as step:
        assert step.sources == (Source.RECUR,)
        append(step.keys_values, 2)
        step.children(OBSERVED[:1])


def test_nobody_is_asked_while_nothing_is_lost() -> None:
    def on_drop(batch: Working, dropped: Tensor) -> None:
        raise AssertionError("nothing was dropped")

    session = searching(on_drop, (3, 4))
    with session.step(session.root([0, 1], OBSERVED).nodes) as step:
        append(step.keys_values, 2)
        step.children(OBSERVED)


@pytest.mark.parametrize("change", ["appends", "raises"])
def test_what_goes_wrong_stores_nothing_and_counts_nothing(change: str) -> None:
    def on_drop(batch: Working, dropped: Tensor) -> None:
        if change == "raises":
            raise KVCacheValueError("no")
        append(batch.keys_values, 1)

    session = searching(on_drop, (6, 6))
    roots = session.root([0, 1], OBSERVED).nodes
    before = [(pool.residents(), str(pool.stats)) for pool in session.manager.pools]
    with pytest.raises(KVCacheValueError, match=r"^no$|there are now 5$"):
        session.step(roots).__enter__()
    assert [(pool.residents(), str(pool.stats)) for pool in session.manager.pools] == before
    assert session.root(roots).sources == (Source.INIT, Source.INIT), "it is open no more"


def test_a_scheme_without_its_hook_is_refused() -> None:
    with pytest.raises(KVCacheValueError, match="give on_drop, which writes what is left anew"):
        searching(None, (1, 1))
    with pytest.raises(KVCacheTypeError, match="on_drop must be callable, not 5"):
        searching(5, (1, 1))  # type: ignore[arg-type]  # wrong on purpose
    manager = searching(lambda batch, dropped: None, (1, 1)).manager
    with pytest.raises(KVCacheTypeError, match="positions must be one of Positions, not 'window'"):
        SearchSession(manager, lambda missing: [], context_length=6, positions="window")  # type: ignore[arg-type]  # wrong on purpose


def test_a_root_that_would_be_cut_is_refused() -> None:
    """Nobody could write anew what is left of it."""
    session = searching(lambda batch, dropped: None, (6, 6))
    session._contexts.rebuild = lambda missing: [window(8, capacity=8) for _ in missing.rows]
    with pytest.raises(KVCacheValueError, match="rebuild made 8 tokens for a context of 6"):
        session.root([0, 1], OBSERVED)
    assert not any(len(pool) for pool in session.manager.pools)
