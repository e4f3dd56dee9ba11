"""SHADOW, COMPARE and SERVE: the published code runs, and two caches are told of it."""

import logging
from collections.abc import Iterator
from functools import cache
from typing import cast

import pytest
import torch

from kvref import KVCacheValueError, Ownership
from kvref.compat.lightzero import Attachment, attach, shadowing, windows
from kvref.compat.lightzero.published import PublishedWindow
from kvref.compat.lightzero.windows import as_window
from kvref.shadow import Divergence, DivergenceError, Mode, OnDivergence, Verdict
from kvref.tensors import KeysValues
from stateful_models import FIFO_REFERENCE, explain
from stateful_models.runtime.differing import Right
from tests.support.standin.attention import Config
from tests.support.standin.playing import Chooser, Player, planted
from tests.support.standin.predicting import Dynamics
from tests.support.standin.windows import Window
from tests.support.standin.world_model import WorldModel

COUNT = OnDivergence.COUNT


def model_of(rotary: bool = True, simulations: int = 8) -> WorldModel:
    config = Config(rotary_emb=rotary, num_simulations=simulations)
    return WorldModel(config, Dynamics.COARSE)


def played(model: WorldModel, moves: int = 2, simulations: int = 7) -> list[torch.Tensor]:
    """All that the model predicts in a run that is always the same."""
    with planted(Chooser(0, 3)):
        player = Player(model, {}, seed=1)
        for _ in range(moves):
            player.move(simulations)
        player.begin()
        player.move(2, rows=2)
    return [told for one in player.told() for told in one.made.values()]


@cache
def plainly(rotary: bool, simulations: int) -> tuple[list[torch.Tensor], list[object]]:
    """What is predicted, and then held, where nothing is attached."""
    model = model_of(rotary, simulations)
    return played(model), held(model)


def alike(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


def held(model: WorldModel) -> list[object]:
    """What the published caches hold, in the order that they have it."""
    rings = [*model.shared_pool_init_infer, model.shared_pool_recur_infer]
    windows = [one for ring in rings for one in ring]
    dicts = [*model.past_kv_cache_init_infer_envs, model.past_kv_cache_recurrent_infer]
    return [
        [list(one.items()) for one in dicts],
        [None if one is None else contents(one) for one in windows],
        model.shared_pool_index,
        model.shared_pool_index_init_envs,
    ]


def contents(window: Window) -> list[object]:
    return [(half._size, half._cache.tolist()) for half in window.halves]


class Failing(shadowing.Kvref):
    """Whatever kvref is asked, it raises, when it has written into what it was given."""

    def get(self, pool: str, key: int) -> KeysValues | None:
        raise RuntimeError("get")

    def set(self, pool: str, key: int, value: object, priority: object, /) -> int:  # type: ignore[override]  # it raises
        assert isinstance(value, KeysValues)
        for half in (half for layer in value for half in layer.get()):
            half.zero_()
        raise KeyError("set")

    def clear(self, pool: str) -> None:
        raise SystemError("clear")

    def slot(self, pool: str, key: int) -> int | None:
        raise RuntimeError("slot")


@pytest.mark.parametrize("mode", ["off", "shadow", "compare"])
@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("fails", [False, True])
def test_a_candidate_has_no_influence(
    mode: str, rotary: bool, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit: what is predicted, and what the published caches hold."""
    if fails:
        monkeypatch.setattr("kvref.compat.lightzero.attaching.Kvref", Failing)
    told, there = plainly(rotary, 2)
    watched = model_of(rotary, simulations=2)
    attached = attach(watched, mode, on_divergence=COUNT)
    assert alike(told, played(watched))
    if attached.shadow is not None:
        assert (attached.shadow.counts[Verdict.RAISED] > 0) is fails
        assert (attached.shadow.compared > 0) is (mode == "compare" and not fails)
    attached.detach()
    assert held(watched) == there


def test_influence_would_be_noticed() -> None:
    """SERVE, whose pools forget what the rings only overwrite."""
    told, there = plainly(True, 2)
    served = model_of(simulations=2)
    attach(served, "serve", on_divergence=COUNT)
    assert not alike(told, played(served))
    assert held(served) != there


@cache
def compared(
    simulations: int,
    rotary: bool = True,
    on_divergence: OnDivergence = COUNT,
    every: int = 1,
    atol: float = 0.0,
) -> Attachment:
    model = model_of(rotary, simulations)
    attached = attach(model, "compare", on_divergence=on_divergence, every=every, atol=atol)
    played(model)
    attached.detach()
    return attached


def firsts(attached: Attachment) -> Iterator[Divergence]:
    assert attached.shadow is not None
    yield from attached.shadow.firsts.values()


@pytest.mark.parametrize(("simulations", "rotary"), [(1, True), (2, False)])
def test_what_differs_is_the_published_caches_fault(simulations: int, rotary: bool) -> None:
    """Keys whose windows the ring has overwritten; keys that live on, and are lost."""
    attached = compared(simulations, rotary)
    found = {one.verdict: one for one in firsts(attached)}
    assert {Verdict.MISSING, Verdict.CONTENTS, Verdict.SIZE} <= set(found)
    for first in found.values():
        told = explain(first, *attached.anew(), FIFO_REFERENCE, attached.sizes)
        assert told is not None
        assert told.right is Right.CANDIDATE
        assert len(told.steps) <= attached.sizes[first.pool] + 4
        assert told.laws
    wrong = explain(found[Verdict.CONTENTS], *attached.anew(), FIFO_REFERENCE, attached.sizes)
    assert wrong is not None
    assert "R4" in wrong.laws


def test_with_room_for_all_only_slots_and_sizes_differ() -> None:
    """Rings whose cursors go on where a pool begins anew; dicts that keep the keys of roots."""
    attached = compared(simulations=8)
    assert {one.verdict for one in firsts(attached)} <= {Verdict.SLOT, Verdict.SIZE}


def test_contents_may_differ_by_a_tolerance() -> None:
    strict, lenient = compared(1), compared(1, atol=100.0)
    assert strict.shadow is not None
    assert lenient.shadow is not None
    assert strict.shadow.counts[Verdict.CONTENTS]
    assert lenient.shadow.counts[Verdict.CONTENTS] < strict.shadow.counts[Verdict.CONTENTS]


@pytest.mark.parametrize("kept", [False, True])
def test_contents_are_those_of_then(kept: bool) -> None:
    """The rings' windows are written into again and again."""
    window = Window(1, 2, 8, 16, 2)
    for half in window.halves:
        half.append(torch.ones(1, 2, 3, 8))
    published = cast(PublishedWindow, window)
    mine = as_window(published) if kept else published
    told = windows.contents(mine)
    for tokens in windows.tokens_of(mine):
        tokens.zero_()
    assert [one.shape for one in told] == [(1, 2, 3, 8)] * 4
    assert all(bool((one == 1).all()) for one in told)


def test_divergences_are_raised_logged_or_counted(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DivergenceError, match="recur"), caplog.at_level(logging.WARNING):
        compared(1, on_divergence=OnDivergence.RAISE)
    caplog.clear()
    model = model_of(simulations=1)
    with attach(model, "compare", on_divergence=COUNT):
        played(model, moves=1)
    assert not caplog.records
    logged = compared(1, on_divergence=OnDivergence.LOG)
    assert logged.shadow is not None
    assert [one.levelno for one in caplog.records] == [logging.WARNING] * len(logged.shadow.firsts)
    assert sum(logged.shadow.counts.values()) > len(logged.shadow.firsts)


def test_a_divergence_says_that_the_published_answer_is_another_keys() -> None:
    found = {one.verdict: one for one in firsts(compared(1))}
    for verdict in (Verdict.MISSING, Verdict.CONTENTS):
        assert found[verdict].last is False
        assert "(not what was stored last under it), candidate" in str(found[verdict])


def test_a_divergence_that_is_raised_leaves_the_published_caches_going() -> None:
    """What raised has happened; detached, the world model plays on."""
    model = model_of(simulations=1)
    with pytest.raises(DivergenceError), attach(model, "compare", on_divergence=OnDivergence.RAISE):
        played(model)
    assert played(model)


def test_sampling_bounds_how_many_histories_are_compared() -> None:
    every, few = compared(2), compared(2, every=3)
    assert every.shadow is not None
    assert few.shadow is not None
    assert 0 < few.shadow.compared < every.shadow.compared


def test_compare_tells_what_it_found() -> None:
    told = compared(1).summary()
    assert told.startswith("compare: ")
    assert "missing" in told
    assert "contents" in told


@pytest.mark.parametrize("ownership", [Ownership.SEALED, Ownership.COPY, Ownership.REFERENCE])
@pytest.mark.parametrize("rotary", [True, False])
def test_served_with_room_for_all_it_predicts_what_the_published_does(
    ownership: Ownership, rotary: bool
) -> None:
    """The same keys, and no key's window has been overwritten: bit for bit the same."""
    served = model_of(rotary)
    attached = attach(served, "serve", ownership=ownership, on_divergence=COUNT)
    told, _ = plainly(rotary, 8)
    assert alike(told, played(served))
    assert attached.shadow is not None
    assert attached.shadow.compared > 0
    assert not attached.shadow.counts[Verdict.CONTENTS]


def test_served_a_context_that_no_pool_has_is_made_anew() -> None:
    """Where the published lookup raises."""
    model = model_of(simulations=1)
    attached = attach(model, "serve", on_divergence=COUNT)
    played(model)
    assert attached.manager is not None
    assert "misses=0" not in str(attached.manager.recur_pool.stats), "else this shows nothing"
    attached.detach()
    with pytest.raises(TypeError, match="NoneType"):
        model.shared_pool_recur_infer[model.past_kv_cache_recurrent_infer.get("0")]  # type: ignore[index]  # it raises


def test_what_is_served_may_be_written_into() -> None:
    """The published code works in place; what kvref holds stays as it was set."""
    model = model_of()
    attached = attach(model, "serve", ownership=Ownership.REFERENCE, on_divergence=COUNT)
    played(model, moves=1)
    index = model.past_kv_cache_recurrent_infer
    key = next(iter(index))
    for _ in range(2):
        given = model.shared_pool_recur_infer[index.get(key)]  # type: ignore[index]  # it is there
        assert given is not None
        assert any(half._cache.any() for half in given.halves)
        for half in given.halves:
            half._cache.zero_()
    attached.detach()


@pytest.mark.parametrize("mode", ["compare", "serve"])
def test_caches_that_hold_something_are_not_compared(mode: str) -> None:
    model = model_of()
    played(model, moves=1)
    with pytest.raises(KVCacheValueError, match=r"hold \d+ contexts .* clear_caches"):
        attach(model, mode)
    attach(model, Mode.SHADOW).detach()
    model.clear_caches()
    attach(model, mode).detach()
