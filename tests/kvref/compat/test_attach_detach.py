"""What `attach` replaces is put back, whatever happened; copies have nothing of it."""

import copy
import gc
import sys
import weakref
from collections import defaultdict
from collections.abc import Callable
from io import BytesIO
from typing import cast

import pytest
import torch
from torch.optim import optimizer

from kvref import KVCacheValueError
from kvref.compat.lightzero import attach, attaching, detach, published, shadowing
from kvref.compat.lightzero.tree import Tree
from kvref.shadow import Mode, Shadow
from kvref.tensors import Missing, Rebuilt, SearchSession
from tests.support.standin.attention import Attention, Config
from tests.support.standin.oracle import errors
from tests.support.standin.playing import TREES, Chooser, Player
from tests.support.standin.predicting import Dynamics
from tests.support.standin.transformer import Block
from tests.support.standin.world_model import WorldModel

SCRATCH = {"latent_state", "keys_values_wm_size_list_current", "training"}
"""What a forward pass of the published model leaves, too."""
COUNTED = {"hit_count", "total_query_count", "root_hit_cnt", "root_total_query_cnt"}


def model_of(rotary: bool = True, seed: int = 0) -> WorldModel:
    return WorldModel(Config(rotary_emb=rotary), Dynamics.RANDOM, seed)


def played(model: WorldModel, seed: int = 1, moves: int = 2) -> Player:
    player = Player(model, {}, seed)
    for _ in range(moves):
        player.move(2)
    return player


def attentions(model: WorldModel) -> list[Attention]:
    return [cast(Block, one).attn for one in model.transformer.blocks]


def attributes(model: WorldModel) -> dict[str, object]:
    """Every attribute by identity, of the model and of what is replaced below it."""
    told = {name: one for name, one in vars(model).items() if name not in SCRATCH | COUNTED}
    for number, attention in enumerate(attentions(model)):
        told |= {f"attention {number} {name}": one for name, one in vars(attention).items()}
    return told


def same(before: dict[str, object], after: dict[str, object]) -> bool:
    return before.keys() == after.keys() and all(before[name] is after[name] for name in before)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("rotary", [True, False])
def test_detach_puts_back_every_attribute(mode: Mode, rotary: bool, tree: Chooser) -> None:
    model = model_of(rotary)
    before = attributes(model)
    attached = attach(model, mode)
    assert same(before, attributes(model)) is (mode is Mode.OFF)
    played(model)
    attached.detach()
    assert attributes(model).keys() == before.keys()
    changing = {"keys_values_wm", "keys_values_wm_single_env", "keys_values_wm_list"}
    changing |= {"keys_values_wm_size_list", "shared_pool_index", "shared_pool_index_wm"}
    unlike = {name for name, one in attributes(model).items() if before[name] is not one}
    assert unlike <= (set() if mode is Mode.SWITCH else changing)
    assert sys.modules[TREES].tree_muzero is tree


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("mode", ["shadow", "compare", "serve"])
def test_the_published_caches_have_their_contents(mode: str) -> None:
    model = model_of()
    dicts, rings = model.past_kv_cache_recurrent_infer, model.shared_pool_recur_infer
    inits = list(
        zip(model.past_kv_cache_init_infer_envs, model.shared_pool_init_infer, strict=True)
    )
    with attach(model, mode) as attached:
        played(model)
        told = dict(model.past_kv_cache_recurrent_infer)
        assert attached.shadow is not None
    assert model.past_kv_cache_recurrent_infer is dicts
    assert model.shared_pool_recur_infer is rings
    assert type(dicts) is defaultdict
    assert dicts == told
    assert len(told) == 6
    assert all(rings[place] is not None for place in dicts.values())
    for mine, ring in inits:
        assert len(mine) == 2
        assert None not in ring
    played(model)


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("mode", ["shadow", "switch"])
def test_a_world_model_is_attached_to_once(mode: str) -> None:
    model = model_of()
    first = attach(model, mode)
    with pytest.raises(KVCacheValueError, match=rf"Attachment\({mode.upper()} .* detach it first"):
        attach(model, "compare")
    detach(model)
    attach(model, "switch").detach()
    first.detach()
    detach(model)


class RefusedError(Exception):
    """Something fails half way."""


def after(calls: int, own: Callable[..., object]) -> Callable[..., object]:
    """Fails after so many calls."""
    left = [calls]

    def call(*args: object, **named: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise RefusedError
        return own(*args, **named)

    return call


FAILING = (
    ("switch", attaching, "mend", 0),
    ("switch", attaching, "Search", 0),
    ("switch", Tree, "watch", 0),
    *[("switch", published.Replacements, "method", calls) for calls in range(5)],
    ("compare", Shadow, "__init__", 0),
    ("compare", attaching, "put_in_place", 0),
    *[("serve", published.Replacements, "value", calls) for calls in range(4)],
)


@pytest.mark.parametrize(("mode", "where", "name", "calls"), FAILING)
def test_attach_that_fails_leaves_all_as_it_was(
    mode: str,
    where: object,
    name: str,
    calls: int,
    monkeypatch: pytest.MonkeyPatch,
    tree: Chooser,
) -> None:
    model = model_of()
    before, watchers = attributes(model), list(Tree.watchers)
    with monkeypatch.context() as patched:
        patched.setattr(where, name, after(calls, getattr(where, name)))
        with pytest.raises(RefusedError):
            attach(model, mode)
    assert same(before, attributes(model))
    assert sys.modules[TREES].tree_muzero is tree
    assert list(Tree.watchers) == watchers
    attach(model, mode).detach()
    assert sys.modules[TREES].tree_muzero is tree


def deep(model: WorldModel) -> WorldModel:
    return copy.deepcopy(model)


def saved(model: WorldModel) -> WorldModel:
    stored = BytesIO()
    torch.save(model, stored)
    stored.seek(0)
    loaded = torch.load(stored, weights_only=False)
    assert isinstance(loaded, WorldModel)
    return loaded


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("mode", ["shadow", "compare", "serve", "switch"])
@pytest.mark.parametrize("copied", [deep, saved])
def test_a_copy_is_published(mode: str, copied: Callable[[WorldModel], WorldModel]) -> None:
    """Its own methods, on itself; plain dicts and lists; and it may be attached to."""
    model = model_of()
    with attach(model, mode) as attached:
        played(model)
        made = copied(model)
        queries = model.total_query_count
        for name in ("wm_forward_for_initial_infererence", "forward_recurrent_inference"):
            assert getattr(made, name).__self__ is made
            assert getattr(made, name).__func__ is getattr(WorldModel, name)
        for one in (*attentions(made), *made.past_kv_cache_init_infer_envs):
            assert not isinstance(
                vars(one).get("forward") if isinstance(one, Attention) else one,
                (published.Replaced, shadowing.Index),
            )
        assert type(made.past_kv_cache_recurrent_infer) is not shadowing.Index
        assert type(made.shared_pool_recur_infer) is list
        told = attached.summary()
        made.clear_caches()
        played(made)
        assert attached.summary() == told
        assert model.total_query_count == queries
        made.clear_caches()
        with attach(made, mode):
            played(made, seed=2)
    if mode == "switch":
        with attach(made, "switch"):
            player = played(made, seed=3)
        assert max(errors(made, player.told())) < 1e-5


@pytest.mark.parametrize("modes", [("switch", "switch"), ("switch", "shadow")])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_world_models_at_once(
    modes: tuple[str, str], order: tuple[int, int], tree: Chooser
) -> None:
    models = [model_of(seed=seed) for seed in range(2)]
    before = [attributes(one) for one in models]
    attached = [attach(one, mode) for one, mode in zip(models, modes, strict=True)]
    players = [Player(one, {}, seed=1) for one in models]
    for _ in range(2):
        for player in players:
            player.move(2)
    first, second = order
    attached[first].detach()
    assert same(before[first], attributes(models[first])) or modes[first] == "shadow"
    players[second].move(3)
    attached[second].detach()
    assert sys.modules[TREES].tree_muzero is tree
    for number, mode in enumerate(modes):
        if mode == "switch":
            assert max(errors(models[number], players[number].told())) < 1e-5


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_tree_tells_as_long_as_anybody_asks(order: tuple[int, int], tree: Chooser) -> None:
    """All latent states are equal: nothing else tells which node is expanded."""
    models = [WorldModel(Config(), Dynamics.ZERO, seed) for seed in range(2)]
    attached = [attach(one) for one in models]
    players = [Player(one, {}, seed=1) for one in models]
    for player in players:
        player.move(3)
    first, second = order
    attached[first].detach()
    players[second].move(4)
    assert max(errors(models[second], players[second].told())) < 1e-5
    attached[second].detach()
    assert sys.modules[TREES].tree_muzero is tree


def test_a_block_that_raises_detaches(tree: Chooser) -> None:
    model = model_of()
    before = attributes(model)
    with pytest.raises(RefusedError), attach(model):
        raise RefusedError(played(model))
    assert same(before, attributes(model))
    assert sys.modules[TREES].tree_muzero is tree


@pytest.mark.parametrize("mode", Mode)
def test_a_world_model_that_is_forgotten_leaves_nothing_behind(mode: Mode, tree: Chooser) -> None:
    """Without `detach`."""
    gc.collect()
    hooks = len(optimizer._global_optimizer_post_hooks)
    model = model_of()
    attach(model, mode)
    played(model)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    assert sys.modules[TREES].tree_muzero is tree
    assert len(optimizer._global_optimizer_post_hooks) == hooks


@pytest.mark.usefixtures("tree")
def test_detached_it_goes_on_by_itself() -> None:
    """An episode that began under SWITCH goes on with the published caches."""
    model = model_of()
    attached = attach(model)
    player = played(model)
    attached.detach()
    assert attached.session is not None
    queries = model.total_query_count
    player.move(2)
    assert model.total_query_count == queries + 6
    assert len(model.past_kv_cache_recurrent_infer) == 6


def nothing(missing: Missing) -> Rebuilt:
    raise AssertionError(missing)


@pytest.mark.usefixtures("tree")
def test_detached_its_manager_serves_another_session_and_holds_nothing() -> None:
    model, hooks = model_of(), len(optimizer._global_optimizer_post_hooks)
    attached = attach(model)
    played(model)
    manager, session = attached.manager, attached.session
    assert manager is not None
    assert session is not None
    assert any(map(len, manager.init_pools))
    assert len(manager.recur_pool)
    attached.detach()
    assert not any(map(len, manager.pools))
    assert len(optimizer._global_optimizer_post_hooks) == hooks
    other = SearchSession(manager, nothing, context_length=model.context_length)
    other.begin([0], torch.zeros(1, 3))
    other.close()


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("mode", Mode)
def test_what_holds_a_world_model_may_be_given(mode: Mode) -> None:
    class Policy:
        world_model = model_of()

    attached = attach(Policy(), mode)
    assert mode.value in attached.summary()
    assert mode.name in repr(attached)
    detach(Policy.world_model)


@pytest.mark.usefixtures("tree")
def test_a_policy_may_be_given() -> None:
    class Holder:
        world_model = model_of()

    class Policy:
        _collect_model = Holder()

    attached = attach(Policy())
    played(Holder.world_model)
    assert attached.manager is not None
    assert attached.manager.lookup_stats is not None
    assert attached.manager.lookup_stats.total == 2 * 2 * 3
    detach(Policy())
    assert not hasattr(Holder.world_model, "kvref_attachment")


@pytest.mark.usefixtures("tree")
def test_what_was_looked_up_is_told_for_people() -> None:
    model = model_of()
    with attach(model, simulations=1) as attached:
        Player(model, {}, seed=1).move(8)
    assert attached.manager is not None
    seen = attached.manager.lookup_stats
    assert seen is not None
    assert min(seen.init_hits, seen.recur_hits, seen.misses) > 0
    assert len({seen.init_hits, seen.recur_hits, seen.misses}) == 3, "else they may be exchanged"
    assert attached.summary() == (
        f"switch: 24 lookups in simulations: {seen.init_hits} hits in init, "
        f"{seen.recur_hits} in recur, {seen.misses} rebuilt"
    )
