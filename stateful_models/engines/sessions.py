"""Random searches of a session whose model is a counter, watched by the specification.

Every token is a number of its own, so what a lookup delivers tells which history it was built
from. Latents are random and stand for exactly one node.
"""

from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Final, TypeAlias

import torch
from torch import Tensor

from kvref.tensors import KeysValues, Missing
from spec.laws import search_broken
from spec.ops import EnvId, Key
from spec.profile import Profile
from spec.search_laws import SearchTransition, Shown
from spec.search_nodes import Node
from spec.search_state import Inferred, Simulate, Visit, Where
from spec.sizing import Config
from spec.window import Columns, Token
from stateful_models.subjects.journal import driven
from stateful_models.subjects.sessions import Rebuild, SessionSubject, Setting
from stateful_models.subjects.tokens import part_of, written

LAYERS: Final = 2
TOKENS: Final = 2  # appended in each step
SessionFactory: TypeAlias = Callable[[Setting, Rebuild], SessionSubject]


def contents(subject: SessionSubject) -> dict[Where, Columns]:
    """Every entry of every pool, by pool and key, as it is now."""
    stored = subject.stored().items()
    return {where: part_of(window, 0, window.size, 0).tokens for where, window in stored}


def window(chunks: tuple[Columns, ...], capacity: int) -> KeysValues:
    """These chunks of tokens, appended one by one."""
    kv = KeysValues(1, 1, capacity, 1, LAYERS, dtype=torch.float32)
    for chunk in chunks:
        append(kv, chunk[-capacity:], 1)
    return kv


def append(kv: KeysValues, new: Columns, samples: int) -> None:
    """The model's step: these tokens, in every layer."""
    with torch.no_grad():
        for layer, (k, v) in zip(kv, written(new, samples, LAYERS), strict=True):
            layer.update(k, v)


class RandomSearches:
    """Searches again and again; each search yields what was observed of its steps."""

    def __init__(
        self,
        factory: SessionFactory,
        profile: Profile,
        config: Config,
        envs: int,
        *,
        context_length: int,
        seed: int = 0,
    ) -> None:
        self.random = Random(seed)
        self.tokens = count(1)
        self.capacity = context_length
        self.nodes: dict[tuple[float, ...], Node] = {}
        self.envs = range(envs)
        setting = Setting(profile, config, envs, context_length, TOKENS)
        self.session = factory(setting, self.rebuild)

    def latent(self, node: Node) -> Tensor:
        made = torch.tensor([self.random.random() for _ in range(3)])
        self.nodes[tuple(made.tolist())] = node
        return made

    def fresh(self, tokens: int, samples: int = 1) -> Columns:
        return tuple(tuple(Token(next(self.tokens)) for _ in range(samples)) for _ in range(tokens))

    def rebuild(self, missing: Missing) -> list[KeysValues]:
        """The context of a node, appended chunk by chunk as it was made."""
        nodes = [self.nodes[tuple(one.tolist())] for one in missing.latents]
        return [window(node.chunks, self.capacity) for node in nodes]

    def stored(self) -> dict[Where, Columns]:
        return contents(self.session)

    def search(self, simulations: int) -> Iterator[SearchTransition]:
        """One search over all environments, from new roots of unequal length."""
        roots = [
            Node(EnvId(env), (self.fresh(self.random.randint(1, self.capacity)),))
            for env in self.envs
        ]
        known = [[(node, self.latent(node))] for node in roots]
        before = self.stored()
        with driven("root() of a random search"):
            self.session.root(list(self.envs), torch.stack([one[0][1] for one in known]))
        mine = frozenset(self.stored().keys() - before.keys())
        for _ in range(simulations):
            with driven("step() of a random search"):
                seen = self.simulate(known, mine)
            mine = seen.after.written
            yield seen

    def simulate(
        self, known: list[list[tuple[Node, Tensor]]], mine: frozenset[Where]
    ) -> SearchTransition:
        """From a random node of each environment's tree to a new one."""
        chosen = tuple(self.random.randrange(len(nodes)) for nodes in known)
        parents = [nodes[at] for nodes, at in zip(known, chosen, strict=True)]
        latents = torch.stack([latent for _, latent in parents])
        before = self.stored()
        with self.session.step(list(self.envs), latents) as batch, torch.no_grad():
            visits = tuple(
                Visit(node, part_of(batch.keys_values, row, batch.lengths[row], batch.firsts[row]))
                for row, (node, _) in enumerate(parents)
            )
            new = self.fresh(TOKENS, len(parents))
            for token in new:
                append(batch.keys_values, (token,), len(parents))
            modelled = self.stored()
            children = [
                Node(node.env, (*node.chunks, tuple((column[row],) for column in new)))
                for row, (node, _) in enumerate(parents)
            ]
            made = [self.latent(child) for child in children]
            batch.children(torch.stack(made))
        for nodes, child, latent in zip(known, children, made, strict=True):
            nodes.append((child, latent))
        keys = [self.session.key(env, one) for env, one in zip(self.envs, made, strict=True)]
        put = frozenset(("recur", Key(key)) for key in keys)
        return SearchTransition(
            self.capacity,
            TOKENS,
            Shown(before, mine),
            Simulate(chosen, (0,) * len(chosen)),
            Inferred(visits, modelled, put),
            Shown(self.stored(), mine | put),
        )


def first_broken(
    searches: RandomSearches, how_many: int, simulations: int
) -> tuple[tuple[str, ...], int] | None:
    """The laws that the first wrong step breaks, and which step it was; None if none is."""
    steps = (step for _ in range(how_many) for step in searches.search(simulations))
    for number, seen in enumerate(steps, 1):
        laws = search_broken(seen)
        if laws:
            return laws, number
    return None
