"""What an abstract tree search is: its client's discipline, its state, its steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from spec.heap import contents
from spec.manager import ManagerState
from spec.ops import Done, EnvId, Key, Tier
from spec.profile import RecurScope, copies
from spec.search_nodes import Keying, Node, TreePlace
from spec.window import Columns, Part

Where: TypeAlias = tuple[str, Key]  # a pool's name and a key in it
Entries: TypeAlias = Mapping[Where, Columns]
NOWHERE: Final[frozenset[Where]] = frozenset()


class SearchClient(NamedTuple):
    """What a client does right, or not.

    `context_length`: in tokens, one a step. `copies`: the model writes into copies of its own.
    `rebuilds`: a miss is made good from the whole history, not from the latest step alone.
    `clears`: recur, as a search begins. `recomputes`: a child is computed and stored though its
    key is resident. `forgets`: every pool is cleared when the model's weights change.
    """

    envs: int
    keying: Keying = Keying.HISTORY
    context_length: int = 4
    copies: bool = True
    rebuilds: bool = True
    clears: bool = True
    recomputes: bool = True
    forgets: bool = True


class SearchState(NamedTuple):
    """`trees`: each environment's nodes, its root first; none before an episode's first search.
    `histories`: the context that each contents number stands for. `written`: what this search
    stored."""

    client: SearchClient
    manager: ManagerState
    trees: tuple[tuple[TreePlace, ...], ...]
    episodes: tuple[int, ...]
    searching: bool = False
    weights: int = 0
    written: frozenset[Where] = frozenset()
    histories: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Root:
    """A search begins: every environment moves on to its next root."""


@dataclass(frozen=True, slots=True)
class Simulate:
    """One simulation in each environment: at which node of its tree, and with which action."""

    nodes: tuple[int, ...]
    actions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EndEpisode:
    env: EnvId


@dataclass(frozen=True, slots=True)
class Learn:
    """The model's weights change."""


SearchOp: TypeAlias = Root | Simulate | EndEpisode | Learn


class Visit(NamedTuple):
    """One row of a step: the node looked up, and the context that the model was given."""

    node: Node
    given: Part


@dataclass(frozen=True, slots=True)
class Inferred:
    """What a root inference or a simulation did.

    `modelled`: every entry when the model had written, but nothing had been stored; `put`: where
    the step stored something.
    """

    visits: tuple[Visit, ...]
    modelled: Entries
    put: frozenset[Where]


SearchResponse: TypeAlias = Inferred | Done


def new_search(client: SearchClient, manager: ManagerState) -> SearchState:
    return SearchState(client, manager, ((),) * client.envs, (0,) * client.envs)


def environments(state: SearchState) -> tuple[EnvId, ...]:
    return tuple(EnvId(env) for env in range(state.client.envs))


def stored(state: SearchState) -> dict[Where, Columns]:
    """Every entry of every pool: the history that its context was built from."""
    heap, private = state.manager.heap, copies(state.manager.profile)
    return {
        (pool.name, entry.key): state.histories[
            entry.as_set if private else contents(heap, entry.ref)
        ].tokens
        for pool in state.manager.pools
        for entry in pool.entries
    }


def pool_name(state: SearchState, tier: Tier, env: EnvId) -> str:
    shared = state.manager.profile.recur_scope is RecurScope.SHARED
    return tier.value if tier is Tier.RECUR and shared else f"{tier.value}:{env}"
