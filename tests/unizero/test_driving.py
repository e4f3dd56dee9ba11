"""A run is what it is asked to be, and the same each time."""

import contextlib
import ctypes

import pytest

from tests.support.unizero.driving import Collected, Heads, Run, build
from tests.support.unizero.marks import NEEDED
from tests.support.unizero.oracle import judging
from tests.support.unizero.repeatable import RETURN, unclocked_ties
from tests.support.unizero.training import UPDATES, train

pytestmark = NEEDED


def collected(run: Run) -> Collected:
    return build(run).collect()


@pytest.mark.parametrize("heads", Heads)
@pytest.mark.parametrize("segments", [False, True])
def test_a_run_repeats(heads: Heads, segments: bool) -> None:
    """With fresh heads every choice in the tree is a tie."""
    run = Run(environments=3, simulations=6, steps=10, heads=heads, segments=segments)
    assert collected(run) == collected(run)


def test_seeds_differ() -> None:
    assert collected(Run(2, 4, steps=6)).digest != collected(Run(2, 4, steps=6, seed=1)).digest


def test_ties_are_the_clocks_again_afterwards() -> None:
    from lzero.mcts.ctree.ctree_muzero import mz_tree

    function = ctypes.CDLL(mz_tree.__file__)["_Z26get_time_and_set_rand_seedv"]
    address = ctypes.cast(function, ctypes.c_void_p)
    before = ctypes.string_at(address, 1)
    with unclocked_ties():
        assert ctypes.string_at(address, 1) == RETURN != before
    assert ctypes.string_at(address, 1) == before


def test_steps_bound_episodes() -> None:
    seen = collected(Run(environments=2, simulations=3, steps=4))
    assert (seen.roots, seen.recurrent) == (4, 12)


@pytest.mark.parametrize(("pool", "slots"), [(None, 10), (3, 6)])
def test_the_shared_pool_has_the_size_asked_for(pool: int | None, slots: int) -> None:
    world_model = build(Run(environments=2, simulations=5, pool=pool)).world_model
    assert len(vars(world_model)["shared_pool_recur_infer"]) == slots


def test_training_learns_evaluates_and_collects_rightly_with_one_environment() -> None:
    """The oracle follows the weights from one collection to the next."""
    judgements = []
    with contextlib.ExitStack() as stack:
        trained = train(
            Run(environments=1, simulations=4, steps=12),
            lambda model: judgements.append(stack.enter_context(judging(model))),
        )
    (counts,) = judgements
    assert trained.updates == 2 * UPDATES
    assert counts.recurrent_wrong == counts.roots_wrong == 0
    assert counts.recurrent == trained.searches.recurrent > 0
