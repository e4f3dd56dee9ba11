"""What an abstract tree search is: its client's discipline, its state, its steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from spec.heap import contents
from spec.manager import ManagerState
from spec.ops import Done, EnvId, Key, Tier
from spec.profile import RecurScope, copies
from spec.search_nodes import Keying, Latents, Node, Salt, TreePlace
from spec.window import Columns, Part

Where: TypeAlias = tuple[str, Key]  # a pool's name and a key in it
Entries: TypeAlias = Mapping[Where, Columns]
Names: TypeAlias = tuple[tuple[Where, Node], ...]  # which node a key in a pool stands for
Trees: TypeAlias = tuple[tuple[TreePlace, ...], ...]  # each environment's nodes, its root first
NOWHERE: Final[frozenset[Where]] = frozenset()


class SearchClient(NamedTuple):
    """What a client does right, or not.

    `roles`: how many search by turns, a collector, an evaluator, each in trees of its own.
    `context_length`: in tokens, one a step. `copies`: the model writes into copies of its own.
    `rebuilds`: a miss is made good from the whole history, not from the latest step alone.
    `clears`: recur, as a search begins. `recomputes`: a child is computed and stored though its
    key is resident. `forgets`: every pool is cleared when the model's weights change.
    """

    envs: int
    keying: Keying = Keying.CHAINED
    latents: Latents = Latents.DISTINCT
    roles: int = 1
    context_length: int = 4
    copies: bool = True
    rebuilds: bool = True
    clears: bool = True
    recomputes: bool = True
    forgets: bool = True


class SearchState(NamedTuple):
    """`forest`: each role's trees; a tree is empty before its episode's first search. `searching`:
    the environments that the search under way is over, none between searches; `role`: whose it is.
    `histories`: the context that each contents number stands for. `written`: what this search
    stored. `names`: which node each resident entry was stored for."""

    client: SearchClient
    manager: ManagerState
    forest: tuple[Trees, ...]
    episodes: tuple[tuple[int, ...], ...]
    role: int = 0
    searching: frozenset[EnvId] = frozenset()
    weights: int = 0
    written: frozenset[Where] = frozenset()
    histories: tuple[Part, ...] = ()
    names: Names = ()

    @property
    def trees(self) -> Trees:
        """Of the role that searches, or did last."""
        return self.forest[self.role]


@dataclass(frozen=True, slots=True)
class Root:
    """A role begins to search these environments: each moves on to its next root."""

    envs: tuple[EnvId, ...]
    role: int = 0


class Recorded(NamedTuple):
    """A root so many steps after the place from which a recording is read."""

    env: EnvId
    start: int
    steps: int


@dataclass(frozen=True, slots=True)
class Replay:
    """A role begins to search from roots that are recorded, whatever it had in their place."""

    roots: tuple[Recorded, ...]
    role: int = 0


class Expand(NamedTuple):
    """In an environment: at which node of its tree, and with which action."""

    env: EnvId
    node: int
    action: int


@dataclass(frozen=True, slots=True)
class Simulate:
    """One simulation in each of some environments."""

    rows: tuple[Expand, ...]


@dataclass(frozen=True, slots=True)
class EndEpisode:
    env: EnvId
    role: int = 0


@dataclass(frozen=True, slots=True)
class Learn:
    """The model's weights change."""


SearchOp: TypeAlias = Root | Replay | Simulate | EndEpisode | Learn


class Visit(NamedTuple):
    """One row of a step: the node looked up, and the context that the model was given."""

    node: Node
    given: Part


@dataclass(frozen=True, slots=True)
class Inferred:
    """What a root inference or a simulation did.

    `modelled`: every entry when the model had written, but nothing had been stored; `put`: where
    the step stored something; `names`: which node each key stands for that the step looked up or
    stored under, wherever it did.
    """

    visits: tuple[Visit, ...]
    modelled: Entries
    put: frozenset[Where]
    names: Names = ()


SearchResponse: TypeAlias = Inferred | Done


def new_search(client: SearchClient, manager: ManagerState) -> SearchState:
    bare, none = ((),) * client.envs, (0,) * client.envs
    return SearchState(client, manager, (bare,) * client.roles, (none,) * client.roles)


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


def own(state: SearchState, env: EnvId) -> Salt:
    """Whose the tree is that is searched in this environment."""
    return Salt(env, state.role, state.weights)


def pool_name(state: SearchState, tier: Tier, env: EnvId) -> str:
    shared = state.manager.profile.recur_scope is RecurScope.SHARED
    return tier.value if tier is Tier.RECUR and shared else f"{tier.value}:{env}"
