"""SWITCH: every prediction of a world model of the published design is the oracle's."""

import gc
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from kvref import Ownership
from kvref.compat.lightzero import Attachment, attach
from kvref.compat.lightzero.published import as_world_model
from kvref.compat.lightzero.weights import Weights
from kvref.tensors import Node, Source, Step
from tests.support.standin.attention import Config
from tests.support.standin.oracle import errors
from tests.support.standin.playing import Chooser, Known, Player, planted
from tests.support.standin.predicting import Dynamics
from tests.support.standin.world_model import WorldModel

RIGHT = 1e-5
Change = Callable[[WorldModel], None]

pytestmark = pytest.mark.usefixtures("tree")


class Case(NamedTuple):
    rotary: bool
    dynamics: Dynamics
    grouped: bool = False
    simulations: int | None = None
    continuous: bool = False
    ownership: Ownership = Ownership.SEALED
    jitter: float = 0.0


CASES = (
    Case(True, Dynamics.RANDOM),
    Case(True, Dynamics.FRESH, grouped=True, simulations=1),
    Case(True, Dynamics.ZERO, simulations=1),
    Case(True, Dynamics.ZERO, grouped=True, continuous=True, ownership=Ownership.COPY),
    Case(True, Dynamics.RANDOM, simulations=1, jitter=1e-6, ownership=Ownership.REFERENCE),
    Case(False, Dynamics.RANDOM, grouped=True, simulations=1, jitter=1e-6),
    Case(False, Dynamics.FRESH, simulations=1, continuous=True),
    Case(False, Dynamics.COARSE),
    Case(False, Dynamics.ZERO, grouped=True, ownership=Ownership.COPY),
)


def model_of(case: Case, seed: int = 0) -> WorldModel:
    config = Config(rotary_emb=case.rotary, continuous_action_space=case.continuous)
    made = WorldModel(config, case.dynamics, seed)
    made.tokenizer.jitter = case.jitter
    return made


def attached_to(model: WorldModel, case: Case) -> Attachment:
    return attach(
        model,
        "switch",
        grouped=case.grouped,
        simulations=case.simulations,
        ownership=case.ownership,
    )


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, Source]]:
    """Of each context of a step: whether the step was recurrent, and where it came from."""
    told, leave = list[tuple[bool, Source]](), Step.__exit__

    def watched(step: Step, *args: object) -> None:
        told.extend((step._recurrent, source) for source in step.sources)
        leave(step, *args)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(Step, "__exit__", watched)
    return told


@pytest.mark.parametrize("case", CASES)
def test_every_prediction_is_the_oracles(case: Case, sources: list[tuple[bool, Source]]) -> None:
    """Episodes that end, an evaluator in between, subsets of rows; windows overflow."""
    model, last = model_of(case), dict[int, Known]()
    attached_to(model, case)
    collector, evaluator = Player(model, last, seed=1), Player(model, last, seed=2)
    for _ in range(3):
        collector.move(4)
    for _ in range(2):
        evaluator.move(1)
    collector.move(2)
    collector.begin()
    for rows in (None, 2, 2, None):
        collector.move(2, rows)
    told = [*collector.told(), *evaluator.told()]
    assert len(told) == 3 * (3 * 5 + 2 * 2 + 3 + 2 * 3) + 2 * 2 * 3
    assert max(errors(model, told)) < RIGHT
    assert (False, Source.INIT) in sources, "roots go on from roots"
    assert ((True, Source.REBUILT) in sources) == (case.simulations == 1)
    assert {(True, Source.INIT), (True, Source.RECUR)} <= set(sources)


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("dynamics", [Dynamics.RANDOM, Dynamics.ZERO])
def test_oracle_rejects_the_published_caches(rotary: bool, dynamics: Dynamics) -> None:
    """Contexts of unequal length, equal latents, positions corrected as far as they can be."""
    model = model_of(Case(rotary, dynamics))
    player = Player(model, {}, seed=1)
    for _ in range(4):
        player.move(6)
    assert max(errors(model, player.told())) > 100 * RIGHT


def parts(model: WorldModel) -> list[nn.Parameter]:
    """The transformer's, so that observations are encoded as before."""
    return list(model.transformer.parameters())


def in_place(model: WorldModel) -> None:
    with torch.no_grad():
        for one in parts(model):
            one.mul_(0.8)


def loaded(model: WorldModel) -> None:
    other = WorldModel(model.config, seed=7)
    model.transformer.load_state_dict(other.transformer.state_dict())


def assigned(model: WorldModel) -> None:
    """Twice: the first weights' memory may be that of the last."""
    for seed in (7, 8):
        other = WorldModel(model.config, seed=seed)
        model.transformer.load_state_dict(other.transformer.state_dict(), assign=True)


def averaged(model: WorldModel) -> None:
    """As target networks follow, twice likewise."""
    for _ in range(2):
        for one in parts(model):
            one.data = one.data * 0.9


def trained(model: WorldModel) -> None:
    step(model, torch.optim.AdamW(parts(model), lr=0.1))


def trained_by_a_fused_step(model: WorldModel) -> None:
    step(model, torch.optim.AdamW(parts(model), lr=0.1, fused=True))


def step(model: WorldModel, optimizer: torch.optim.Optimizer) -> None:
    for one in parts(model):
        one.grad = torch.ones_like(one)
    optimizer.step()


CHANGES = (in_place, loaded, assigned, averaged, trained, trained_by_a_fused_step)


def played_on(model: WorldModel, change: Change) -> float:
    """The largest error after the weights have changed in mid-episode."""
    last = dict[int, Known]()
    player = Player(model, last, seed=3)
    for _ in range(2):
        player.move(2)
    change(model)
    last.clear()
    player.told()
    for _ in range(2):
        player.move(2)
    return max(errors(model, player.told()))


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_stale_is_used_when_weights_have_changed(change: Change) -> None:
    model = model_of(Case(True, Dynamics.RANDOM))
    attach(model)
    assert played_on(model, change) < RIGHT


def test_weights_have_changed_though_they_lie_where_others_did() -> None:
    """Replaced twice, one alone: its memory is free, and fits, if nobody holds it."""
    model = model_of(Case(True, Dynamics.RANDOM))
    weights = Weights(as_world_model(model))
    for one in model.parameters():
        for _ in range(2):
            one.data = one.data * 0.9
        assert weights.changed()
        weights.look()
        assert not weights.changed()


def test_oracle_rejects_contexts_of_other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(Case(True, Dynamics.RANDOM))
    monkeypatch.setattr(Weights, "changed", lambda _: False)
    attach(model)
    assert played_on(model, in_place) > 100 * RIGHT


def test_what_is_written_past_torch_needs_clear_caches() -> None:
    """`.data` leaves no mark; UniZero's policy clears the caches then."""

    def unmarked(model: WorldModel) -> None:
        for one in parts(model):
            one.data.mul_(0.8)

    def cleared(model: WorldModel) -> None:
        unmarked(model)
        model.clear_caches()

    made = [model_of(Case(False, Dynamics.RANDOM)) for _ in range(2)]
    for model in made:
        attach(model)
    assert played_on(made[0], cleared) < RIGHT
    assert played_on(made[1], unmarked) > RIGHT


def test_cleared_caches_let_every_history_end() -> None:
    model, last = model_of(Case(True, Dynamics.RANDOM)), dict[int, Known]()
    attached = attach(model)
    player = Player(model, last, seed=3)
    player.move(2)
    assert attached.manager is not None
    model.clear_caches()
    assert not any(map(len, attached.manager.pools))
    assert not model.past_kv_cache_recurrent_infer
    last.clear()
    player.move(2)
    assert max(errors(model, player.told())) < RIGHT


def test_cleared_caches_are_the_published_ones_too() -> None:
    """What they held before: detached, the model goes on with them."""
    model = model_of(Case(True, Dynamics.RANDOM))
    Player(model, {}, seed=3).move(2)
    published = (*model.past_kv_cache_init_infer_envs, model.past_kv_cache_recurrent_infer)
    assert all(map(len, published))
    with attach(model):
        model.clear_caches()
        assert not any(map(len, published))


def test_without_a_tree_that_tells_latents_do_while_they_differ() -> None:
    model = model_of(Case(True, Dynamics.RANDOM))
    attach(model)
    player = Player(model, {}, seed=3, tree=Chooser(0, 3))
    for _ in range(3):
        player.move(4)
    assert max(errors(model, player.told())) < RIGHT


def test_the_sampled_search_is_told_by_a_tree_of_its_own() -> None:
    module, tree = "lzero.mcts.tree_search.mcts_ctree_sampled", Chooser(0, 3)
    model = model_of(Case(True, Dynamics.ZERO, continuous=True))
    with planted(tree, "tree_sampled_muzero", module) as made, attach(model):
        player = Player(model, {}, seed=3, tree=made.tree_sampled_muzero)
        for _ in range(2):
            player.move(3)
    assert max(errors(model, player.told())) < RIGHT


@pytest.mark.parametrize("form", ["int", "ints", "numbers", "array", "arrays of one"])
def test_steps_may_be_told_in_every_form(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    forms: dict[str, Callable[[int, int], object]] = {
        "int": lambda step, rows: step,
        "ints": lambda step, rows: [step] * rows,
        "numbers": lambda step, rows: [np.int64(step)] * rows,
        "array": lambda step, rows: np.full(rows, step),
        "arrays of one": lambda step, rows: [np.array([step])] * rows,
    }
    made = forms[form]
    monkeypatch.setattr(Player, "steps", lambda self, rows: made(self.step, rows))
    model = model_of(Case(True, Dynamics.RANDOM))
    attach(model)
    player = Player(model, {}, seed=3)
    for _ in range(2):
        player.move(2)
    assert max(errors(model, player.told())) < RIGHT


@pytest.mark.parametrize("rotary", [True, False])
def test_long_episodes_are_right_and_keep_what_they_need(rotary: bool) -> None:
    """Contexts made anew depend on so many steps only; what is kept of an episode does not grow."""
    model = model_of(Case(rotary, Dynamics.RANDOM))
    attach(model, simulations=1)
    player, alive = Player(model, {}, seed=3), list[int]()
    for moves in (11, 3):
        for _ in range(moves):
            player.move(3)
        gc.collect()  # what other tests have left
        alive.append(sum(isinstance(one, Node) for one in gc.get_objects()))
    assert alive[0] == alive[1]
    assert max(errors(model, player.told())) < RIGHT


@pytest.mark.parametrize("told", [[-1, -1, -1], [0], 0])
def test_where_no_steps_are_told_histories_go_on(
    told: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of environments that have none, whose positions are learned ones."""
    monkeypatch.setattr(Player, "steps", lambda self, rows: told)
    model = model_of(Case(False, Dynamics.RANDOM))
    attach(model)
    player = Player(model, {}, seed=3)
    for _ in range(5):
        player.move(2)
    player.begin()
    for _ in range(2):
        player.move(2)
    assert max(errors(model, player.told())) < RIGHT


def test_attached_in_mid_episode_histories_begin_with_the_observation_before() -> None:
    """What the published caches hold may be anybody's."""
    model, last = model_of(Case(True, Dynamics.RANDOM)), dict[int, Known]()
    player = Player(model, last, seed=1)
    player.move(2)
    with attach(model):
        player.told()
        last.clear()
        for _ in range(2):
            player.move(2)
        assert max(errors(model, player.told())) < RIGHT


def test_rows_of_which_nothing_is_told_begin_anew() -> None:
    """The policy keeps one batch for all roles: after two rows of an evaluator, two actions."""
    model, last = model_of(Case(True, Dynamics.RANDOM)), dict[int, Known]()
    attach(model)
    player = Player(model, last, seed=1)
    player.move(2)
    player.actions, player.observed = player.actions[:2], player.observed[:2]
    for _ in range(2):
        player.move(2)
    assert max(errors(model, player.told())) < RIGHT


def test_a_new_root_in_the_same_step_is_found_by_nobody_else() -> None:
    """Another role's root of the same row and step, whose observation is another."""
    model, last = model_of(Case(True, Dynamics.RANDOM)), dict[int, Known]()
    attach(model)
    collector, evaluator = (Player(model, last, seed=seed) for seed in (1, 2))
    for _ in range(3):
        collector.move(1)
        evaluator.move(1)
    assert max(errors(model, [*collector.told(), *evaluator.told()])) < RIGHT
