"""The specification's abstract client, driving a search session step by step.

Each place in a tree has a latent state of its own; each step is one token. After every step the
session must have been given the same contexts, from the same tiers, and hold the same windows.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final, NamedTuple, TypeAlias

import torch
from torch import Tensor

from kvref.tensors import KeysValues, Missing, Source
from spec.ops import EnvId, Tier
from spec.profile import RecurScope
from spec.search import step
from spec.search_client import key_of
from spec.search_nodes import TreePlace, child, column, first_root, next_root, node
from spec.search_state import (
    EndEpisode,
    Inferred,
    Learn,
    Replay,
    Root,
    SearchClient,
    SearchOp,
    SearchState,
    Simulate,
    Visit,
    own,
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
Turns: TypeAlias = Callable[[int], tuple[tuple[int, ...], ...]]
Begin: TypeAlias = Callable[[list[EnvId], Tensor], AbstractContextManager[StepLike]]
TURNS: Final[dict[str, Turns]] = {
    "together": lambda rows: (tuple(range(rows)),),
    "together, backwards": lambda rows: (tuple(reversed(range(rows))),),
    "one by one, backwards": lambda rows: tuple((row,) for row in reversed(range(rows))),
}
"""In which calls the rows of one step of the specification's client are made."""


class SessionClient:
    """A session beside the specification's state; `perform` says where they differ.

    `turns` other than those of "together" are for scopes whose recur pool never evicts.
    """

    def __init__(
        self, scope: SearchScope, factory: SessionFactory, turns: Turns = TURNS["together"]
    ) -> None:
        client, self.turns = scope.client, turns
        self.state = scope.initial().state
        self.length = client.context_length
        users = client.envs if scope.profile.recur_scope is RecurScope.SHARED else 1
        if scope.recur % users:
            raise ValueError(f"a recur pool of {scope.recur} is not {users} searches' worth")
        config = Config(game_segment_length=scope.init, num_simulations=scope.recur // users)
        setting = Setting(scope.profile, config, client.envs, self.length, 1)
        self.session = factory(setting, self.rebuild)
        self.places: dict[tuple[float, ...], TreePlace] = {}

    def latent(self, env: EnvId, place: TreePlace) -> Tensor:
        labels = [float(label) for label in place.labels]
        made = torch.tensor([float(env), float(place.imagined), *labels, *[-1.0] * 24][:24])
        self.places[tuple(made.tolist())] = place
        return made

    def rebuild(self, missing: Missing) -> list[KeysValues]:
        """The context of a node, for the environment that is asked for."""
        asked = zip(missing.env_ids, missing.latents, strict=True)
        places = [(env, self.places[tuple(latent.tolist())]) for env, latent in asked]
        nodes = [node(own(self.state, EnvId(env)), place) for env, place in places]
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
            case Root(envs):
                return self.begin(before, envs)
            case Replay():
                raise NotImplementedError("a session's own searches replay nothing")
            case Simulate(expansions):
                rows = [
                    Row(env, before.trees[env][at], child(before.trees[env][at], action))
                    for env, at, action in expansions
                ]
                return self.in_turns(before, rows, self.session.step)
            case EndEpisode(env):
                self.session.end_episode(env)
            case Learn():
                self.session.forget()
        return Performed()

    def begin(self, before: SearchState, envs: tuple[EnvId, ...]) -> "Performed":
        """Those in an episode advance to their next root; then all begin to search."""
        trees = [(env, before.trees[env]) for env in envs]
        rows = [Row(env, tree[0], next_root(tree[0])) for env, tree in trees if tree]
        ran = self.in_turns(before, rows, self.session.advance)
        roots = [
            next_root(tree[0]) if tree else first_root(before.episodes[before.role][env])
            for env, tree in trees
        ]
        for some in self.turns(len(roots)):
            asked = [trees[at][0] for at in some]
            self.session.root(asked, self.latents(asked, [roots[at] for at in some]))
        return ran

    def in_turns(self, before: SearchState, rows: list["Row"], begin: Begin) -> "Performed":
        """These rows, in as many calls and in the order that the turns say; told in their own."""
        told: dict[int, tuple[Visit, Source]] = {}
        for some in self.turns(len(rows)):
            told.update(zip(some, self.ran([rows[at] for at in some], begin), strict=True))
        done = [told[at] for at in range(len(rows))]
        return Performed(
            tuple(visit for visit, _ in done),
            tuple(met for _, met in done),
            tuple(source(before, row.env, row.parent) for row in rows),
        )

    def latents(self, envs: list[EnvId], places: list[TreePlace]) -> Tensor:
        return torch.stack([self.latent(e, place) for e, place in zip(envs, places, strict=True)])

    def ran(self, rows: list["Row"], begin: Begin) -> list[tuple[Visit, Source]]:
        """What each row was given, from where; then the model's step, and the children stored."""
        if not rows:
            return []
        envs, salts = [row.env for row in rows], [own(self.state, row.env) for row in rows]
        with begin(envs, self.latents(envs, [row.parent for row in rows])) as batch:
            kv, lengths, firsts = batch.keys_values, batch.lengths, batch.firsts
            visits = [
                Visit(node(salts[at], row.parent), part_of(kv, at, lengths[at], firsts[at]))
                for at, row in enumerate(rows)
            ]
            tokens: Column = tuple(
                token
                for salt, row in zip(salts, rows, strict=True)
                for token in column(salt, row.made.labels[-1])
            )
            append(kv, (tokens,), len(rows))
            batch.children(self.latents(envs, [row.made for row in rows]))
            return list(zip(visits, batch.sources, strict=True))


class Row(NamedTuple):
    """One environment's row of a step: from which node, to which."""

    env: EnvId
    parent: TreePlace
    made: TreePlace


class Performed(NamedTuple):
    """What each row of a session's step was given, from where, and from where it should be."""

    visits: tuple[Visit, ...] = ()
    sources: tuple[Source, ...] = ()
    expected: tuple[Source, ...] = ()


def source(state: SearchState, env: EnvId, place: TreePlace) -> Source:
    """Init, then recur; else the context has to be rebuilt."""
    wanted, known = key_of(state, env, place), stored(state)
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


SEARCHES: Final = (
    SearchScope(SearchClient(1), 3, 1, 2, 1, actions=2),
    SearchScope(SearchClient(2), 1, 1, 2, 2, actions=2),
    SearchScope(SearchClient(2), 1, 1, 2, 2, actions=1, subsets=True),
)


def turns_of(scope: SearchScope) -> tuple[Turns, ...]:
    """All, if there are several environments; if recur evicts, rows come in order."""
    several = scope.client.envs > 1 and scope.recur >= scope.client.envs * scope.simulations
    return tuple(TURNS.values()) if several else (TURNS["together"],)


def first_difference(
    scope: SearchScope,
    history: tuple[SearchOp, ...],
    factory: SessionFactory,
    turns: Turns = TURNS["together"],
) -> tuple[int, str] | None:
    """After how many steps the session differs from the specification's client, and how."""
    client = SessionClient(scope, factory, turns)
    told = ((number, client.perform(op)) for number, op in enumerate(history, 1))
    return next(((number, wrong) for number, wrong in told if wrong is not None), None)
