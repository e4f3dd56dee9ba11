"""Every prediction of the published world model, made again from its node's own tokens.

What is taken as the truth. A node's history is the tokens appended since its environment's root
was last started anew, and of these the ones that the window policy keeps: once `context_length - 1`
tokens are stored, the oldest pairs go until fewer are left. With RoPE their K and V stay as
appended, at the positions that the model was told; with learned positions the transformer runs
afresh on the kept tokens, at positions counted from 0.

The published policy starts *all* roots anew, with the action -1 for each, at its first search,
whenever any environment's episode ended, and before every search while fewer environments act than
its collector has. Between two such starts the same environments act in the same rows, which is why
a row stands for an environment here as it does in the published model, which is told no ids. That a
cache is cleared in between (every 200 or 2,000 steps) changes no history. Weights that change in
between do change K and V: roots' contexts are then appended anew under the new ones.

Positions are those that the model is told: the collector of segments tells 0 at every step, and in
the tree whatever follows a root stands one step further on than it is.

A token is what the model itself made of an observation or predicted for it, so that an error is
counted where it arises and not at each descendant too.

No part of any cache is asked: of the model the transformer, the heads and the embedding tables are
called, row by row, and of the tree which node each row expands.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

import torch
from torch import Tensor

from tests.support.unizero.driving import wrapped
from tests.support.unizero.published import Given, Head, History, Outputs, Tree, WorldModel
from tests.support.unizero.repeatable import attribute

TOLERANCE: Final = 1e-4
REPLAYED: Final = 0.02
"""The share of nodes whose memo of K and V is held against a replay from the first token."""

Memo: TypeAlias = tuple[tuple[Tensor, Tensor], ...]
"""K and V of each layer, as appended."""


@dataclass(frozen=True, eq=False)
class Token:
    """An observation's latent, or an action taken; and its position, where these rotate."""

    content: Tensor | int
    position: int


Tokens: TypeAlias = tuple[Token, ...]


@dataclass(frozen=True, eq=False)
class Node:
    """Its history, pair by pair (the first observation is alone); a memo with RoPE alone."""

    appended: tuple[Tokens, ...]
    memo: Memo

    @property
    def latent(self) -> Tensor:
        content = self.appended[-1][-1].content
        assert isinstance(content, Tensor)
        return content


@dataclass
class Counts:
    """What was judged, and what was wrong: further than TOLERANCE from the oracle's."""

    roots: int = 0
    roots_wrong: int = 0
    recurrent: int = 0
    recurrent_wrong: int = 0
    error: float = 0.0
    """The largest of any output."""
    hidden_wrong: int = 0
    """Roots and recurrent predictions whose last hidden state is wrong: a wrong context shows here
    also where heads are zero and tell nothing."""
    hidden_error: float = 0.0
    replayed: int = 0
    replay_error: float = 0.0
    """Between a memo of K and V and their replay: the oracle's own error."""

    def __str__(self) -> str:
        return (
            f"{self.recurrent_wrong:,} of {self.recurrent:,} recurrent and "
            f"{self.roots_wrong:,} of {self.roots:,} root predictions wrong "
            f"(error up to {self.error:.1e})"
        )


class Appended:
    """One layer's K and V, growing by concatenation: all that attention asks of a cache."""

    def __init__(self, k: Tensor, v: Tensor) -> None:
        self._k, self._v = k, v

    @property
    def shape(self) -> tuple[int, int, int, int]:
        batch, heads, size, width = self._k.shape
        return batch, heads, size, width

    def update(self, k: Tensor, v: Tensor) -> None:
        self._k, self._v = torch.cat((self._k, k), 2), torch.cat((self._v, v), 2)

    def get(self) -> tuple[Tensor, Tensor]:
        return self._k, self._v


class Scheme:
    """How a node's context follows from its tokens."""

    def __init__(self, model: WorldModel) -> None:
        self.model = model

    def grown(self, parent: Node | None, tokens: Tokens) -> tuple[Tensor, Node]:
        """The hidden state after each of these tokens, and the node that they lead to."""
        raise NotImplementedError

    def replayed(self, node: Node) -> tuple[Tensor, Node]:
        """The same for a node's last tokens, from its very first."""
        first, *others = node.appended
        hidden, again = self.grown(None, first)
        for tokens in others:
            hidden, again = self.grown(again, tokens)
        return hidden, again

    def embedded(self, token: Token) -> Tensor:
        if isinstance(token.content, Tensor):
            return token.content.reshape(1, 1, -1)
        embedding: Tensor = self.model.act_embedding_table(torch.tensor([[token.content]]))
        return embedding

    def kept(self, size: int) -> int:
        """How many of so many tokens the window policy keeps."""
        while size >= self.model.context_length - 1:
            size -= 2
        return size


class Rotary(Scheme):
    """K and V as appended."""

    def grown(self, parent: Node | None, tokens: Tokens) -> tuple[Tensor, Node]:
        layers = [Appended(k, v) for k, v in (parent.memo if parent else self.empty())]
        states = [
            self.model.transformer(self.embedded(token), layers, start_pos=[token.position])
            for token in tokens
        ]
        left = self.kept(layers[0].shape[2])
        memo = tuple((k[:, :, -left:], v[:, :, -left:]) for k, v in (one.get() for one in layers))
        return torch.cat(states, 1), after(parent, tokens, memo)

    def empty(self) -> Memo:
        heads = self.model.num_heads
        none = torch.empty(1, heads, 0, self.model.embed_dim // heads)
        return ((none, none),) * len(self.model.transformer.blocks)


class Learned(Scheme):
    """The transformer afresh on what is kept, at positions counted from 0."""

    def grown(self, parent: Node | None, tokens: Tokens) -> tuple[Tensor, Node]:
        window = (*self.window(parent), *tokens)
        places = self.model.pos_emb(torch.arange(len(window)))
        sequence = torch.cat([self.embedded(token) for token in window], 1)
        hidden = self.model.transformer(sequence + places, start_pos=[0])
        return hidden[:, -len(tokens) :], after(parent, tokens, ())

    def window(self, node: Node | None) -> Tokens:
        kept: Tokens = ()
        for tokens in node.appended if node else ():
            kept = (*kept, *tokens)
            kept = kept[len(kept) - self.kept(len(kept)) :]
        return kept


def after(parent: Node | None, tokens: Tokens, memo: Memo) -> Node:
    return Node((*(parent.appended if parent else ()), tokens), memo)


class Oracle:
    """Judges each call of one world model."""

    def __init__(self, model: WorldModel) -> None:
        self.counts = Counts()
        self._model = model
        self._scheme = Rotary(model) if model.config.rotary_emb else Learned(model)
        self._rows: list[list[Node]] = []
        self._expanded: Sequence[int] = ()
        self._random = Random(0)
        self._weights = self._version()

    def expand(self, nodes: Sequence[int]) -> None:
        """The rows' next prediction is of children of these nodes, by number in their tree."""
        self._expanded = tuple(nodes)

    def root(self, actions: Sequence[int], times: Sequence[int], told: Outputs) -> None:
        self._append_anew_under_other_weights()
        anew = max(actions) == -1
        rows: list[list[Node]] = []
        for row, time in enumerate(times):
            seen = Token(told[1][row].clone(), 2 * time)
            if anew:
                hidden, node = self._grown(None, (seen,))
            else:
                took = Token(actions[row], 2 * time - 1)
                hidden, node = self._grown(self._rows[row][0], (took, seen))
            state = hidden[:, -1]
            self.counts.roots += 1
            self.counts.roots_wrong += self._wrong(row, told, {"policy": state, "value": state})
            self._judge_hidden(row, told, state)
            rows.append([node])
        self._rows = rows

    def recurrent(
        self, latents: Tensor, actions: Sequence[int], times: Sequence[int], told: Outputs
    ) -> None:
        for row, (action, time) in enumerate(zip(actions, times, strict=True)):
            parent = self._rows[row][self._expanded[row]]
            assert torch.equal(latents[row].reshape(-1), parent.latent.reshape(-1)), "another node"
            tokens = Token(action, 2 * time + 1), Token(told[1][row].clone(), 2 * time + 2)
            hidden, node = self._grown(parent, tokens)
            acted, state = hidden[:, 0], hidden[:, 1]
            self.counts.recurrent += 1
            self.counts.recurrent_wrong += self._wrong(
                row, told, {"latent": acted, "reward": acted, "policy": state, "value": state}
            )
            self._judge_hidden(row, told, state)
            self._rows[row].append(node)

    def _grown(self, parent: Node | None, tokens: Tokens) -> tuple[Tensor, Node]:
        hidden, node = self._scheme.grown(parent, tokens)
        if self._random.random() < REPLAYED:
            again, _ = self._scheme.replayed(node)
            self.counts.replayed += 1
            self.counts.replay_error = max(self.counts.replay_error, apart(hidden, again))
        return hidden, node

    def _append_anew_under_other_weights(self) -> None:
        if (version := self._version()) != self._weights:
            self._weights = version
            self._rows = [[self._scheme.replayed(root)[1]] for root, *_ in self._rows]

    def _version(self) -> int:
        return sum(parameter._version for parameter in self._model.parameters())

    def _wrong(self, row: int, told: Outputs, states: Mapping[str, Tensor]) -> bool:
        model, (_, latent, reward, policy, value) = self._model, told
        heads: Mapping[str, tuple[Head, Tensor]] = {
            "latent": (model.head_observations, latent),
            "reward": (model.head_rewards, reward),
            "policy": (model.head_policy, policy),
            "value": (model.head_value, value),
        }
        error = 0.0
        for name, state in states.items():
            head, answer = heads[name]
            error = max(error, apart(head.head_module(state), answer[row]))
        self.counts.error = max(self.counts.error, error)
        return error > TOLERANCE

    def _judge_hidden(self, row: int, told: Outputs, state: Tensor) -> None:
        error = apart(state, told[0][row, -1])
        self.counts.hidden_wrong += error > TOLERANCE
        self.counts.hidden_error = max(self.counts.hidden_error, error)


def apart(one: Tensor, other: Tensor) -> float:
    return float((one.reshape(-1) - other.reshape(-1)).abs().max())


class Told:
    """The compiled tree, telling the oracle which nodes it expands."""

    def __init__(self, tree: Tree, oracle: Oracle) -> None:
        self._tree, self._oracle = tree, oracle

    def __getattr__(self, name: str) -> object:
        return getattr(self._tree, name)

    def batch_traverse(self, *given: object) -> tuple[Sequence[int], ...]:
        traversed = self._tree.batch_traverse(*given)
        self._oracle.expand(traversed[0])
        return traversed


@contextlib.contextmanager
def judging(model: WorldModel) -> Iterator[Counts]:
    """Every call of this instance is judged meanwhile, outside whatever is attached to it.

    Calls that are no search's (a learner's targets, reanalysis) are let through.
    """
    from lzero.mcts.tree_search import mcts_ctree

    oracle = Oracle(model)

    def initial(inference: Callable[..., Outputs]) -> Callable[..., Outputs]:
        @torch.no_grad()
        def judged(given: Given, start_pos: Sequence[int] = ()) -> Outputs:
            outputs = inference(given, start_pos)
            if given["current_obs"] is not None:
                oracle.root(
                    [int(action) for action in given["action"]],
                    [int(time) for time in start_pos],
                    outputs,
                )
            return outputs

        return judged

    def recurrent(inference: Callable[..., Outputs]) -> Callable[..., Outputs]:
        @torch.no_grad()
        def judged(
            history: History, simulation: int, depths: Sequence[int], start_pos: Sequence[int]
        ) -> Outputs:
            outputs = inference(history, simulation, depths, start_pos)
            if not model.reanalyze_phase:
                latents, actions = history[-1]
                oracle.recurrent(
                    torch.from_numpy(latents),
                    [int(action) for action in actions],
                    [int(d) + int(time) for d, time in zip(depths, start_pos, strict=True)],
                    outputs,
                )
            return outputs

        return judged

    with (
        attribute(mcts_ctree, "tree_muzero", Told(mcts_ctree.tree_muzero, oracle)),
        wrapped(model, "forward_initial_inference", initial),
        wrapped(model, "forward_recurrent_inference", recurrent),
    ):
        yield oracle.counts
