"""Random searches of a session whose model is a counter, watched by the specification.

Every token is a number of its own, so what a lookup delivers tells which history it was built
from. Latents are random and stand for exactly one node; who asks for a context of one for another
environment is given tokens of nobody's.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from random import Random
from typing import Final, TypeAlias

import torch
from torch import Tensor

from kvref.tensors import KeysValues, Missing
from spec.ops import Done, EnvId, Key
from spec.profile import Profile, RecurScope
from spec.search_laws import SearchTransition, Shown
from spec.search_nodes import Node
from spec.search_state import (
    EndEpisode,
    Expand,
    Inferred,
    Names,
    Root,
    Simulate,
    Visit,
    Where,
)
from spec.sizing import Config
from spec.window import Columns, Token
from stateful_models.engines.session_calls import Call, Known
from stateful_models.subjects.journal import driven
from stateful_models.subjects.sessions import Rebuild, SessionSubject, Setting, StepLike
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
    """A session's calls one by one, each with what was observed of it.

    `trees`: by environment the nodes of its search, root first; none outside an episode. `names`:
    which node each entry was stored for. `mine`: what the searches under way have stored.
    """

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
        self.latents: dict[Node, Tensor] = {}
        self.keys: dict[Node, Key] = {}
        self.envs = tuple(EnvId(env) for env in range(envs))
        self.trees: dict[EnvId, list[Known]] = {}
        self.mine = frozenset[Where]()
        self.names: dict[Where, Node] = {}
        self.shared = profile.recur_scope is RecurScope.SHARED
        setting = Setting(profile, config, envs, context_length, TOKENS)
        self.session = factory(setting, self.rebuild)

    def known(self, node: Node) -> Known:
        made = torch.tensor([self.random.random() for _ in range(3)])
        self.nodes[tuple(made.tolist())] = node
        self.latents[node] = made
        return Known(node, made)

    def fresh(self, tokens: int, samples: int = 1) -> Columns:
        return tuple(tuple(Token(next(self.tokens)) for _ in range(samples)) for _ in range(tokens))

    def new_root(self, env: EnvId) -> Known:
        return self.known(Node(env, (self.fresh(self.random.randint(1, self.capacity)),)))

    def rebuild(self, missing: Missing) -> list[KeysValues]:
        """The context of a node, appended chunk by chunk as it was made."""
        asked = zip(missing.env_ids, missing.latents, strict=True)
        nodes = [(env, self.nodes[tuple(latent.tolist())]) for env, latent in asked]
        return [
            window(node.chunks if node.env == env else (self.fresh(1),), self.capacity)
            for env, node in nodes
        ]

    def stored(self) -> dict[Where, Columns]:
        return contents(self.session)

    def where(self, pool: str, known: Known) -> Where:
        """Keys are asked for once, so that a session may name its nodes as it makes them."""
        if known.node not in self.keys:
            self.keys[known.node] = Key(self.session.key(known.node.env, known.latent))
        return pool, self.keys[known.node]

    def asked(self, parents: list[Known]) -> Names:
        """Under which keys parents may be found, in init and in recur."""
        return tuple(
            (self.where(pool, one), one.node)
            for one in parents
            for pool in (f"init:{one.node.env}", self.recur(one.node.env))
        )

    def recur(self, env: EnvId) -> str:
        return "recur" if self.shared else f"recur:{env}"

    def mine_after(self, emptied: frozenset[str]) -> frozenset[Where]:
        return frozenset(where for where in self.mine if where[0] not in emptied)

    def root(self, roots: list[Known]) -> Call:
        """These environments begin to search; the others keep their roots."""
        envs, before = [one.node.env for one in roots], self.stored()
        inits = frozenset(f"init:{env}" for env in envs)
        recurs = frozenset(self.recur(env) for env in self.envs)
        kept = self.mine_after(inits | recurs)
        with driven(f"root({envs})"):
            self.session.root(envs, torch.stack([one.latent for one in roots]))
        put = frozenset(self.where(f"init:{one.node.env}", one) for one in roots)
        self.mine = kept | put
        self.trees.update({one.node.env: [one] for one in roots})
        names = tuple((self.where(f"init:{one.node.env}", one), one.node) for one in roots)
        seen = self.seen(before, kept, Root(tuple(envs)), Inferred((), before, put, names))
        return Call(f"root({envs})", seen, inits | recurs, recurs)

    def end_episode(self, env: EnvId) -> Call:
        before, mine, init = self.stored(), self.mine, frozenset({f"init:{env}"})
        with driven(f"end_episode({env})"):
            self.session.end_episode(env)
        self.mine = self.mine_after(init)
        del self.trees[env]
        seen = self.seen(before, mine, EndEpisode(env), Done())
        return Call(f"end_episode({env})", seen, init, init)

    def step(self, parents: list[Known]) -> Call:
        """From a node of each of these environments' trees to a new one."""
        envs, before = [one.node.env for one in parents], self.stored()
        pools = [self.recur(env) for env in envs]
        latents = torch.stack([one.latent for one in parents])
        doing = driven(f"step({envs})")
        with doing, self.session.step(envs, latents) as batch, torch.no_grad():
            visits, modelled, made = self.modelled(batch, parents)
        for one in made:
            self.trees[one.node.env].append(one)
        return self.appended(f"step({envs})", before, pools, (visits, modelled, made))

    def advance(self, envs: list[EnvId]) -> tuple[Call, list[Known]]:
        """From these environments' roots to what really happened; the new roots."""
        parents, before = [self.trees[env][0] for env in envs], self.stored()
        latents = torch.stack([one.latent for one in parents])
        doing = driven(f"advance({envs})")
        with doing, self.session.advance(envs, latents) as batch, torch.no_grad():
            visits, modelled, made = self.modelled(batch, parents)
        pools = [f"init:{env}" for env in envs]
        call = self.appended(f"advance({envs})", before, pools, (visits, modelled, made))
        return call, made

    def modelled(
        self, batch: StepLike, parents: list[Known]
    ) -> tuple[tuple[Visit, ...], dict[Where, Columns], list[Known]]:
        """What each row was given, what is stored once the model has appended, the children."""
        visits = tuple(
            Visit(one.node, part_of(batch.keys_values, row, batch.lengths[row], batch.firsts[row]))
            for row, one in enumerate(parents)
        )
        new = self.fresh(TOKENS, len(parents))
        for token in new:
            append(batch.keys_values, (token,), len(parents))
        modelled = self.stored()
        made = [
            self.known(Node(node.env, (*node.chunks, tuple((column[row],) for column in new))))
            for row, (node, _) in enumerate(parents)
        ]
        batch.children(torch.stack([one.latent for one in made]))
        return visits, modelled, made

    def appended(
        self,
        said: str,
        before: dict[Where, Columns],
        pools: list[str],
        told: tuple[tuple[Visit, ...], dict[Where, Columns], list[Known]],
    ) -> Call:
        (visits, modelled, made), mine = told, self.mine
        parents = [Known(visit.node, self.latents[visit.node]) for visit in visits]
        put = frozenset(self.where(pool, one) for pool, one in zip(pools, made, strict=True))
        self.mine = mine | put
        kept = [(self.where(pool, one), one.node) for pool, one in zip(pools, made, strict=True)]
        op = Simulate(tuple(Expand(one.node.env, 0, 0) for one in made))
        names = (*self.asked(parents), *kept)
        seen = self.seen(before, mine, op, Inferred(visits, modelled, put, names))
        return Call(said, seen, frozenset(pools))

    def seen(
        self,
        before: dict[Where, Columns],
        mine: frozenset[Where],
        op: Root | Simulate | EndEpisode,
        response: Inferred | Done,
    ) -> SearchTransition:
        there, names = self.stored(), self.names
        known = tuple((where, node) for where, node in names.items() if where in before)
        if isinstance(response, Inferred):
            names = {**names, **{w: n for w, n in response.names if w in response.put}}
        self.names = {where: node for where, node in names.items() if where in there}
        first, after = (
            Shown(before, mine, known),
            Shown(there, self.mine, tuple(self.names.items())),
        )
        return SearchTransition(self.capacity, TOKENS, first, op, response, after)

    def search(self, simulations: int) -> Iterator[Call]:
        """One search over all environments in order, from new roots of unequal length."""
        yield self.root([self.new_root(env) for env in self.envs])
        for _ in range(simulations):
            yield self.step([self.random.choice(self.trees[env]) for env in self.envs])

    def some(self, envs: Iterable[EnvId]) -> list[EnvId]:
        """Some of them, at least one, in any order."""
        every = list(envs)
        return self.random.sample(every, self.random.randint(1, len(every)))

    def wander(self, calls: int, simulations: int) -> Iterator[Call]:
        """Any environments in any order: some begin to search, others go on, episodes end.

        Between two `root`s there are at most so many simulations, as in a search.
        """
        done = 0
        for _ in range(calls):
            chosen = self.random.choice(("root", "advance", "end", "step", "step", "step", "step"))
            if not self.trees or done == simulations or chosen == "root":
                yield self.root([self.old_or_new(env) for env in self.some(self.envs)])
                done = 0
            elif chosen == "advance":
                call, roots = self.advance(self.some(self.trees))
                yield call
                yield self.root(roots)
                done = 0
            elif chosen == "end":
                yield self.end_episode(self.random.choice(list(self.trees)))
            else:
                yield self.step([self.random.choice(self.trees[e]) for e in self.some(self.trees)])
                done += 1

    def old_or_new(self, env: EnvId) -> Known:
        """The root that the environment has, now and then; else a new one."""
        tree = self.trees.get(env)
        return tree[0] if tree and self.random.random() < 0.25 else self.new_root(env)
