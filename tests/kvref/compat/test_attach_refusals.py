"""What `attach` and the search behind it refuse, and what they leave to the published model."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from torch import nn

from kvref import KVCacheTypeError, KVCacheValueError
from kvref.compat.lightzero import attach, detach
from tests.support.standin.attention import Config
from tests.support.standin.playing import Chooser, Known, Player, planted
from tests.support.standin.predicting import SEEN, Dynamics
from tests.support.standin.world_model import WorldModel


@pytest.mark.parametrize("value", [None, 3, "model", nn.Linear(2, 2), object(), WorldModel])
def test_something_that_is_no_world_model(value: object) -> None:
    with pytest.raises(KVCacheTypeError, match=r"LightZero 0\.2\.0"):
        attach(value)
    with pytest.raises(KVCacheTypeError):
        detach(value)


def test_what_lacks_a_seam_is_told_which() -> None:
    model = WorldModel(Config())
    del model.shared_pool_recur_infer
    with pytest.raises(KVCacheTypeError, match=r"WorldModel .* has no shared_pool_recur_infer"):
        attach(model)


def test_observations_of_several_tokens() -> None:
    with pytest.raises(KVCacheValueError, match="one token, not 16"):
        attach(WorldModel(Config(num_observations_tokens=16)))


@pytest.mark.parametrize("mode", ["on", "", None, 3, "SWITCH"])
def test_an_unknown_mode(mode: str) -> None:
    told = rf"off, shadow, compare, serve, switch, not {re.escape(repr(mode))}"
    with pytest.raises(KVCacheValueError, match=told):
        attach(WorldModel(Config()), mode)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("simulations", 0),
        ("simulations", 1.5),
        ("every", 0),
        ("atol", -1.0),
        ("on_divergence", "stop"),
        ("ownership", "mine"),
    ],
)
@pytest.mark.parametrize("mode", ["off", "compare", "switch"])
def test_a_wrong_option_is_refused_in_every_mode(name: str, value: object, mode: str) -> None:
    model = WorldModel(Config())
    with pytest.raises((KVCacheTypeError, KVCacheValueError), match=name):
        attach(model, mode, **{name: value})  # type: ignore[arg-type]  # it is wrong
    attach(model, mode).detach()


@pytest.mark.parametrize("name", ["rtol", "atol"])
def test_a_tolerance_that_is_no_number_is_told_by_its_name(name: str) -> None:
    with pytest.raises(KVCacheTypeError, match=f"^{name} must be a number, not 'much'"):
        attach(WorldModel(Config()), **{name: "much"})  # type: ignore[arg-type]  # it is wrong


def test_a_context_too_short_to_be_kept() -> None:
    with pytest.raises(KVCacheValueError, match="context_length is 2"):
        attach(WorldModel(Config(context_length=2)), "switch")


@pytest.mark.parametrize(
    "name", ["wm_forward_for_initial_infererence", "forward_recurrent_inference", "clear_caches"]
)
def test_a_method_that_somebody_else_has_replaced(name: str) -> None:
    """Detached, it would be lost; what was replaced before it is put back."""
    model, mine = WorldModel(Config()), object()
    setattr(model, name, mine)
    before = dict(vars(model))
    with pytest.raises(KVCacheValueError, match=rf"WorldModel\.{name} has been replaced already"):
        attach(model)
    assert vars(model) == before
    assert getattr(model, name) is mine


class Told:
    """A tree that expands what it is told to."""

    def __init__(self, places: Sequence[int]) -> None:
        self.places = places

    def batch_traverse(self, *args: Sequence[Sequence[Known]]) -> Sequence[Sequence[int]]:
        return self.places, [0] * len(self.places), [0] * len(self.places), [-1]


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told([0, 0, 0])
    with planted(made):
        yield made


def rooted(model: WorldModel) -> tuple[Player, list[list[Known]]]:
    player = Player(model, {}, seed=1)
    roots = player.rooted(torch.randn(3, SEEN, generator=torch.Generator().manual_seed(0)))
    return player, [[root] for root in roots]


def test_a_tree_that_expands_nodes_which_the_search_has_not(told: Told) -> None:
    model = WorldModel(Config())
    with attach(model):
        player, nodes = rooted(model)
        for row in nodes:
            row.append(row[0])
        told.places = [0, 0, 1]
        with pytest.raises(KVCacheValueError, match=r"that this search has not: \(0, 0, 1\)"):
            player.simulate(nodes)
        told.places = [0, 0, 0]
        player.simulate(nodes)


def test_a_tree_that_expands_another_node_than_the_latent_states(told: Told) -> None:
    model = WorldModel(Config())
    with attach(model):
        player, nodes = rooted(model)
        player.simulate(nodes)
        told.places = [1, 0, 0]
        nodes[0][1] = nodes[0][0]
        with pytest.raises(KVCacheValueError, match="latent state is another"):
            player.simulate(nodes)


def test_equal_latent_states_and_no_tree_that_tells() -> None:
    model = WorldModel(Config(), Dynamics.ZERO)
    with attach(model):
        player, nodes = rooted(model)
        tree = Told([0, 0, 0])
        player.tree = tree
        player.simulate(nodes)
        player.simulate(nodes)
        tree.places = [0, 2, 0]
        with pytest.raises(KVCacheValueError, match=r"row 1 expands one of 2 nodes .* no tree"):
            player.simulate(nodes)


@pytest.mark.usefixtures("told")
def test_fewer_rows_simulated_than_rooted() -> None:
    model = WorldModel(Config())
    with attach(model):
        player, nodes = rooted(model)
        player.tree = Told([0, 0])
        with pytest.raises(KVCacheValueError, match="2 rows are simulated, of 3 roots"):
            player.simulate(nodes[:2])


@pytest.mark.usefixtures("told")
def test_depths_that_are_not_told() -> None:
    model = WorldModel(Config())
    with attach(model):
        _, nodes = rooted(model)
        states = torch.stack([row[0].latent for row in nodes]).unsqueeze(1).numpy()
        with pytest.raises(KVCacheValueError, match="search_depth tells of 0 rows, not 3"):
            model.forward_recurrent_inference([(states, torch.zeros(3))], 0, (), [0, 0, 0])


def both(rotary: bool) -> tuple[WorldModel, WorldModel]:
    """One of two alike is attached to."""
    plain, attached = (WorldModel(Config(rotary_emb=rotary)) for _ in range(2))
    attach(attached)
    return plain, attached


def unrolled(model: WorldModel, recordings: int = 4, length: int = 3) -> tuple[torch.Tensor, ...]:
    """Recordings of so many steps, as training and reanalysis have them: no current one."""
    generator = torch.Generator().manual_seed(0)
    seen = torch.randn(recordings * (length + 1), SEEN, generator=generator)
    steps = np.arange(recordings * length).reshape(recordings, length)
    batch = {"obs": seen, "action": steps % 3, "current_obs": None}
    return model.forward_initial_inference(batch, steps)


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (1, 2)])
@pytest.mark.usefixtures("told")
def test_training_is_the_published_models(rotary: bool, shape: tuple[int, int]) -> None:
    """Also where there are no more observations than environments."""
    plain, attached = both(rotary)
    rooted(attached)
    for one, other in zip(unrolled(plain, *shape), unrolled(attached, *shape), strict=True):
        assert torch.equal(one, other)
    player, nodes = rooted(attached)
    player.simulate(nodes)
    assert len(nodes[0]) == 2


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.usefixtures("told")
def test_reanalysis_is_the_published_models(rotary: bool) -> None:
    """Between a root and its simulations, too; the search goes on afterwards."""
    models, made = both(rotary), []
    player, nodes = rooted(models[1])
    for model in models:
        model.reanalyze_phase = True
        unrolled(model)
        states = model.latent_state.detach().numpy()[:, :1]
        depths, steps = [1] * 16, np.arange(12).reshape(4, 3)
        model.keys_values_wm = model.empty(16)
        model.shared_pool_wm = [None] * 16
        actions = torch.arange(16) % 3
        made.append(model.forward_recurrent_inference([(states, actions)], 0, depths, steps))
        model.reanalyze_phase = False
    for one, other in zip(*made, strict=True):
        assert torch.equal(one, other)
    player.simulate(nodes)


@pytest.mark.usefixtures("told")
def test_a_search_without_roots_is_the_published_models() -> None:
    model = WorldModel(Config())
    player, nodes = rooted(model)
    with attach(model) as attached:
        player.simulate(nodes)
        assert attached.manager is not None
        assert not len(attached.manager.recur_pool)


def test_more_rows_than_environments_are_the_published_models() -> None:
    """It then makes nothing of them; kvref has no pools for them."""
    model = WorldModel(Config())
    seen = torch.randn(4, SEEN)
    with attach(model) as attached, planted(Chooser(0, 3)):
        batch = {"obs": seen, "action": [-1] * 4, "current_obs": seen}
        with pytest.raises(IndexError, match=r"^list index out of range$") as caught:
            model.forward_initial_inference(batch, [0] * 4)
        assert caught.type is IndexError, "its own, not kvref's"
        assert attached.manager is not None
        assert not any(map(len, attached.manager.init_pools))
