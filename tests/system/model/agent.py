"""An agent that plays several environments: search, act, observe, search again, until they end.

Each of its predictions is compared with the oracle's as it is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from kvref import KVCacheManager
from kvref.tensors import KeysValues, Missing, Positions, SearchSession, Source, Step, Working
from kvref.tensors import Node as Handle
from spec.window import drop
from tests.system.model.oracle import afresh, left_of, recomputed
from tests.system.model.transformer import WIDTH, Outputs, WorldModel
from tests.system.model.tree import Node, descend, grow


@dataclass(frozen=True)
class Prediction:
    """How far a prediction is from the oracle's, and where its context came from."""

    error: float
    source: Source
    depth: int
    padded: bool


def deviation(got: Outputs, expected: Outputs) -> float:
    """The largest difference at the last two tokens, over all predictions."""
    pairs = zip(got, expected, strict=True)
    return max(float((a[0, -2:] - b[0, -2:]).abs().max()) for a, b in pairs)


class Agent:
    def __init__(
        self,
        model: WorldModel,
        manager: KVCacheManager[KeysValues],
        context_length: int,
        session: type[SearchSession] = SearchSession,
        seed: int = 0,
        positions: Positions = Positions.HISTORY,
    ) -> None:
        self.model, self.capacity, self.positions = model, context_length, positions
        self.envs = list(range(manager.env_num))
        self.random = torch.Generator().manual_seed(seed)
        self.nodes: dict[Handle, Node] = {}
        self.handles: dict[Node, Handle] = {}
        on_drop = self.rebase if positions is Positions.WINDOW else None
        self.session = session(
            manager,
            self.rebuild,
            context_length=context_length,
            positions=positions,
            on_drop=on_drop,
        )
        self.roots = [self.begin(env) for env in self.envs]

    def observed(self, tokens: int) -> Tensor:
        """What an environment shows: noise will do."""
        made = torch.randn(tokens, WIDTH, generator=self.random, dtype=torch.float64)
        return made.to(self.model.device, self.model.dtype)

    def known(self, handle: Handle, node: Node) -> Node:
        self.nodes[handle], self.handles[node] = node, handle
        return node

    def begin(self, env: int) -> Node:
        """A new episode, its first context of another length than the other environments'."""
        chunks = (self.observed(1 + 2 * (env % 3)),)
        window = self.model.window(1, self.capacity)
        (handle,) = self.session.begin([env], chunks[0][-1:])
        return self.known(handle, self.node(chunks, chunks[0][-1], self.prefill(window, chunks)))

    def node(self, chunks: tuple[Tensor, ...], latent: Tensor, told: Outputs, row: int = 0) -> Node:
        policy = told.policy[row, -1].softmax(-1).tolist()
        return Node(chunks, latent.clone(), policy, float(told.value[row, -1]))

    def prefill(self, window: KeysValues, chunks: tuple[Tensor, ...]) -> Outputs:
        """Append a history to an empty window, chunk by chunk; the last chunk's predictions."""
        start = 0
        for chunk in chunks:
            end, new = start + len(chunk), len(chunk)
            keeps = window.size - drop(self.capacity, window.size, new)
            mask = torch.ones(1, 1, new, keeps + new, dtype=torch.bool, device=self.model.device)
            positions = torch.arange(start, end, device=self.model.device)[None]
            told = self.model.run(chunk[None], positions, mask.tril(keeps), window)
            start = end
        return told

    def rebuild(self, missing: Missing) -> list[KeysValues]:
        windows = []
        for handle in missing.nodes:
            window = self.model.window(1, self.capacity)
            self.prefill(window, self.chunks(handle))
            windows.append(window)
        return windows

    def chunks(self, handle: Handle) -> tuple[Tensor, ...]:
        """What is to be appended for a node's context: of a model that counts positions from the
        oldest token that is left, these alone, at once."""
        chunks = self.nodes[handle].chunks
        whole = self.positions is Positions.HISTORY
        return chunks if whole else (left_of(chunks, self.capacity),)

    def rebase(self, batch: Working, dropped: Tensor) -> None:
        """Write the tokens that are left anew, of rows that have lost any."""
        for row in dropped.nonzero().flatten().tolist():
            handle, size = batch.nodes[row], batch.lengths[row]
            tokens = torch.cat(self.nodes[handle].chunks)[-size:]
            window = self.model.window(1, self.capacity)
            self.prefill(window, (tokens,))
            for layer, made in zip(batch.keys_values, window, strict=True):
                for old, new in zip(layer.get(), made.get(), strict=True):
                    old[row, :, old.shape[2] - size :] = new[0]

    def search(self, simulations: int) -> Iterator[Prediction]:
        """From the present roots; all environments simulate at once."""
        self.session.root([self.handles[root] for root in self.roots])
        for _ in range(simulations):
            paths = [descend(root) for root in self.roots]
            parents = [path[-1] for path, _ in paths]
            actions = [action for _, action in paths]
            with self.session.step([self.handles[node] for node in parents]) as step:
                children = self.imagine(step, parents, actions)
            for (path, action), (child, seen) in zip(paths, children, strict=True):
                grow(path, action, child)
                yield seen

    def imagine(
        self, step: Step, parents: list[Node], actions: list[int]
    ) -> list[tuple[Node, Prediction]]:
        """The action's token, which predicts the next latent state, and then that one's token."""
        acted = self.model.actions[actions][:, None]
        first = self.model.run(acted, step.positions(1), step.mask(1), step.keys_values)
        second = self.model.run(first.latent, step.positions(1), step.mask(1), step.keys_values)
        return self.made(step, parents, acted, first, first.latent, second)

    def act(self, ends: frozenset[int] = frozenset()) -> Iterator[Prediction]:
        """Play the favourite actions; environments that end begin anew."""
        actions = [root.favourite() for root in self.roots]
        observed = self.observed(len(self.envs))[:, None]
        with self.session.advance([self.handles[root] for root in self.roots]) as step:
            acted = self.model.actions[actions][:, None]
            first = self.model.run(acted, step.positions(1), step.mask(1), step.keys_values)
            second = self.model.run(observed, step.positions(1), step.mask(1), step.keys_values)
            made = self.made(step, self.roots, acted, first, observed, second)
        for env, (node, seen) in enumerate(made):
            self.roots[env] = node
            if env in ends:
                self.session.end_episode(env)
                self.roots[env] = self.begin(env)
            yield seen

    def oracle(self, chunks: tuple[Tensor, ...]) -> Outputs:
        anew = afresh if self.positions is Positions.WINDOW else recomputed
        return anew(self.model, chunks, self.capacity)

    def made(
        self,
        step: Step,
        parents: list[Node],
        acted: Tensor,
        first: Outputs,
        latent: Tensor,
        second: Outputs,
    ) -> list[tuple[Node, Prediction]]:
        """A node for each row, and how its predictions compare with the oracle's."""
        told = Outputs(*(torch.cat(pair, dim=1) for pair in zip(first, second, strict=True)))
        nodes, handles = [], step.children(acted, latent[:, -1])
        for row, parent in enumerate(parents):
            chunks = (*parent.chunks, torch.cat((acted[row], latent[row])))
            got = Outputs(*(one[row : row + 1] for one in told))
            error = deviation(got, self.oracle(chunks))
            padded = step.lengths[row] < max(step.lengths)
            seen = Prediction(error, step.sources[row], len(chunks), padded)
            node = self.node(chunks, latent[row, -1], told, row)
            nodes.append((self.known(handles[row], node), seen))
        return nodes
