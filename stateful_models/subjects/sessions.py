"""Search sessions under test: a search whose model is a counter, watched by the specification.

Every token is a number of its own, so what a lookup delivers tells which history it was built
from. Latents are random and stand for exactly one node.
"""

from collections.abc import Iterator
from itertools import count
from random import Random

import torch
from torch import Tensor

from kvref import KVCacheManager
from kvref.tensors import KeysValues, Missing, SearchSession, by_env_and_latent
from spec.ops import EnvId, Key
from spec.search_laws import Node, SearchStep, Visit, Where
from spec.window import Columns, Part, Token
from stateful_models.subjects.windows import columns, rows

LAYERS = 2
TOKENS = 2  # appended in each step


def part_of(kv: KeysValues, row: int, length: int, first: int) -> Part:
    """The newest tokens of a row; -1 where the parts disagree."""
    parts = [part for layer in kv for part in layer.get()]
    told = [columns(part[row : row + 1], number) for number, part in enumerate(parts)]
    kept = [one[len(one) - length :] for one in told]
    agreed = all(one == kept[0] for one in kept)
    return Part(kept[0] if agreed else ((Token(-1),),), first)


def written(new: Columns, samples: int) -> list[tuple[Tensor, Tensor]]:
    """K and V of these tokens, layer by layer."""
    return [(rows(new, 2 * layer), rows(new, 2 * layer + 1)) for layer in range(LAYERS)]


def stored_in(manager: KVCacheManager[KeysValues]) -> dict[Where, Columns]:
    """Every entry of every pool, by pool and key, as it is now."""
    return {
        (pool.name, Key(one.key)): part_of(one.value, 0, one.value.size, 0).tokens
        for pool in manager.pools
        for one in pool.residents()
    }


class SearchDriver:
    """Searches again and again; each search yields what was observed of its steps."""

    def __init__(
        self,
        manager: KVCacheManager[KeysValues],
        session: type[SearchSession] = SearchSession,
        *,
        context_length: int,
        seed: int = 0,
    ) -> None:
        self.random = Random(seed)
        self.tokens = count(1)
        self.capacity = context_length
        self.manager = manager
        self.session = session(
            manager, self.rebuild, context_length=context_length, tokens_per_step=TOKENS
        )
        self.nodes: dict[tuple[float, ...], Node] = {}
        self.envs = range(manager.env_num)

    def latent(self, node: Node) -> Tensor:
        made = torch.tensor([self.random.random() for _ in range(3)])
        self.nodes[tuple(made.tolist())] = node
        return made

    def fresh(self, tokens: int, samples: int = 1) -> Columns:
        return tuple(tuple(Token(next(self.tokens)) for _ in range(samples)) for _ in range(tokens))

    def rebuild(self, missing: Missing) -> list[KeysValues]:
        """The context of a node, appended chunk by chunk as it was made."""
        return [self.window(self.nodes[tuple(one.tolist())]) for one in missing.latents]

    def window(self, node: Node) -> KeysValues:
        kv = KeysValues(1, 1, self.capacity, 1, LAYERS, dtype=torch.float32)
        with torch.no_grad():
            for chunk in node.chunks:
                new = written(chunk[-self.capacity :], 1)
                for layer, (k, v) in zip(kv, new, strict=True):
                    layer.update(k, v)
        return kv

    def stored(self) -> dict[Where, Columns]:
        return stored_in(self.manager)

    def search(self, simulations: int) -> Iterator[SearchStep]:
        """One search over all environments, from new roots of unequal length."""
        roots = [
            Node(EnvId(env), (self.fresh(self.random.randint(1, self.capacity)),))
            for env in self.envs
        ]
        known = [[(node, self.latent(node))] for node in roots]
        before = self.stored()
        self.session.root(list(self.envs), torch.stack([one[0][1] for one in known]))
        mine = frozenset(self.stored().keys() - before.keys())
        for _ in range(simulations):
            step, mine = self.simulate(known, mine)
            yield step

    def simulate(
        self, known: list[list[tuple[Node, Tensor]]], mine: frozenset[Where]
    ) -> tuple[SearchStep, frozenset[Where]]:
        """From a random node of each environment's tree to a new one."""
        parents = [self.random.choice(nodes) for nodes in known]
        latents = torch.stack([latent for _, latent in parents])
        before = self.stored()
        with self.session.step(list(self.envs), latents) as batch, torch.no_grad():
            rows_given = zip(batch.lengths, batch.firsts, strict=True)
            visits = tuple(
                Visit(node, part_of(batch.keys_values, row, length, first))
                for row, ((node, _), (length, first)) in enumerate(
                    zip(parents, rows_given, strict=True)
                )
            )
            new = self.fresh(TOKENS, len(parents))
            for token in new:
                one = written((token,), len(parents))
                for layer, (k, v) in zip(batch.keys_values, one, strict=True):
                    layer.update(k, v)
            modelled = self.stored()
            children = [
                Node(node.env, (*node.chunks, tuple((column[row],) for column in new)))
                for row, (node, _) in enumerate(parents)
            ]
            made = [self.latent(child) for child in children]
            batch.children(torch.stack(made))
        for nodes, child, latent in zip(known, children, made, strict=True):
            nodes.append((child, latent))
        after = self.stored()
        keys = by_env_and_latent()(tuple(self.envs), torch.stack(made))
        put = frozenset(("recur", Key(key)) for key in keys)
        return SearchStep(self.capacity, TOKENS, visits, before, modelled, after, mine, put), (
            mine | put
        )
