"""How a search's client deals with the cache: it looks contexts up, extends them, keeps them."""

from typing import NamedTuple

from spec.heap import new_object
from spec.manager import step as manager_step
from spec.ops import Contents, Done, EnvId, Hit, Key, Lookup, On, Ref, Set, Tier, Write
from spec.search_nodes import TreePlace, column, context, key, node, with_room
from spec.search_state import NOWHERE, SearchState, Where, own, pool_name, stored
from spec.window import Part, append


class Given(NamedTuple):
    """What the model is given to work on; `ref` is the stored object itself, where it hit."""

    context: Part
    ref: Ref | None


def key_of(state: SearchState, env: EnvId, place: TreePlace) -> Key:
    return key(state.client.keying, state.client.latents, own(state, env), place)


def look_up(state: SearchState, env: EnvId, place: TreePlace) -> tuple[SearchState, Given]:
    """A node's context, from init, from recur or rebuilt, with room for one more step."""
    manager, answer = manager_step(state.manager, Lookup(env, key_of(state, env, place)))
    state, length = state._replace(manager=manager), state.client.context_length
    if isinstance(answer, Hit):
        found, ref = state.histories[answer.contents], answer.ref
    else:
        whole, ref = context(node(own(state, env), place), length), None
        found = whole if state.client.rebuilds else Part(whole.tokens[-1:])
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
    step = (column(own(state, env), label),)
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
    where = pool_name(state, tier, env), key_of(state, env, place)
    if not (state.client.recomputes or tier is Tier.INIT or where not in stored(state)):
        return state, NOWHERE
    manager, _ = manager_step(state.manager, On(tier, env, Set(where[1], ref)))
    put, name = frozenset({where}), (where, node(own(state, env), place))
    others = tuple(one for one in state.names if one[0] != where)
    state = state._replace(manager=manager, written=state.written | put, names=(*others, name))
    return still_there(state), put


def still_there(state: SearchState) -> SearchState:
    """Without the names of entries that are gone."""
    there = stored(state)
    return state._replace(names=tuple(one for one in state.names if one[0] in there))


def so_far(state: SearchState, env: EnvId, made: TreePlace) -> Part:
    """What the steps before a node's last leave, with room for that one."""
    length, earlier = state.client.context_length, TreePlace(made.labels[:-1])
    return with_room(context(node(own(state, env), earlier), length), length, 1)
