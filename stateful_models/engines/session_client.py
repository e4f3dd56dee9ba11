"""The specification's abstract client, driving a search session step by step.

Each place in a tree has a latent state of its own; each step is one token. After every step the
session must have been given the same contexts, from the same tiers, and hold the same windows.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from kvref.tensors import KeysValues, Missing, Source
from spec.ops import EnvId, Tier
from spec.profile import RecurScope
from spec.search import step
from spec.search_nodes import TreePlace, child, column, first_root, key, next_root, node
from spec.search_state import (
    EndEpisode,
    Inferred,
    Learn,
    Root,
    SearchOp,
    SearchState,
    Simulate,
    Visit,
    environments,
    pool_name,
    stored,
)
from spec.sizing import Config
from spec.window import Column, Columns
from stateful_models.engines.sessions import SessionFactory, append, contents, window
from stateful_models.scopes.searches import SearchScope
from stateful_models.subjects.journal import driven
from stateful_models.subjects.sessions import Setting, StepLike
from stateful_models.subjects.tokens import part_of

Holding = Counter[tuple[str, Columns]]


class SessionClient:
    """A session beside the specification's state; `perform` says where they differ."""

    def __init__(self, scope: SearchScope, factory: SessionFactory) -> None:
        client = scope.client
        self.state = scope.initial().state
        self.length = client.context_length
        users = client.envs if scope.profile.recur_scope is RecurScope.SHARED else 1
        if scope.recur % users:
            raise ValueError(f"a recur pool of {scope.recur} is not {users} searches' worth")
        config = Config(game_segment_length=scope.init, num_simulations=scope.recur // users)
        setting = Setting(scope.profile, config, client.envs, self.length, 1)
        self.session = factory(setting, self.rebuild)
        self.places: dict[tuple[float, ...], tuple[EnvId, TreePlace]] = {}

    def latent(self, env: EnvId, place: TreePlace) -> Tensor:
        labels = [float(label) for label in place.labels]
        made = torch.tensor([float(env), float(place.imagined), *labels, *[-1.0] * 24][:24])
        self.places[tuple(made.tolist())] = env, place
        return made

    def rebuild(self, missing: Missing) -> list[KeysValues]:
        places = [self.places[tuple(one.tolist())] for one in missing.latents]
        nodes = [node(env, self.state.weights, place) for env, place in places]
        return [window(one.chunks, self.length) for one in nodes]

    def perform(self, op: SearchOp) -> str | None:
        """One step of both; what of them differs, if anything does."""
        before, (self.state, response) = self.state, step(self.state, op)
        due = response.visits if isinstance(response, Inferred) else ()
        with driven(f"{op} of a search"):
            ran = self.session_step(before, op)
        if ran.visits != due:
            return f"given {ran.visits}, where the specification gives {due}"
        if ran.sources != ran.expected:
            return f"from {ran.sources}, where the specification says {ran.expected}"
        if self.held() != held(self.state):
            return f"holds {self.held()}, where the specification holds {held(self.state)}"
        return None

    def held(self) -> Holding:
        return Counter((pool, tokens) for (pool, _), tokens in contents(self.session).items())

    def session_step(self, before: SearchState, op: SearchOp) -> "Performed":
        match op:
            case Root():
                return self.begin(before)
            case Simulate(nodes, actions):
                envs = list(environments(before))
                parents = [tree[at] for tree, at in zip(before.trees, nodes, strict=True)]
                made = [child(one, action) for one, action in zip(parents, actions, strict=True)]
                with self.session.step(envs, self.latents(envs, parents)) as batch:
                    return self.ran(before, batch, envs, parents, made)
            case EndEpisode(env):
                self.session.end_episode(env)
            case Learn():
                self.session.forget()
        return Performed()

    def begin(self, before: SearchState) -> "Performed":
        """Those in an episode advance to their next root; then all begin to search."""
        envs = [env for env in environments(before) if before.trees[env]]
        parents = [tree[0] for tree in before.trees if tree]
        made, ran = [next_root(parent) for parent in parents], Performed()
        if envs:
            with self.session.advance(envs, self.latents(envs, parents)) as batch:
                ran = self.ran(before, batch, envs, parents, made)
        everyone = list(environments(before))
        roots = [
            next_root(tree[0]) if tree else first_root(episode)
            for tree, episode in zip(before.trees, before.episodes, strict=True)
        ]
        self.session.root(everyone, self.latents(everyone, roots))
        return ran

    def latents(self, envs: list[EnvId], places: list[TreePlace]) -> Tensor:
        return torch.stack([self.latent(e, place) for e, place in zip(envs, places, strict=True)])

    def ran(
        self,
        before: SearchState,
        batch: StepLike,
        envs: list[EnvId],
        parents: list[TreePlace],
        made: list[TreePlace],
    ) -> "Performed":
        """What each row was given; then the model's step, and the children stored."""
        weights, rows = self.state.weights, list(zip(envs, parents, strict=True))
        visits = tuple(
            Visit(
                node(env, weights, parent),
                part_of(batch.keys_values, row, batch.lengths[row], batch.firsts[row]),
            )
            for row, (env, parent) in enumerate(rows)
        )
        tokens: Column = tuple(
            token
            for env, place in zip(envs, made, strict=True)
            for token in column(env, weights, place.labels[-1])
        )
        append(batch.keys_values, (tokens,), len(envs))
        batch.children(self.latents(envs, made))
        return Performed(visits, batch.sources, tuple(source(before, *row) for row in rows))


class Performed(NamedTuple):
    """What each row of a session's step was given, from where, and from where it should be."""

    visits: tuple[Visit, ...] = ()
    sources: tuple[Source, ...] = ()
    expected: tuple[Source, ...] = ()


def source(state: SearchState, env: EnvId, place: TreePlace) -> Source:
    """Init, then recur; else the context has to be rebuilt."""
    wanted, known = key(state.client.keying, env, place), stored(state)
    if (pool_name(state, Tier.INIT, env), wanted) in known:
        return Source.INIT
    recur = (pool_name(state, Tier.RECUR, env), wanted) in known
    return Source.RECUR if recur else Source.REBUILT


def held(state: SearchState) -> Holding:
    return Counter((pool, tokens) for (pool, _), tokens in stored(state).items())


def histories(scope: SearchScope) -> Iterator[tuple[SearchOp, ...]]:
    """Every search within scope, to its end."""
    waiting = [(scope.initial(), tuple[SearchOp, ...]())]
    while waiting:
        stage, done = waiting.pop()
        ops = tuple(scope.ops(stage))
        if not ops:
            yield done
        waiting += [(scope.step(stage, op)[0], (*done, op)) for op in ops]


def first_difference(
    scope: SearchScope, history: tuple[SearchOp, ...], factory: SessionFactory
) -> tuple[int, str] | None:
    """After how many steps the session differs from the specification's client, and how."""
    client = SessionClient(scope, factory)
    told = ((number, client.perform(op)) for number, op in enumerate(history, 1))
    return next(((number, wrong) for number, wrong in told if wrong is not None), None)
