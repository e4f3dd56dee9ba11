"""One step of the specification's search client, by its values."""

import pytest

from spec.manager import new_manager
from spec.ops import Done, EnvId
from spec.profile import Profile
from spec.search import look_up, step
from spec.search_laws import shown
from spec.search_nodes import TreePlace, column, first_root, with_room
from spec.search_state import (
    EndEpisode,
    Inferred,
    Learn,
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


ONCE = Simulate((0, 0, 0), (0, 1, 2))


def test_a_new_search_has_no_trees_and_no_episode_behind_it() -> None:
    state = begun()
    assert state.trees == ((), (), ())
    assert state.episodes == (0, 0, 0)
    assert (state.searching, state.weights, state.written) == (False, 0, frozenset())


def test_what_a_step_put_is_of_every_environment() -> None:
    """Also where one environment's entry pushed out another's within the step (S1)."""
    state, response = after(Root())
    assert put_by(response) == stored(state).keys() == state.written
    small, roots = step(begun(recur=2), Root())
    small, response = step(small, ONCE)
    assert len(put_by(response)) == 3
    assert len(put_by(response) - stored(small).keys()) == 1
    assert small.written == put_by(response) | put_by(roots)


def test_an_episode_that_ends_takes_its_own_roots_only() -> None:
    before, _ = after(Root(), ONCE)
    state, response = step(before, EndEpisode(EnvId(0)))
    assert response == Done()
    assert shown(state).written == frozenset()
    assert state.trees == ((), *before.trees[1:])
    assert state.episodes == (1, 0, 0)
    assert not state.searching
    gone = {where for where in stored(before) if where[0] == "init:0"}
    assert stored(state).keys() == stored(before).keys() - gone
    begins, _ = step(state, Root())
    assert begins.trees[0] == (first_root(1),)
    assert begins.trees[1] != (first_root(0),)
    assert begins.searching


def test_of_three_episodes_the_middle_one_may_end() -> None:
    state, _ = after(Root(), EndEpisode(EnvId(1)))
    assert [bool(tree) for tree in state.trees] == [True, False, True]
    assert state.episodes == (0, 1, 0)


@pytest.mark.parametrize("forgets", [True, False])
def test_new_weights_end_the_search_and_empty_the_pools_of_a_client_that_forgets(
    forgets: bool,
) -> None:
    before, _ = after(Root(), ONCE, client=SearchClient(3, forgets=forgets))
    state, response = step(before, Learn())
    assert response == Done()
    assert (state.weights, state.searching, state.trees) == (1, False, before.trees)
    assert stored(state) == ({} if forgets else stored(before))
    again, _ = step(state, Learn())
    assert again.weights == 2


@pytest.mark.parametrize(
    "op",
    [
        Simulate((0, 0), (0, 0, 0)),
        Simulate((0, 0, 0), (0, 0)),
        Simulate((0,) * 4, (0,) * 3),
        Simulate((0,) * 3, (0,) * 4),
    ],
)
def test_a_simulation_has_a_node_and_an_action_for_each_environment(op: Simulate) -> None:
    state, _ = after(Root())
    with pytest.raises(ValueError, match="zip"):
        step(state, op)


DEEP = TreePlace((16, 8, 9), 0)


@pytest.mark.parametrize(("rebuilds", "tokens"), [(True, (16, 8, 9)), (False, (9,))])
def test_a_miss_is_made_good_from_the_history_or_from_its_latest_step(
    rebuilds: bool, tokens: tuple[int, ...]
) -> None:
    _, given = look_up(begun(SearchClient(3, rebuilds=rebuilds)), EnvId(1), DEEP)
    assert given.context == Part(tuple(column(EnvId(1), 0, label) for label in tokens))
    assert given.ref is None


def test_room_is_made_in_pairs_and_counted() -> None:
    part = Part(tuple((Token(n),) for n in (5, 6, 7)), 1)
    assert with_room(part, 3, 1) == Part(((Token(7),),), 3)
    assert with_room(part, 4, 1) == part
