"""Episodes as the published policy plays them, and all that its world model predicts meanwhile."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from types import ModuleType
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.support.standin.predicting import SEEN
from tests.support.standin.world_model import WorldModel

TREES = "lzero.mcts.tree_search.mcts_ctree"
FIRST = -1


@dataclass(frozen=True, eq=False)
class Known:
    """A node by its history; the observation is at `place`, the action one before."""

    parent: "Known | None"
    action: Tensor | None
    place: int
    latent: Tensor
    depth: int = 0


@dataclass(frozen=True)
class Prediction:
    """What the model put out for a node: reward and latent state as well, if it was simulated."""

    of: Known
    made: Mapping[str, Tensor]

    @property
    def root(self) -> bool:
        return len(self.made) == 2


class Chooses(Protocol):
    def batch_traverse(self, *args: Sequence[Sequence[Known]]) -> Sequence[Sequence[int]]: ...


class Chooser:
    """Leaves chosen at random, deep ones more often; an action is tried once."""

    def __init__(self, seed: int, actions: int) -> None:
        self.random, self.actions = Random(seed), actions
        self.tried: set[tuple[Known, int]] = set()

    def batch_traverse(self, *args: Sequence[Sequence[Known]]) -> Sequence[Sequence[int]]:
        told = [self.leaf(nodes) for nodes in args[0]]
        return [one for one, _ in told], list(range(len(told))), [one for _, one in told], [-1]

    def leaf(self, nodes: Sequence[Known]) -> tuple[int, int]:
        while True:
            place = max(self.random.randrange(len(nodes)) for _ in range(2))
            action = self.random.randrange(self.actions)
            if (nodes[place], action) not in self.tried:
                self.tried.add((nodes[place], action))
                return place, action


@contextmanager
def planted(tree: object, name: str = "tree_muzero", module: str = TREES) -> Iterator[ModuleType]:
    """What LightZero's search takes its tree from, as though it were installed."""
    there, made = sys.modules.get(module), ModuleType(module)
    setattr(made, name, tree)
    sys.modules[module] = made
    try:
        yield made
    finally:
        del sys.modules[module]
        if there is not None:
            sys.modules[module] = there


class Player:
    """A collector, or an evaluator: a role of its own on rows that others use as well.

    Args:
        last: of each row, its last root, whoever had it; to be shared by all of one model's.
        tree: who chooses; by default whatever is planted.
    """

    def __init__(
        self, model: WorldModel, last: dict[int, Known], seed: int = 0, tree: Chooses | None = None
    ) -> None:
        self.model, self.last, self.tree = model, last, tree
        self.generator = torch.Generator().manual_seed(seed)
        self.random = np.random.default_rng(seed)
        self.predictions: list[Prediction] = []
        self.begin()

    def told(self) -> list[Prediction]:
        """What was predicted since this was asked last."""
        told, self.predictions = self.predictions, []
        return told

    def begin(self, step: int = 0) -> None:
        """The next observations are the first of their episodes; or, from this step on, for the
        policy."""
        self.step = step
        self.observed = torch.zeros(self.model.env_num, SEEN)
        self.actions: list[int] | list[NDArray[np.float32]] = [FIRST] * self.model.env_num
        self.roots: list[Known] = []

    def move(self, simulations: int, rows: int | None = None) -> None:
        """Search, then act; with fewer rows than there are environments all begin anew."""
        envs = self.model.env_num
        seen = torch.randn(rows or envs, SEEN, generator=self.generator)
        nodes = [[root] for root in self.rooted(seen)]
        for _ in range(simulations):
            self.simulate(nodes)
        self.step += 1
        self.observed, self.actions = seen, self.acted(len(seen))
        if len(seen) < envs:
            self.begin(self.step)

    def acted(self, rows: int) -> list[int] | list[NDArray[np.float32]]:
        count = self.model.action_space_size
        if self.model.continuous_action_space:
            return list(self.random.standard_normal((rows, count)).astype(np.float32))
        return [int(one) for one in self.random.integers(count, size=rows)]

    def steps(self, rows: int) -> list[NDArray[np.int64]]:
        return [np.array(self.step) for _ in range(rows)]

    def rooted(self, seen: Tensor) -> list[Known]:
        """Every row's root; it goes on from the last if that was this player's."""
        batch: dict[str, object] = {
            "obs": self.observed,
            "action": self.actions,
            "current_obs": seen,
        }
        tokenizer = self.model.tokenizer
        tokenizer.calls = 0
        before = tokenizer.encode_to_obs_embeddings(self.observed).detach()
        tokenizer.calls = 0
        made = self.model.forward_initial_inference(batch, self.steps(len(seen)))
        _, latents, _, policy, value = made
        roots = list[Known]()
        for row, latent in enumerate(latents.reshape(len(seen), -1).detach()):
            parent = action = None
            acted = self.actions[row] if row < len(self.actions) else FIRST
            if isinstance(acted, np.ndarray) or acted != FIRST:
                parent = self.roots[row]
                if self.last.get(row) is not parent:
                    parent = Known(None, None, 2 * (self.step - 1), before[row].reshape(-1))
                action = torch.as_tensor(acted)
            root = Known(parent, action, 2 * self.step, latent.clone())
            self.last[row] = root
            roots.append(root)
            self.tell(root, row, policy=policy, value=value)
        self.roots = roots
        return roots

    def tell(self, node: Known, row: int, **made: Tensor) -> None:
        told = {name: one[row].detach().reshape(-1).clone() for name, one in made.items()}
        self.predictions.append(Prediction(node, told))

    def simulate(self, nodes: list[list[Known]]) -> None:
        """Expand a leaf of every row."""
        tree: Chooses = self.tree or sys.modules[TREES].tree_muzero
        places, _, chosen, _ = tree.batch_traverse(nodes)
        leaves = [row[place] for row, place in zip(nodes, places, strict=True)]
        actions = torch.tensor(chosen)
        if self.model.continuous_action_space:
            actions = torch.tensor(np.array(self.acted(len(leaves))))
        states = torch.stack([one.latent for one in leaves]).unsqueeze(1).numpy()
        depths = [one.depth + 1 for one in leaves]
        made = self.model.forward_recurrent_inference(
            [(states, actions)], 0, depths, self.steps(len(leaves))
        )
        _, latents, reward, policy, value = made
        for row, leaf in enumerate(leaves):
            place, latent = 2 * (self.step + leaf.depth + 2), latents[row].detach().reshape(-1)
            child = Known(leaf, actions[row], place, latent.clone(), leaf.depth + 1)
            nodes[row].append(child)
            told = {"latent": latents, "reward": reward, "policy": policy, "value": value}
            self.tell(child, row, **told)
