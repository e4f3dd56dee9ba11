"""A search with its network: what groups of equal length cost against a mask over one batch.

    python -m tests.benchmarks.groups [--quick]

The same searches of 15 simulations in 8 environments, contexts of up to 20 tokens, by a transformer
of 2 layers: with a mask, one call of the model a token; in groups, for models that cannot mask, one
for each length; row by row, one for each environment. Whole simulations are timed.
"""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor

from kvref import KVCacheManager, Ownership
from kvref.tensors import KeysValues, Missing, Node, SearchSession, Working
from tests.benchmarks.measure import best_of
from tests.system.model.passes import history, through
from tests.system.model.transformer import ACTIONS, WorldModel

ENVS, CONTEXT, MOST, HEADS = 8, 20, 15, 8
MASKED, GROUPED, ALONE = "with a mask", "in groups", "row by row"


class Config:
    game_segment_length, num_simulations = 20, MOST


class Plan(NamedTuple):
    """A search, decided beforehand: of each simulation and environment, the number of the node that
    it goes on from, and the action; of each environment, how many tokens its root has."""

    parents: list[list[int]]
    actions: list[list[int]]
    roots: list[int]


class Searched(NamedTuple):
    """What came of a search: the policies of each simulation, and its groups."""

    policies: Tensor
    groups: int


def ragged(simulations: int, roots: list[int]) -> Plan:
    """Each environment goes on from any of its nodes."""
    random = Random(0)
    parents = [[random.randrange(n + 1) for _ in range(ENVS)] for n in range(simulations)]
    return Plan(parents, acted(simulations, random), roots)


def even(simulations: int) -> Plan:
    """All environments go on from the node of one number."""
    random = Random(0)
    parents = [[random.randrange(n + 1)] * ENVS for n in range(simulations)]
    return Plan(parents, acted(simulations, random), [5] * ENVS)


def acted(simulations: int, random: Random) -> list[list[int]]:
    return [[random.randrange(ACTIONS) for _ in range(ENVS)] for _ in range(simulations)]


class Search:
    """One plan, searched by one model; the roots' contexts are made beforehand."""

    def __init__(self, model: WorldModel, told: Plan) -> None:
        self.model, self.told = model, told
        self.windows, self.latents = [], torch.arange(float(ENVS)).view(ENVS, 1)
        for env, tokens in enumerate(told.roots):
            window = model.window(1, CONTEXT)
            through(model, window, history(model, 1, tokens, seed=env))
            self.windows.append(window)

    def session(self, grouped: bool) -> SearchSession:
        manager: KVCacheManager[KeysValues] = KVCacheManager(
            Config, ENVS, ownership=Ownership.SEALED
        )

        def rebuild(missing: Missing) -> list[KeysValues]:
            return [self.windows[env] for env in missing.env_ids]

        return SearchSession(manager, rebuild, context_length=CONTEXT, grouped=grouped)

    def run(self, way: str) -> Searched:
        session = self.session(grouped=way == GROUPED)
        tree = [session.root(range(ENVS), self.latents).nodes]
        policies, groups = list[Tensor](), 0
        for parents, actions in zip(self.told.parents, self.told.actions, strict=True):
            nodes = [tree[number][env] for env, number in enumerate(parents)]
            rows = [[env] for env in range(ENVS)] if way == ALONE else [list(range(ENVS))]
            children, made = list[Node](), list[Tensor]()
            for some in rows:
                with session.step([nodes[env] for env in some]) as step:
                    model = partial(self.imagine, way, [actions[env] for env in some])
                    policy, acted, latent = step.run(model)
                    children += step.children(acted, latent)
                    groups += len(step.groups)
                made.append(policy)
            tree.append(tuple(children))
            policies.append(torch.cat(made))
        return Searched(torch.stack(policies), groups)

    def imagine(self, way: str, actions: list[int], group: Working) -> tuple[Tensor, ...]:
        """The action's token, and the latent state that it predicts; masked only where rows are of
        unequal length."""
        mask = group.mask if way == MASKED else unmasked
        acted = self.model.actions[[actions[row] for row in group.rows]][:, None]
        first = self.model.run(acted, group.positions(1), mask(1), group.keys_values)
        second = self.model.run(first.latent, group.positions(1), mask(1), group.keys_values)
        return second.policy[:, -1], acted[:, -1], first.latent[:, -1]


def unmasked(new: int) -> None:
    """A token of its own may look at all that is there."""


def compared(name: str, search: Search, rounds: int) -> str:
    ways: dict[str, Callable[[], Searched]] = {
        way: partial(search.run, way) for way in (MASKED, GROUPED, ALONE)
    }
    told = {way: run() for way, run in ways.items()}
    error = furthest(told[way].policies - told[MASKED].policies for way in (GROUPED, ALONE))
    assert error < 1e-4, "what is compared predicts alike"
    best, steps = best_of(ways, rounds), len(search.told.parents)
    return (
        f"  {name:34} {told[GROUPED].groups / steps:4.1f} groups a step: "
        f"{GROUPED} {best[GROUPED] / best[MASKED]:4.2f}, {ALONE} {best[ALONE] / best[MASKED]:4.2f} "
        f"of the time {MASKED}; predictions differ by {error:.0e}"
    )


def furthest(differences: Iterable[Tensor]) -> float:
    return max(float(one.abs().max()) for one in differences)


def main(quick: bool) -> None:
    simulations, rounds = (4, 1) if quick else (MOST, 3)
    plans = {
        "equal lengths": even(simulations),
        "trees alone ragged": ragged(simulations, [5] * ENVS),
        "trees and roots ragged": ragged(simulations, [1 + 2 * env for env in range(ENVS)]),
    }
    with torch.inference_mode():
        for width in (16,) if quick else (64, 768):
            model = WorldModel(True, torch.float32, "cpu", width=width, heads=HEADS)
            print(f"{simulations} simulations x {ENVS} environments, a network of width {width}:")
            for name, told in plans.items():
                print(compared(name, Search(model, told), rounds))


if __name__ == "__main__":
    main("--quick" in sys.argv)
