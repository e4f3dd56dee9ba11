"""The client: an abstract tree search over the manager.

Root inference looks up the context of the root before, extends it by what really happened and
stores it in init. A simulation descends to a node, looks its context up, lets the model extend a
working copy by an action and what it predicts, and stores that in recur as the child's. Recur is
cleared as a search begins; a miss is made good from the node's own history.
"""

from typing import Final, NamedTuple, assert_never

from spec.heap import Heap, Object
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
from spec.search_laws import SearchStep, Visit, Where, context, with_room
from spec.search_nodes import Place, child, column, first_root, key, next_root, node
from spec.search_state import (
    EndEpisode,
    Learn,
    Root,
    SearchOp,
    SearchState,
    Simulate,
    environments,
    pool_name,
    stored,
)
from spec.window import Part, append

NOTHING: Final[frozenset[Where]] = frozenset()


class Given(NamedTuple):
    """What the model is given to work on; `ref` is the stored object itself, where it hit."""

    context: Part
    ref: Ref | None


def look_up(state: SearchState, env: EnvId, place: Place) -> tuple[SearchState, Given]:
    """A node's context, from init, from recur or rebuilt, with room for one more step."""
    manager, answer = manager_step(state.manager, Lookup(env, key(state.client.keying, env, place)))
    state, length = state._replace(manager=manager), state.client.context_length
    if isinstance(answer, Hit):
        found, ref = state.histories[answer.contents], answer.ref
    else:
        own, ref = context(node(env, state.weights, place), length), None
        found = own if state.client.rebuilds else Part(own.tokens[-1:])
    return state, Given(with_room(found, length, 1), ref)


def extended(state: SearchState, env: EnvId, given: Given, label: int) -> tuple[SearchState, Ref]:
    """The model appends a step: to a copy, or to the very object that the lookup delivered."""
    made = Contents(len(state.histories))
    step = (column(env, state.weights, label),)
    longer = append(given.context, state.client.context_length, step)
    state = state._replace(histories=(*state.histories, longer))
    if not state.client.copies and given.ref is not None:
        manager, answer = manager_step(state.manager, Write(given.ref, made))
        if isinstance(answer, Done):
            return state._replace(manager=manager), given.ref
    heap = state.manager.heap
    grown = Heap((*heap.objects, Object(made)), heap.hand)
    manager = state.manager._replace(heap=grown)
    return state._replace(manager=manager), Ref(len(heap.objects))


def keep(
    state: SearchState, tier: Tier, env: EnvId, place: Place, ref: Ref
) -> tuple[SearchState, frozenset[Where]]:
    """Store a node's context; where. A client that does not recompute leaves what its key has."""
    where = pool_name(state, tier, env), key(state.client.keying, env, place)
    if not (state.client.recomputes or tier is Tier.INIT or where not in stored(state)):
        return state, NOTHING
    manager, _ = manager_step(state.manager, On(tier, env, Set(where[1], ref)))
    put = frozenset({where})
    return state._replace(manager=manager, written=state.written | put), put


class Row(NamedTuple):
    """In one environment: which node is looked up, if any, and which is made of it."""

    env: EnvId
    parent: Place | None
    made: Place


def inferred(
    state: SearchState, tier: Tier, rows: tuple[Row, ...]
) -> tuple[SearchState, SearchStep]:
    """Every row is looked up; then the model writes; then every row is stored."""
    before, written = stored(state), state.written
    given: list[Given] = []
    for env, parent, _ in rows:
        if parent is None:
            given.append(Given(Part(), None))
        else:
            state, one = look_up(state, env, parent)
            given.append(one)
    refs = []
    for (env, _, made), one in zip(rows, given, strict=True):
        state, ref = extended(state, env, one, made.labels[-1])
        refs.append(ref)
    modelled = stored(state)
    put: frozenset[Where] = NOTHING
    for (env, _, made), ref in zip(rows, refs, strict=True):
        state, where = keep(state, tier, env, made, ref)
        put |= where
    visits = tuple(
        Visit(node(env, state.weights, parent), one.context)
        for (env, parent, _), one in zip(rows, given, strict=True)
        if parent is not None
    )
    seen = SearchStep(
        state.client.context_length, 1, visits, before, modelled, stored(state), written, put
    )
    return state, seen


def begin(state: SearchState) -> tuple[SearchState, SearchStep]:
    rows = tuple(
        Row(env, tree[0], next_root(tree[0])) if tree else Row(env, None, first_root(episode))
        for env, tree, episode in zip(environments(state), state.trees, state.episodes, strict=True)
    )
    state = state._replace(written=frozenset(), searching=True)
    state, seen = inferred(state, Tier.INIT, rows)
    if state.client.clears:
        manager, _ = manager_step(state.manager, ClearTier(Tier.RECUR))
        state = state._replace(manager=manager)
    trees = tuple((row.made,) for row in rows)
    return state._replace(trees=trees), seen._replace(after=stored(state))


def simulate(state: SearchState, op: Simulate) -> tuple[SearchState, SearchStep]:
    parents = [tree[at] for tree, at in zip(state.trees, op.nodes, strict=True)]
    rows = tuple(
        Row(env, parent, child(parent, action))
        for env, parent, action in zip(environments(state), parents, op.actions, strict=True)
    )
    state, seen = inferred(state, Tier.RECUR, rows)
    grown = tuple((*tree, row.made) for tree, row in zip(state.trees, rows, strict=True))
    return state._replace(trees=grown), seen


def step(state: SearchState, op: SearchOp) -> tuple[SearchState, SearchStep]:
    """One step of the client, and what is to be observed of it."""
    match op:
        case Root():
            return begin(state)
        case Simulate():
            return simulate(state, op)
        case EndEpisode(env):
            manager, _ = manager_step(state.manager, On(Tier.INIT, env, Clear()))
            trees = (*state.trees[:env], (), *state.trees[env + 1 :])
            episodes = tuple(n + (e == env) for e, n in enumerate(state.episodes))
            after = state._replace(searching=False, manager=manager, trees=trees, episodes=episodes)
        case Learn():
            after = state._replace(searching=False, weights=state.weights + 1)
            if state.client.forgets:
                manager, _ = manager_step(state.manager, ClearAll())
                after = after._replace(manager=manager)
        case _:
            assert_never(op)
    before = stored(state)
    return after, SearchStep(
        state.client.context_length, 1, (), before, before, stored(after), NOTHING, NOTHING
    )
