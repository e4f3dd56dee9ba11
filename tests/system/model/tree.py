"""pUCT over the world model: nodes that know their whole history of tokens."""

from dataclasses import dataclass, field
from math import sqrt

from torch import Tensor

from tests.system.model.transformer import ACTIONS

DISCOUNT = 0.97
EXPLORATION = 1.25


@dataclass(eq=False)
class Node:
    """A latent state; `chunks` are the tokens (new, width) appended to reach it, in turn."""

    chunks: tuple[Tensor, ...]
    latent: Tensor
    policy: list[float]
    value: float
    visits: int = 1
    total: float = 0.0
    children: dict[int, "Node"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.total = self.value

    @property
    def mean(self) -> float:
        return self.total / self.visits

    def score(self, action: int) -> float:
        child = self.children.get(action)
        gain = 0.0 if child is None else DISCOUNT * child.mean
        visits = 0 if child is None else child.visits
        return gain + EXPLORATION * self.policy[action] * sqrt(self.visits) / (1 + visits)

    def best(self) -> int:
        return max(range(ACTIONS), key=self.score)

    def favourite(self) -> int:
        """The action that was tried most."""
        return max(self.children, key=lambda action: self.children[action].visits)


def descend(root: Node) -> tuple[list[Node], int]:
    """The path from the root to a leaf, and the action to try there."""
    path, action = [root], root.best()
    while action in path[-1].children:
        path.append(path[-1].children[action])
        action = path[-1].best()
    return path, action


def grow(path: list[Node], action: int, child: Node) -> None:
    """Add a child to the end of a path, and back its value up."""
    path[-1].children[action] = child
    value = child.value
    for node in reversed(path):
        value *= DISCOUNT
        node.visits += 1
        node.total += value
