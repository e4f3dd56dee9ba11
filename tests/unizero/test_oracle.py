"""The oracle accepts what is right, rejects what is wrong, and disturbs neither."""

from collections.abc import Callable

import pytest
import torch

from tests.support.unizero.driving import Heads, Real, Run, build, wrapped
from tests.support.unizero.marks import NEEDED
from tests.support.unizero.oracle import Counts, judging
from tests.support.unizero.published import Outputs

pytestmark = NEEDED

ALONE = Run(environments=1, simulations=10, steps=12)
FOUR = Run(environments=4, simulations=10, steps=12)


def judged(run: Run) -> Counts:
    real = build(run)
    with judging(real.world_model) as counts:
        real.collect()
    assert counts.recurrent == run.simulations * counts.roots > 0
    return counts


def test_one_environment_is_right_as_published() -> None:
    """No row is padded, and no latent of random heads is another's."""
    counts = judged(ALONE)
    assert counts.recurrent_wrong == counts.roots_wrong == counts.hidden_wrong == 0
    assert counts.error < 1e-6


def test_rows_of_unequal_length_are_wrong_as_published() -> None:
    """They attend to their padding."""
    counts = judged(FOUR)
    assert 0 < counts.recurrent_wrong < counts.recurrent / 4
    assert counts.roots_wrong == 0


def test_equal_latents_are_wrong_as_published() -> None:
    """A dynamics head of zeros gives all nodes one latent, so that all share one entry."""
    counts = judged(Run(environments=2, simulations=10, steps=12, heads=Heads.ZERO))
    assert counts.recurrent_wrong > counts.recurrent / 2


def test_a_fresh_network_is_wrong_where_only_its_hidden_state_can_tell() -> None:
    counts = judged(Run(environments=2, simulations=10, steps=12, heads=Heads.FRESH))
    assert counts.recurrent_wrong == 0
    assert counts.hidden_wrong > counts.recurrent / 2


def test_learned_positions_are_right_until_tokens_are_dropped() -> None:
    """Three steps and three simulations fit a window of 19 tokens."""
    long = Run(environments=1, simulations=3, steps=3, rotary=False, context=20)
    counts = judged(long)
    assert counts.recurrent_wrong == counts.roots_wrong == counts.hidden_wrong == 0


def test_learned_positions_are_wrong_once_tokens_are_dropped() -> None:
    """Differences of positions correct K and V of the first layer at best."""
    counts = judged(Run(environments=1, simulations=10, steps=12, rotary=False))
    assert counts.recurrent_wrong > 0
    assert counts.roots_wrong > 0


def test_a_small_pool_is_wrong_as_published() -> None:
    """Keys outlive their slots, which hold other nodes by then."""
    counts = judged(Run(environments=1, simulations=15, steps=12, pool=4))
    assert counts.recurrent_wrong > 0
    assert counts.roots_wrong == 0


def test_an_episode_may_end_while_others_go_on() -> None:
    """Then the policy starts every root anew."""
    counts = judged(Run(environments=2, episodes=4, simulations=3, steps=12))
    assert counts.roots_wrong == 0


def test_contexts_of_other_weights_are_wrong() -> None:
    """The weights change at the fourth step of an episode that goes on."""
    real = build(Run(environments=1, simulations=3, steps=6))
    roots = 0

    def learning(inference: Callable[..., Outputs]) -> Callable[..., Outputs]:
        @torch.no_grad()
        def learned(*given: object) -> Outputs:
            nonlocal roots
            roots += 1
            if roots == 4:
                for weights in real.world_model.transformer.blocks.parameters():
                    weights.mul_(1.2)
            return inference(*given)

        return learned

    model = real.world_model
    with wrapped(model, "forward_initial_inference", learning), judging(model) as counts:
        real.collect()
    assert counts.roots_wrong == counts.roots - 3 > 0


@pytest.fixture(scope="module")
def tiny() -> Real:
    return build(Run(environments=1, simulations=2, steps=3))


def shifted(place: int) -> Callable[[Callable[..., Outputs]], Callable[..., Outputs]]:
    """One output is a thousandth off."""

    def shift(inference: Callable[..., Outputs]) -> Callable[..., Outputs]:
        def off(*given: object) -> Outputs:
            hidden, latent, reward, policy, value = inference(*given)
            outputs = [hidden, latent, reward, policy, value]
            outputs[place] = outputs[place] + 1e-3
            hidden, latent, reward, policy, value = outputs
            return hidden, latent, reward, policy, value

        return off

    return shift


HIDDEN, LATENT, REWARD, POLICY, VALUE = range(5)


@pytest.mark.parametrize("place", [LATENT, REWARD, POLICY, VALUE])
def test_each_recurrent_output_is_judged(tiny: Real, place: int) -> None:
    model = tiny.world_model
    with wrapped(model, "forward_recurrent_inference", shifted(place)), judging(model) as counts:
        tiny.collect()
    assert counts.recurrent_wrong == counts.recurrent > 0
    assert counts.roots_wrong == counts.hidden_wrong == 0


@pytest.mark.parametrize("place", [POLICY, VALUE])
def test_each_output_of_a_root_is_judged(tiny: Real, place: int) -> None:
    model = tiny.world_model
    with wrapped(model, "forward_initial_inference", shifted(place)), judging(model) as counts:
        tiny.collect()
    assert counts.roots_wrong == counts.roots > 0
    assert counts.recurrent_wrong == counts.hidden_wrong == 0


@pytest.mark.parametrize("name", ["forward_initial_inference", "forward_recurrent_inference"])
def test_hidden_states_are_judged_apart(tiny: Real, name: str) -> None:
    model = tiny.world_model
    with wrapped(model, name, shifted(HIDDEN)), judging(model) as counts:
        tiny.collect()
    assert counts.roots_wrong == counts.recurrent_wrong == 0
    assert counts.hidden_wrong == (counts.roots if "initial" in name else counts.recurrent) > 0


@pytest.mark.parametrize("rotary", [True, False])
def test_what_is_remembered_of_a_node_is_its_replay(rotary: bool) -> None:
    counts = judged(Run(environments=1, simulations=15, steps=12, rotary=rotary))
    assert counts.replayed > 0
    assert counts.replay_error == 0


def test_judging_changes_nothing_and_leaves_nothing(tiny: Real) -> None:
    from lzero.mcts.tree_search import mcts_ctree

    tree, own = mcts_ctree.tree_muzero, dict(vars(tiny.world_model))
    alone = build(FOUR).collect()
    judged_one = build(FOUR)
    with judging(judged_one.world_model):
        beside = judged_one.collect()
    assert beside == alone
    with judging(tiny.world_model):
        pass
    assert mcts_ctree.tree_muzero is tree
    assert vars(tiny.world_model) == own
