"""A real search by a real model: every prediction is the one that a whole history gives."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from kvref import EvictionStrategy, IntegrityError, KVCacheManager, KVCachePool, Ownership
from kvref.tensors import (
    KeysValues,
    Positions,
    SearchSession,
    Source,
    Working,
    by_env_and_latent,
)
from stateful_models.bugs.tensors.stores_views import ViewingSession
from tests.support.night import NIGHT
from tests.system.model.agent import Agent, Prediction, deviation
from tests.system.model.oracle import recomputed
from tests.system.model.transformer import WorldModel
from tests.system.model.tree import Node, descend, grow

SIMULATIONS = 12


class Config:
    """`num_simulations` sizes the recurrent pool: fewer than there are force misses."""

    game_segment_length = 4

    def __init__(self, num_simulations: int) -> None:
        self.num_simulations = num_simulations


def manager(ownership: Ownership, envs: int, recur: int) -> KVCacheManager[KeysValues]:
    return KVCacheManager(
        Config(recur), envs, ownership=ownership, eviction_strategy=EvictionStrategy.LRU
    )


@torch.no_grad()
def play(agent: Agent) -> list[Prediction]:
    """Three moves; the second environment's episode ends after the second."""
    seen: list[Prediction] = []
    for ends in (frozenset[int](), frozenset({1}), frozenset[int]()):
        seen += agent.search(SIMULATIONS)
        seen += agent.act(ends)
    return seen


EVERY = list(product(Ownership, (False, True), (SIMULATIONS, 3)))
BY_DAY = [one for number, one in enumerate(EVERY) if number % 5 in (0, 3)]


@pytest.mark.parametrize(("ownership", "rope", "recur"), EVERY if NIGHT else BY_DAY)
def test_every_prediction_is_the_oracles(
    ownership: Ownership, rope: bool, recur: int, device: str
) -> None:
    """Three environments, 12 simulations a search, three searches, contexts of 7 tokens.

    By day in some modes: each ownership, each of both embeddings, room for all and misses.
    """
    model = WorldModel(rope, torch.float64, device)
    seen = play(Agent(model, manager(ownership, 3, recur), context_length=7))
    assert len(seen) == 3 * 3 * (SIMULATIONS + 1)
    assert max(one.error for one in seen) < 1e-12
    assert any(one.padded for one in seen)
    assert max(one.depth for one in seen) > 4, "deep enough to lose tokens"
    sources = {one.source for one in seen}
    assert {Source.INIT, Source.RECUR} <= sources
    assert (Source.REBUILT in sources) == (recur < SIMULATIONS)


@pytest.mark.parametrize("ownership", Ownership)
@pytest.mark.parametrize("recur", [SIMULATIONS, 3], ids=["room for all", "misses"])
def test_positions_may_be_counted_from_the_oldest_token_that_is_left(
    ownership: Ownership, recur: int, device: str
) -> None:
    """Learned positions: every prediction is that of the tokens that are left, run afresh."""
    model = WorldModel(False, torch.float64, device)
    pools = manager(ownership, 3, recur)
    seen = play(Agent(model, pools, context_length=7, positions=Positions.WINDOW))
    assert max(one.error for one in seen) < 1e-12
    assert max(one.depth for one in seen) > 4, "deep enough to lose tokens"


def test_tokens_that_are_not_written_anew_are_told(device: str) -> None:
    """The oracle of that scheme is no rubber stamp."""

    class Lazy(Agent):
        def rebase(self, batch: Working, dropped: Tensor) -> None:
            pass

    model = WorldModel(False, torch.float64, device)
    pools = manager(Ownership.SEALED, 3, SIMULATIONS)
    seen = play(Lazy(model, pools, context_length=7, positions=Positions.WINDOW))
    assert max(one.error for one in seen) > 1e-3


class ByLatent(SearchSession):
    """Asked for nodes, it looks their latents up."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named, keys=by_env_and_latent())


@pytest.mark.parametrize("rope", [False, True], ids=["absolute", "rope"])
def test_equal_latents_are_no_equal_nodes(rope: bool, device: str) -> None:
    """A dynamics head that starts at zero: chained keys tell the nodes apart; keys of latents give
    most of them another's context."""
    model = WorldModel(rope, torch.float64, device, zero=True)
    seen = play(Agent(model, manager(Ownership.SEALED, 3, SIMULATIONS), context_length=7))
    assert max(one.error for one in seen) < 1e-12
    pools = manager(Ownership.SEALED, 1, SIMULATIONS)
    wrong = play(Agent(model, pools, context_length=7, session=ByLatent))
    assert max(one.error for one in wrong) > 1e-3


def test_a_session_that_stores_views_predicts_wrongly() -> None:
    """The oracle is no rubber stamp: the museum's session fails it."""
    model = WorldModel(True, torch.float64, "cpu")
    pools = manager(Ownership.REFERENCE, 3, SIMULATIONS)
    seen = play(Agent(model, pools, context_length=7, session=ViewingSession))
    assert max(one.error for one in seen) > 1e-3


def undisciplined(verify: bool, rope: bool, device: str, simulations: int = 8) -> list[float]:
    """A client that stores the window that it works on, under every key, and goes on writing.

    Returns how far each simulation's prediction is from the oracle's.
    """
    model = WorldModel(rope, torch.float64, device)
    pool: KVCachePool[KeysValues] = KVCachePool(64, ownership=Ownership.REFERENCE, verify=verify)
    agent = Agent(model, manager(Ownership.REFERENCE, 1, 1), context_length=32)
    (root,) = agent.roots
    names, errors = {root: 0}, list[float]()
    working = model.window(1, 32)
    agent.prefill(working, root.chunks)
    pool.set(0, working)
    for _ in range(simulations):
        path, action = descend(root)
        window = pool.get(names[path[-1]])
        assert window is not None
        child, error = imagined(agent, path[-1], action, window)
        errors.append(error)
        names[child] = len(names)
        pool.set(names[child], window)
        grow(path, action, child)
    return errors


def imagined(agent: Agent, parent: Node, action: int, window: KeysValues) -> tuple[Node, float]:
    """One simulation in the very window that was delivered."""
    model, start = agent.model, sum(len(chunk) for chunk in parent.chunks)
    token, told = model.actions[action][None, None], []
    for position in (start, start + 1):
        places = torch.tensor([[position]], device=model.device)
        mask = torch.ones(1, 1, 1, window.size + 1, dtype=torch.bool, device=model.device)
        told.append(model.run(token, places, mask, window))
        token = told[-1].latent
    chunks = (*parent.chunks, torch.cat((model.actions[action][None], told[0].latent[0])))
    whole = type(told[0])(*(torch.cat(pair, dim=1) for pair in zip(*told, strict=True)))
    error = deviation(whole, recomputed(model, chunks, 32))
    return agent.node(chunks, told[0].latent[0, -1], told[1]), error


@torch.no_grad()
@pytest.mark.parametrize("rope", [False, True], ids=["absolute", "rope"])
def test_verify_catches_the_first_wrong_prediction(rope: bool, device: str) -> None:
    errors = undisciplined(False, rope, device)
    wrong = [number for number, error in enumerate(errors) if error > 1e-6]
    assert wrong, "the search never came back to a node that had been left"
    assert max(errors[: wrong[0]], default=0.0) < 1e-12
    assert len(undisciplined(True, rope, device, simulations=wrong[0])) == wrong[0]
    with pytest.raises(IntegrityError, match=r"key \d+ was written into .*layer 0 K"):
        undisciplined(True, rope, device, simulations=wrong[0] + 1)
