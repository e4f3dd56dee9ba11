"""One step of the specification's search client, by its values."""

import pytest

from spec.manager import new_manager
from spec.ops import Done, EnvId
from spec.profile import Profile
from spec.search import step
from spec.search_client import look_up
from spec.search_laws import shown
from spec.search_nodes import (
    Keying,
    Node,
    Salt,
    TreePlace,
    child,
    column,
    first_root,
    next_root,
    node,
    replayed_root,
    with_room,
)
from spec.search_state import (
    EndEpisode,
    Expand,
    Inferred,
    Learn,
    Recorded,
    Replay,
    Root,
    SearchClient,
    SearchOp,
    SearchResponse,
    SearchState,
    Simulate,
    Where,
    new_search,
    stored,
)
from spec.sizing import Capacities, Config
from spec.window import Part, Token

THREE = SearchClient(3)


def begun(client: SearchClient = THREE, recur: int = 6) -> SearchState:
    manager = new_manager(
        Profile(counting=False), Config(), Capacities(1, recur, 3), client.envs, 0
    )
    return new_search(client, manager)


def after(*ops: SearchOp, client: SearchClient = THREE) -> tuple[SearchState, SearchResponse]:
    state = begun(client)
    for op in ops:
        state, response = step(state, op)
    return state, response


def put_by(response: SearchResponse) -> frozenset[Where]:
    assert isinstance(response, Inferred)
    return response.put


ALL = (EnvId(0), EnvId(1), EnvId(2))
ONCE = Simulate(tuple(Expand(env, 0, env) for env in ALL))


def test_a_new_search_has_no_trees_and_no_episode_behind_it() -> None:
    state = begun()
    assert state.trees == ((), (), ())
    assert state.episodes == ((0, 0, 0),)
    assert (state.role, state.weights) == (0, 0)
    assert not state.searching
    assert not state.written
    assert state.names == ()


def test_what_a_step_put_is_of_every_environment() -> None:
    """Also where one environment's entry pushed out another's within the step (S1)."""
    state, response = after(Root(ALL))
    assert put_by(response) == stored(state).keys() == state.written
    small, roots = step(begun(recur=2), Root(ALL))
    small, response = step(small, ONCE)
    assert len(put_by(response)) == 3
    assert len(put_by(response) - stored(small).keys()) == 1
    assert small.written == put_by(response) | put_by(roots)


def test_an_episode_that_ends_takes_its_own_roots_only() -> None:
    before, _ = after(Root(ALL), ONCE)
    state, response = step(before, EndEpisode(EnvId(0)))
    assert response == Done()
    assert shown(state).written == frozenset()
    assert state.trees == ((), *before.trees[1:])
    assert state.episodes == ((1, 0, 0),)
    assert not state.searching
    assert {where for where, _ in state.names} == stored(state).keys()
    gone = {where for where in stored(before) if where[0] == "init:0"}
    assert stored(state).keys() == stored(before).keys() - gone
    begins, _ = step(state, Root(ALL))
    assert begins.trees[0] == (first_root(1),)
    assert begins.trees[1] != (first_root(0),)
    assert begins.searching == frozenset(ALL)


def test_of_three_episodes_the_middle_one_may_end() -> None:
    state, _ = after(Root(ALL), EndEpisode(EnvId(1)))
    assert [bool(tree) for tree in state.trees] == [True, False, True]
    assert state.episodes == ((0, 1, 0),)


@pytest.mark.parametrize("forgets", [True, False])
def test_new_weights_end_the_search_and_empty_the_pools_of_a_client_that_forgets(
    forgets: bool,
) -> None:
    before, _ = after(Root(ALL), ONCE, client=SearchClient(3, forgets=forgets))
    state, response = step(before, Learn())
    assert response == Done()
    assert (state.weights, state.searching, state.trees) == (1, frozenset(), before.trees)
    assert {where for where, _ in state.names} == stored(state).keys()
    assert stored(state) == ({} if forgets else stored(before))
    again, _ = step(state, Learn())
    assert again.weights == 2


def test_a_search_may_be_of_some_environments_and_go_on_in_fewer() -> None:
    """The others keep their trees; recur is cleared of all."""
    before, _ = after(Root(ALL), ONCE)
    state, response = step(before, Root((EnvId(2), EnvId(0))))
    assert state.searching == {0, 2}
    assert state.trees[1] == before.trees[1]
    assert [len(tree) for tree in state.trees] == [1, 2, 1]
    assert {pool for pool, _ in put_by(response)} == {"init:0", "init:2"}
    assert {pool for pool, _ in stored(state)} == {"init:0", "init:1", "init:2"}
    assert {where for where, _ in state.names} == stored(state).keys()
    further, response = step(state, Simulate((Expand(EnvId(2), 0, 1),)))
    assert [len(tree) for tree in further.trees] == [1, 2, 2]
    assert further.trees[2][1] == child(state.trees[2][0], 1)
    assert isinstance(response, Inferred)
    assert [visit.node.env for visit in response.visits] == [2]


def test_roles_have_trees_and_episodes_of_their_own() -> None:
    two = SearchClient(3, roles=2)
    first, _ = after(Root(ALL), client=two)
    second, _ = step(first, Root((EnvId(1),), role=1))
    assert second.role == 1
    assert second.trees == ((), (first_root(0),), ())
    assert second.forest[0] == first.trees
    both = [one for where, one in second.names if where[0] == "init:1"]
    assert both == [node(Salt(EnvId(1)), first_root(0)), node(Salt(EnvId(1), 1), first_root(0))][1:]
    ended, _ = step(second, EndEpisode(EnvId(1), role=1))
    assert ended.episodes == ((0, 0, 0), (0, 1, 0))
    assert ended.trees == ((), (), ())
    again, _ = step(ended, Root((EnvId(1),), role=0))
    assert again.role == 0
    assert again.trees[1] == (next_root(first_root(0)),)


def test_a_replayed_root_has_the_history_of_its_recording() -> None:
    """It takes the place of what was there, and goes on from itself."""
    roots = (Recorded(EnvId(2), 1, 0), Recorded(EnvId(0), 0, 3))
    before, _ = after(Root(ALL))
    state, response = step(before, Replay(roots))
    assert state.trees == ((replayed_root(0, 3),), before.trees[1], (replayed_root(1, 0),))
    assert isinstance(response, Inferred)
    assert response.visits == ()
    held = {where: columns for where, columns in stored(state).items() if where in response.put}
    places = {"init:0": replayed_root(0, 3), "init:2": replayed_root(1, 0)}
    assert {pool: columns for (pool, _), columns in held.items()} == {
        pool: tuple(column(Salt(EnvId(int(pool[-1]))), label) for label in place.labels)
        for pool, place in places.items()
    }
    on, response = step(state, Root((EnvId(0),)))
    assert on.trees[0] == (next_root(replayed_root(0, 3)),)
    assert isinstance(response, Inferred)
    (visit,) = response.visits
    assert visit.node == node(Salt(EnvId(0)), replayed_root(0, 3))


def test_a_replayed_history_longer_than_a_context_is_cut() -> None:
    state, _ = after(Replay((Recorded(EnvId(0), 0, 6),)))
    (columns,) = stored(state).values()
    assert columns == tuple(column(Salt(EnvId(0)), 8) for _ in range(3))


def test_a_step_names_what_it_looked_up_and_what_it_stored() -> None:
    state, _ = after(Root(ALL))
    _, response = step(state, Simulate((Expand(EnvId(1), 0, 2),)))
    assert isinstance(response, Inferred)
    salt, root = Salt(EnvId(1)), first_root(0)
    told = [(pool, one) for (pool, _), one in response.names]
    kept: Node = node(salt, child(root, 2))
    assert told == [("init:1", node(salt, root)), ("recur", node(salt, root)), ("recur", kept)]
    assert {where for where, one in response.names if one == kept} == response.put


def test_a_child_that_is_there_is_named_by_nobody_anew() -> None:
    """A client that does not recompute stores nothing under a key that is resident."""
    client = SearchClient(1, Keying.IMAGINED, clears=False, recomputes=False)
    here = (EnvId(0),)
    once = Simulate((Expand(EnvId(0), 0, 1),))
    first, _ = after(Root(here), once, client=client)
    state, response = after(Root(here), once, Root(here), once, client=client)
    assert put_by(response) == frozenset()
    recur = [one for one in state.names if one[0][0] == "recur"]
    assert recur == [one for one in first.names if one[0][0] == "recur"]


DEEP = TreePlace((16, 8, 9), 0)


@pytest.mark.parametrize(("rebuilds", "tokens"), [(True, (16, 8, 9)), (False, (9,))])
def test_a_miss_is_made_good_from_the_history_or_from_its_latest_step(
    rebuilds: bool, tokens: tuple[int, ...]
) -> None:
    _, given = look_up(begun(SearchClient(3, rebuilds=rebuilds)), EnvId(1), DEEP)
    assert given.context == Part(tuple(column(Salt(EnvId(1)), label) for label in tokens))
    assert given.ref is None


def test_room_is_made_in_pairs_and_counted() -> None:
    part = Part(tuple((Token(n),) for n in (5, 6, 7)), 1)
    assert with_room(part, 3, 1) == Part(((Token(7),),), 3)
    assert with_room(part, 4, 1) == part
