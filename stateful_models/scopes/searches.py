"""Searches within a scope: which steps the abstract client may take."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from spec.manager import new_manager
from spec.pool import Pool
from spec.profile import Profile
from spec.search import step
from spec.search_laws import SearchTransition, observed
from spec.search_nodes import Keying, key
from spec.search_state import (
    EndEpisode,
    Learn,
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


class Stage(NamedTuple):
    """A search's state, and how many searches have begun."""

    state: SearchState
    begun: int


@dataclass(frozen=True)
class SearchScope:
    """So many searches of so many simulations, over pools of these capacities.

    `actions`: how many a node offers, fewer than `OBSERVED`; 0: each simulation takes one of its
    own. `changes`: whether
    episodes end and weights change between searches. `by_order`: states count as one if their
    pools hold the same nodes of the trees in the same order, whatever led to those nodes; that is
    all that S1 depends on, as long as no two nodes share a key.
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

    def initial(self) -> Stage:
        sizes = Capacities(self.init, self.recur, self.client.envs)
        manager = new_manager(self.profile, Config(), sizes, self.client.envs, 0)
        return Stage(new_search(self.client, manager), 0)

    def ops(self, stage: Stage) -> Iterator[SearchOp]:
        state, begun = stage
        done = len(state.trees[0]) - 1
        if state.searching and done < self.simulations:
            yield from self.simulations_of(state)
        elif begun < self.searches:
            yield Root()
            if self.changes and begun:
                yield from (EndEpisode(env) for env in environments(state) if state.trees[env])
                if not state.weights:
                    yield Learn()

    def simulations_of(self, state: SearchState) -> Iterator[Simulate]:
        """Every choice of a node and an action in every environment; no node is made twice."""
        done = len(state.trees[0]) - 1
        actions = range(self.actions) if self.actions else (done,)
        choices = [
            [
                (at, action)
                for at, place in enumerate(tree)
                for action in actions
                if (*place.labels, action) not in {one.labels for one in tree}
            ]
            for tree in state.trees
        ]
        for rows in product(*choices):
            yield Simulate(tuple(at for at, _ in rows), tuple(action for _, action in rows))

    def step(self, stage: Stage, op: SearchOp) -> tuple[Stage, SearchTransition]:
        """The stage after a step, and what was observed of it."""
        state, response = step(stage.state, op)
        after = Stage(state, stage.begun + isinstance(op, Root))
        return after, observed(stage.state, op, response, state)

    def essence(self, stage: Stage) -> Hashable:
        """What identifies a state."""
        return self.order(stage) if self.by_order else stage

    def order(self, stage: Stage) -> Hashable:
        """Each pool's nodes in eviction order. Where all are of this search, whichever leaves
        breaks S1, so their order makes no difference. For S1 only, and for a client that stores
        every child under a key of its own."""
        assert self.client.keying is Keying.HISTORY, "two nodes may share a key"
        assert self.client.recomputes, "a child may not be stored"
        state, begun = stage
        names = {
            key(state.client.keying, env, place): (env, at)
            for env, tree in zip(environments(state), state.trees, strict=True)
            for at, place in enumerate(tree)
        }
        last = state.client.clears or begun == self.searches

        def named(pool: Pool) -> Hashable:
            held = [names.get(entry.key) for entry in pool.entries]
            alike = last and pool.name.startswith("recur") and None not in held
            return frozenset(held) if alike else tuple(held)

        pools = tuple(named(pool) for pool in state.manager.pools)
        return begun, len(state.trees[0]), state.searching, state.weights, pools
