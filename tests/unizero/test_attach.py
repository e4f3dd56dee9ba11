"""kvref behind the published UniZero, in each mode: what changes, and what must not."""

import copy
from contextlib import ExitStack

import pytest
import torch

from kvref import KVCacheError, Ownership
from kvref.compat.lightzero import attach
from kvref.shadow import Mode, OnDivergence, Verdict
from spec.profile import FIFO_REFERENCE
from stateful_models import explain
from tests.support.unizero.driving import Heads, Run, build
from tests.support.unizero.marks import NEEDED
from tests.support.unizero.oracle import Counts, judging
from tests.support.unizero.published import Policy, WorldModel
from tests.support.unizero.training import UPDATES, train

pytestmark = NEEDED

RUN = Run(environments=4, simulations=10, steps=12)
COLLECTOR = Run(environments=8, simulations=25, steps=6)
SMALL = Run(environments=2, simulations=6, steps=8, pool=1)


def require_right(counts: Counts, run: Run) -> None:
    assert counts.recurrent == run.simulations * counts.roots > 0
    assert counts.roots_wrong == counts.recurrent_wrong == counts.hidden_wrong == 0
    assert max(counts.error, counts.hidden_error) < 2e-5


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("heads", Heads)
def test_a_session_is_right_by_default(heads: Heads, rotary: bool) -> None:
    run = Run(environments=4, simulations=10, steps=12, heads=heads, rotary=rotary)
    real = build(run)
    with attach(real.world_model), judging(real.world_model) as counts:
        real.collect()
    require_right(counts, run)


@pytest.mark.parametrize("rotary", [True, False])
def test_a_session_is_right_in_groups_and_where_lookups_miss(rotary: bool) -> None:
    run = Run(environments=4, simulations=10, steps=12, rotary=rotary)
    real = build(run)
    with (
        attach(real.world_model, simulations=1, grouped=True) as attached,
        judging(real.world_model) as counts,
    ):
        real.collect()
    require_right(counts, run)
    told = vars(real.world_model)
    assert told["hit_count"] < told["total_query_count"] == counts.recurrent
    assert "switch" in attached.summary()


def test_an_evaluator_between_collections_changes_nothing() -> None:
    """Episodes of segments go on; the rows' last roots are the evaluator's by then."""
    run = Run(environments=3, simulations=5, steps=20, segments=True)
    real = build(run)
    with attach(real.world_model), judging(real.world_model) as counts:
        real.collect()
        evaluate(real.policy)
        real.collect()
    require_right(counts, run)


def evaluate(policy: Policy) -> None:
    """Three searches of two environments, observed at random."""
    mode = policy.eval_mode
    mode.reset()
    for step in range(3):
        mode.forward(
            torch.randn(2, 4, generator=torch.Generator().manual_seed(step)),
            action_mask=torch.ones(2, 2).numpy(),
            to_play=[-1, -1],
            timestep=[step] * 2,
        )
    mode.reset()


@pytest.mark.parametrize("rotary", [True, False])
def test_a_shadow_leaves_every_output_bit_identical(rotary: bool) -> None:
    run = Run(environments=8, simulations=25, steps=6, rotary=rotary)
    alone = build(run).collect()
    shadowed = build(run)
    with attach(shadowed.world_model, "shadow") as attached:
        assert shadowed.collect() == alone
        assert attached.manager is not None
        assert len(attached.manager.recur_pool) > 0  # it was told


def test_off_attaches_nothing() -> None:
    real = build(RUN)
    before = dict(vars(real.world_model))
    with attach(real.world_model, Mode.OFF):
        assert vars(real.world_model) == before


def test_what_differs_is_told_with_a_short_history_and_a_law() -> None:
    """The dict goes on naming places that the ring has given to others."""
    real = build(SMALL)
    with attach(real.world_model, "compare", on_divergence=OnDivergence.COUNT) as attached:
        real.collect()
    assert attached.shadow is not None
    found = attached.shadow.firsts[Verdict.MISSING]
    told = explain(found, *attached.anew(), FIFO_REFERENCE, attached.sizes)
    assert told is not None
    assert told.right.value == "candidate"
    assert told.laws
    assert len(told.steps) <= attached.sizes[found.pool] + 4


@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("ownership", [Ownership.SEALED, Ownership.COPY])
def test_serving_runs_the_collector_to_the_end(ownership: Ownership, rotary: bool) -> None:
    run = Run(environments=8, simulations=25, steps=6, rotary=rotary)
    alone, served = build(run), build(run)
    with attach(
        served.world_model, "serve", ownership=ownership, on_divergence=OnDivergence.COUNT
    ) as attached:
        seen = served.collect()
    assert seen == alone.collect()  # pools that suffice: the same contexts, whoever keeps them
    assert attached.shadow is not None
    assert not attached.shadow.counts.get(Verdict.CONTENTS)


def test_switching_runs_the_collector_to_the_end() -> None:
    real = build(COLLECTOR)
    with attach(real.world_model, "switch"):
        seen = real.collect()
    assert seen.recurrent == 25 * seen.roots > 0


def test_detached_it_is_as_it_was() -> None:
    from lzero.mcts.tree_search import mcts_ctree

    alone, attached, tree = build(RUN), build(RUN), mcts_ctree.tree_muzero
    for mode in ("shadow", "serve", "switch"):
        before = dict(vars(attached.world_model))
        with attach(attached.world_model, mode):
            copied = copy.deepcopy(attached.world_model)
            assert "forward_recurrent_inference" not in vars(copied) or mode == "switch"
        assert vars(attached.world_model).keys() == before.keys()
        assert mcts_ctree.tree_muzero is tree
    assert attached.collect() == alone.collect()


def test_one_at_a_time() -> None:
    real = build(RUN)
    with attach(real.world_model), pytest.raises(KVCacheError, match="detach it first"):
        attach(real.world_model, "shadow")


def test_training_runs_and_is_right() -> None:
    """Collector, learner and evaluator by the published entry, the weights changing meanwhile."""
    run = Run(environments=2, simulations=4, steps=12)
    with ExitStack() as stack:
        judgements: list[Counts] = []

        def prepare(world_model: WorldModel) -> None:
            stack.enter_context(attach(world_model))
            judgements.append(stack.enter_context(judging(world_model)))

        trained = train(run, prepare)
    (counts,) = judgements
    assert trained.updates == 2 * UPDATES
    assert counts.recurrent >= trained.searches.recurrent > 0  # rows, calls
    assert counts.roots_wrong == counts.recurrent_wrong == counts.hidden_wrong == 0
