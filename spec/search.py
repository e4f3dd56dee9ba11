"""The client: an abstract tree search over the manager.

Root inference looks up the context of the root before, extends it by what really happened and
stores it in init; a root that is replayed has a history of its own. A simulation descends to a
node, looks its context up, lets the model extend a working copy by an action and what it predicts,
and stores that in recur as the child's. Recur is cleared as a search begins; a miss is made good
from the node's own history. Roles search by turns, each in trees of its own, over some of the
environments or all.
"""

from typing import NamedTuple, assert_never

from spec.manager import step as manager_step
from spec.ops import Clear, ClearAll, ClearTier, Done, EnvId, On, Ref, Tier
from spec.search_client import Given, extended, keep, key_of, look_up, so_far, still_there
from spec.search_nodes import Node, TreePlace, child, first_root, next_root, node, replayed_root
from spec.search_state import (
    NOWHERE,
    EndEpisode,
    Expand,
    Inferred,
    Learn,
    Names,
    Recorded,
    Replay,
    Root,
    SearchOp,
    SearchResponse,
    SearchState,
    Simulate,
    Visit,
    Where,
    own,
    pool_name,
    stored,
)


class Branch(NamedTuple):
    """In one environment: which node is looked up, if any, and which is made of it; without a
    parent, of the steps before its last."""

    env: EnvId
    parent: TreePlace | None
    made: TreePlace


def inferred(
    state: SearchState, tier: Tier, branches: tuple[Branch, ...]
) -> tuple[SearchState, Inferred]:
    """Every parent is looked up; then the model writes; then every child is stored."""
    given: list[Given] = []
    for env, parent, made in branches:
        if parent is None:
            one = Given(so_far(state, env, made), None)
        else:
            state, one = look_up(state, env, parent)
        given.append(one)
    refs: list[Ref] = []
    for (env, _, made), one in zip(branches, given, strict=True):
        state, ref = extended(state, env, one, made.labels[-1])
        refs.append(ref)
    modelled, put, kept = stored(state), NOWHERE, list[tuple[Where, Node]]()
    for (env, _, made), ref in zip(branches, refs, strict=True):
        state, where = keep(state, tier, env, made, ref)
        put |= where
        kept += [(one, node(own(state, env), made)) for one in where]
    visits = tuple(
        Visit(node(own(state, env), parent), one.context)
        for (env, parent, _), one in zip(branches, given, strict=True)
        if parent is not None
    )
    return state, Inferred(visits, modelled, put, (*asked(state, branches), *kept))


def asked(state: SearchState, branches: tuple[Branch, ...]) -> Names:
    """Under which keys parents were looked up, in init and in recur."""
    return tuple(
        ((pool_name(state, tier, env), key_of(state, env, parent)), node(own(state, env), parent))
        for env, parent, _ in branches
        if parent is not None
        for tier in (Tier.INIT, Tier.RECUR)
    )


def planted(state: SearchState, env: EnvId, tree: tuple[TreePlace, ...]) -> SearchState:
    """With this as the tree of the environment, for the role that searches."""
    trees = (*state.trees[:env], tree, *state.trees[env + 1 :])
    forest = (*state.forest[: state.role], trees, *state.forest[state.role + 1 :])
    return state._replace(forest=forest)


def begin(
    state: SearchState, role: int, branches: tuple[Branch, ...]
) -> tuple[SearchState, Inferred]:
    envs = frozenset(one.env for one in branches)
    state = state._replace(role=role, written=NOWHERE, searching=envs)
    state, response = inferred(state, Tier.INIT, branches)
    if state.client.clears:
        manager, _ = manager_step(state.manager, ClearTier(Tier.RECUR))
        state = still_there(state._replace(manager=manager))
    for one in branches:
        state = planted(state, one.env, (one.made,))
    return state, response


def moved_on(state: SearchState, role: int, env: EnvId) -> Branch:
    tree = state.forest[role][env]
    if not tree:
        return Branch(env, None, first_root(state.episodes[role][env]))
    return Branch(env, tree[0], next_root(tree[0]))


def recorded(one: Recorded) -> Branch:
    return Branch(one.env, None, replayed_root(one.start, one.steps))


def simulate(state: SearchState, rows: tuple[Expand, ...]) -> tuple[SearchState, Inferred]:
    parents = [state.trees[env][at] for env, at, _ in rows]
    branches = tuple(
        Branch(env, parent, child(parent, action))
        for (env, _, action), parent in zip(rows, parents, strict=True)
    )
    state, response = inferred(state, Tier.RECUR, branches)
    for one in branches:
        state = planted(state, one.env, (*state.trees[one.env], one.made))
    return state, response


def end_episode(state: SearchState, env: EnvId, role: int) -> SearchState:
    """Its roots go, and those that other roles have in the environment."""
    manager, _ = manager_step(state.manager, On(Tier.INIT, env, Clear()))
    counts = tuple(n + (e == env) for e, n in enumerate(state.episodes[role]))
    episodes = (*state.episodes[:role], counts, *state.episodes[role + 1 :])
    state = state._replace(role=role, searching=frozenset(), manager=manager, episodes=episodes)
    return still_there(planted(state, env, ()))


def learn(state: SearchState) -> SearchState:
    state = state._replace(searching=frozenset(), weights=state.weights + 1)
    if not state.client.forgets:
        return state
    manager, _ = manager_step(state.manager, ClearAll())
    return still_there(state._replace(manager=manager))


def step(state: SearchState, op: SearchOp) -> tuple[SearchState, SearchResponse]:
    """One step of the client, and what it did. Total and pure."""
    match op:
        case Root(envs, role):
            return begin(state, role, tuple(moved_on(state, role, env) for env in envs))
        case Replay(roots, role):
            return begin(state, role, tuple(recorded(one) for one in roots))
        case Simulate(rows):
            return simulate(state, rows)
        case EndEpisode(env, role):
            return end_episode(state, env, role), Done()
        case Learn():
            return learn(state), Done()
        case _:
            assert_never(op)
