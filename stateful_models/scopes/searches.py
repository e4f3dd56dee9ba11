"""Searches within a scope: which steps the abstract client may take."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple, TypeVar

from spec.manager import new_manager
from spec.ops import EnvId
from spec.pool import Pool
from spec.profile import Profile
from spec.search import step
from spec.search_client import key_of
from spec.search_laws import SearchTransition, observed
from spec.search_nodes import Keying, TreePlace
from spec.search_state import (
    EndEpisode,
    Expand,
    Learn,
    Recorded,
    Replay,
    Root,
    SearchClient,
    SearchOp,
    SearchState,
    Simulate,
    environments,
    new_search,
)
from spec.sizing import Capacities, Config

UNCOUNTED = Profile(counting=False)  # no law of a search speaks of counters
T = TypeVar("T")


class Stage(NamedTuple):
    """A search's state, and how many searches have begun."""

    state: SearchState
    begun: int


@dataclass(frozen=True)
class SearchScope:
    """So many searches of so many simulations, over pools of these capacities.

    `actions`: how many a node offers, fewer than `OBSERVED`; 0: each simulation takes one of its
    own. `changes`: whether episodes end and weights change between searches. `subsets`: searches
    and simulations may be of some environments only. `replays`: from how many places of a
    recording the last of the roles may also search, each of its roots there or a step later.
    `by_order`: states count as one if their pools hold the same nodes of the trees in the same
    order, whatever led to those nodes; that is all that S1 depends on, as long as no two nodes
    share a key.
    """

    client: SearchClient
    simulations: int
    init: int
    recur: int
    searches: int = 1
    actions: int = 0
    changes: bool = False
    profile: Profile = UNCOUNTED
    by_order: bool = False
    subsets: bool = False
    replays: int = 0

    def initial(self) -> Stage:
        sizes = Capacities(self.init, self.recur, self.client.envs)
        manager = new_manager(self.profile, Config(), sizes, self.client.envs, 0)
        return Stage(new_search(self.client, manager), 0)

    def ops(self, stage: Stage) -> Iterator[SearchOp]:
        state, begun = stage
        going_on = self.unfinished(state)
        if going_on:
            yield from self.simulations_of(state, going_on)
        if begun < self.searches and (self.subsets or not going_on):
            yield from self.beginnings(state)
            if self.changes and begun:
                yield from (EndEpisode(env, state.role) for env in self.in_episode(state))
                if not state.weights:
                    yield Learn()

    def unfinished(self, state: SearchState) -> tuple[EnvId, ...]:
        """The environments that are searched, and have simulations left."""
        searched = [env for env in environments(state) if env in state.searching]
        return tuple(env for env in searched if len(state.trees[env]) <= self.simulations)

    def in_episode(self, state: SearchState) -> tuple[EnvId, ...]:
        return tuple(env for env in environments(state) if state.trees[env])

    def some(self, every: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
        """All of them; where there may be fewer, each choice of at least one."""
        sizes = range(1, len(every) + 1) if self.subsets else (len(every),)
        return (chosen for size in sizes for chosen in combinations(every, size))

    def beginnings(self, state: SearchState) -> Iterator[Root | Replay]:
        envs, last = environments(state), state.client.roles - 1
        for role in range(state.client.roles):
            yield from (Root(chosen, role) for chosen in self.some(envs))
        places = tuple(product(range(self.replays), range(2)))
        for chosen in self.some(envs):
            for roots in product(places, repeat=len(chosen)) if places else ():
                rows = zip(chosen, roots, strict=True)
                yield Replay(tuple(Recorded(env, *place) for env, place in rows), last)

    def simulations_of(self, state: SearchState, envs: tuple[EnvId, ...]) -> Iterator[Simulate]:
        """Every choice of a node and an action in these environments; no node is made twice."""
        for chosen in self.some(envs):
            for rows in product(*(self.expansions(env, state.trees[env]) for env in chosen)):
                yield Simulate(rows)

    def expansions(self, env: EnvId, tree: tuple[TreePlace, ...]) -> list[Expand]:
        actions = range(self.actions) if self.actions else (len(tree) - 1,)
        known = {one.labels for one in tree}
        return [
            Expand(env, at, action)
            for at, place in enumerate(tree)
            for action in actions
            if (*place.labels, action) not in known
        ]

    def step(self, stage: Stage, op: SearchOp) -> tuple[Stage, SearchTransition]:
        """The stage after a step, and what was observed of it."""
        state, response = step(stage.state, op)
        after = Stage(state, stage.begun + isinstance(op, Root | Replay))
        return after, observed(stage.state, op, response, state)

    def essence(self, stage: Stage) -> Hashable:
        """What identifies a state."""
        return self.order(stage) if self.by_order else stage

    def order(self, stage: Stage) -> Hashable:
        """Each pool's nodes in eviction order. Where all are of this search, whichever leaves
        breaks S1, so their order makes no difference. For S1 only, and for a client that stores
        every child under a key of its own."""
        assert self.client.keying is Keying.CHAINED, "two nodes may share a key"
        assert self.client.roles == 1, "only the trees of one role are looked at"
        assert not self.subsets, "not every search begins alike"
        assert not self.replays, "not every search begins alike"
        assert self.client.recomputes, "a child may not be stored"
        state, begun = stage
        names = {
            key_of(state, env, place): (env, at)
            for env, tree in zip(environments(state), state.trees, strict=True)
            for at, place in enumerate(tree)
        }
        last = state.client.clears or begun == self.searches

        def named(pool: Pool) -> Hashable:
            held = [names.get(entry.key) for entry in pool.entries]
            alike = last and pool.name.startswith("recur") and None not in held
            return frozenset(held) if alike else tuple(held)

        pools = tuple(named(pool) for pool in state.manager.pools)
        return begun, len(state.trees[0]), bool(state.searching), state.weights, pools
