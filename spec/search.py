"""The client: an abstract tree search over the manager.

Root inference looks up the context of the root before, extends it by what really happened and
stores it in init. A simulation descends to a node, looks its context up, lets the model extend a
working copy by an action and what it predicts, and stores that in recur as the child's. Recur is
cleared as a search begins; a miss is made good from the node's own history.
"""

from typing import NamedTuple, assert_never

from spec.heap import new_object
from spec.manager import step as manager_step
from spec.ops import (
    Clear,
    ClearAll,
    ClearTier,
    Contents,
    Done,
    EnvId,
    Hit,
    Lookup,
    On,
    Ref,
    Set,
    Tier,
    Write,
)
from spec.search_nodes import (
    TreePlace,
    child,
    column,
    context,
    first_root,
    key,
    next_root,
    node,
    with_room,
)
from spec.search_state import (
    NOWHERE,
    EndEpisode,
    Inferred,
    Learn,
    Root,
    SearchOp,
    SearchResponse,
    SearchState,
    Simulate,
    Visit,
    Where,
    environments,
    pool_name,
    stored,
)
from spec.window import Part, append


class Given(NamedTuple):
    """What the model is given to work on; `ref` is the stored object itself, where it hit."""

    context: Part
    ref: Ref | None


def look_up(state: SearchState, env: EnvId, place: TreePlace) -> tuple[SearchState, Given]:
    """A node's context, from init, from recur or rebuilt, with room for one more step."""
    manager, answer = manager_step(state.manager, Lookup(env, key(state.client.keying, env, place)))
    state, length = state._replace(manager=manager), state.client.context_length
    if isinstance(answer, Hit):
        found, ref = state.histories[answer.contents], answer.ref
    else:
        own, ref = context(node(env, state.weights, place), length), None
        found = own if state.client.rebuilds else Part(own.tokens[-1:])
    return state, Given(with_room(found, length, 1), ref)


def named(state: SearchState, part: Part) -> tuple[SearchState, Contents]:
    """The number that stands for a context from now on."""
    return state._replace(histories=(*state.histories, part)), Contents(len(state.histories))


def created(state: SearchState, made: Contents) -> tuple[SearchState, Ref]:
    """A new object, of the client's own."""
    heap, ref = new_object(state.manager.heap, made)
    return state._replace(manager=state.manager._replace(heap=heap)), ref


def extended(state: SearchState, env: EnvId, given: Given, label: int) -> tuple[SearchState, Ref]:
    """The model appends a step: to a copy, or to the very object that the lookup delivered."""
    step = (column(env, state.weights, label),)
    state, made = named(state, append(given.context, state.client.context_length, step))
    if state.client.copies or given.ref is None:
        return created(state, made)
    manager, answer = manager_step(state.manager, Write(given.ref, made))
    if not isinstance(answer, Done):
        return created(state, made)
    return state._replace(manager=manager), given.ref


def keep(
    state: SearchState, tier: Tier, env: EnvId, place: TreePlace, ref: Ref
) -> tuple[SearchState, frozenset[Where]]:
    """Store a node's context; where. A client that does not recompute leaves what its key has."""
    where = pool_name(state, tier, env), key(state.client.keying, env, place)
    if not (state.client.recomputes or tier is Tier.INIT or where not in stored(state)):
        return state, NOWHERE
    manager, _ = manager_step(state.manager, On(tier, env, Set(where[1], ref)))
    put = frozenset({where})
    return state._replace(manager=manager, written=state.written | put), put


class Branch(NamedTuple):
    """In one environment: which node is looked up, if any, and which is made of it."""

    env: EnvId
    parent: TreePlace | None
    made: TreePlace


def inferred(
    state: SearchState, tier: Tier, branches: tuple[Branch, ...]
) -> tuple[SearchState, Inferred]:
    """Every parent is looked up; then the model writes; then every child is stored."""
    given: list[Given] = []
    for env, parent, _ in branches:
        one = Given(Part(), None)
        if parent is not None:
            state, one = look_up(state, env, parent)
        given.append(one)
    refs: list[Ref] = []
    for (env, _, made), one in zip(branches, given, strict=True):
        state, ref = extended(state, env, one, made.labels[-1])
        refs.append(ref)
    modelled, put = stored(state), NOWHERE
    for (env, _, made), ref in zip(branches, refs, strict=True):
        state, where = keep(state, tier, env, made, ref)
        put |= where
    visits = tuple(
        Visit(node(env, state.weights, parent), one.context)
        for (env, parent, _), one in zip(branches, given, strict=True)
        if parent is not None
    )
    return state, Inferred(visits, modelled, put)


def begin(state: SearchState) -> tuple[SearchState, Inferred]:
    branches = tuple(
        Branch(env, tree[0], next_root(tree[0])) if tree else Branch(env, None, first_root(episode))
        for env, tree, episode in zip(environments(state), state.trees, state.episodes, strict=True)
    )
    state = state._replace(written=NOWHERE, searching=True)
    state, response = inferred(state, Tier.INIT, branches)
    if state.client.clears:
        manager, _ = manager_step(state.manager, ClearTier(Tier.RECUR))
        state = state._replace(manager=manager)
    return state._replace(trees=tuple((one.made,) for one in branches)), response


def simulate(state: SearchState, op: Simulate) -> tuple[SearchState, Inferred]:
    parents = [tree[at] for tree, at in zip(state.trees, op.nodes, strict=True)]
    branches = tuple(
        Branch(env, parent, child(parent, action))
        for env, parent, action in zip(environments(state), parents, op.actions, strict=True)
    )
    state, response = inferred(state, Tier.RECUR, branches)
    grown = tuple((*tree, one.made) for tree, one in zip(state.trees, branches, strict=True))
    return state._replace(trees=grown), response


def end_episode(state: SearchState, env: EnvId) -> SearchState:
    manager, _ = manager_step(state.manager, On(Tier.INIT, env, Clear()))
    trees = (*state.trees[:env], (), *state.trees[env + 1 :])
    episodes = tuple(n + (e == env) for e, n in enumerate(state.episodes))
    return state._replace(searching=False, manager=manager, trees=trees, episodes=episodes)


def learn(state: SearchState) -> SearchState:
    state = state._replace(searching=False, weights=state.weights + 1)
    if not state.client.forgets:
        return state
    manager, _ = manager_step(state.manager, ClearAll())
    return state._replace(manager=manager)


def step(state: SearchState, op: SearchOp) -> tuple[SearchState, SearchResponse]:
    """One step of the client, and what it did. Total and pure."""
    match op:
        case Root():
            return begin(state)
        case Simulate():
            return simulate(state, op)
        case EndEpisode(env):
            return end_episode(state, env), Done()
        case Learn():
            return learn(state), Done()
        case _:
            assert_never(op)
