"""What the specification of a manager says where one pool of FIFO references says nothing."""

import pytest

from kvref import KVCacheManager, RecurScope
from spec.history import answers, init_operation, purge, unaffected, whose
from spec.manager import Lookups, ManagerState, new_manager, pool_index, step
from spec.ops import (
    ClearAll,
    ClearTier,
    Contents,
    Done,
    EnvId,
    Get,
    Hit,
    Key,
    Lookup,
    ManagerOp,
    Miss,
    On,
    Read,
    Ref,
    Refused,
    Reread,
    ResetAllStats,
    Response,
    Rewrite,
    Seen,
    Set,
    SlotId,
    Stored,
    Tier,
    Write,
)
from spec.profile import FIFO_COPY, FIFO_REFERENCE, FIFO_SEALED, Profile, Sizing
from spec.profile import RecurScope as Scope
from spec.sizing import Capacities, Config, capacities

E0, E1, A, O0, O1 = EnvId(0), EnvId(1), Key(0), Ref(0), Ref(1)
PER_ENV = Profile(recur_scope=Scope.PER_ENV)


def after(profile: Profile, *ops: ManagerOp) -> tuple[ManagerState, tuple[Response, ...]]:
    """A manager of two environments after these operations, and what they answered."""
    state, answered = new_manager(profile, Config(2, 2), Capacities(2, 4, 2), 2, 2), []
    for op in ops:
        state, response = step(state, op)
        answered.append(response)
    return state, tuple(answered)


@pytest.mark.parametrize("scope", list(Scope))
def test_pools_are_named_as_kvref_names_them(scope: Scope) -> None:
    theirs: KVCacheManager[str] = KVCacheManager(
        Config(2, 2), 2, recur_scope=RecurScope[scope.name]
    )
    state, _ = after(Profile(recur_scope=scope))
    assert [pool.name for pool in state.pools] == [pool.name for pool in theirs.pools]


@pytest.mark.parametrize("profile", [FIFO_REFERENCE, PER_ENV])
@pytest.mark.parametrize("env", [-1, 2])
def test_an_environment_out_of_range_names_no_pool(profile: Profile, env: int) -> None:
    state, _ = after(profile)
    for tier in (Tier.INIT, Tier.RECUR):
        assert pool_index(state, tier, EnvId(env)) is None
        assert step(state, On(tier, EnvId(env), Get(A))) == (state, Refused())
    assert pool_index(state, Tier.INIT, None) is None
    assert pool_index(state, Tier.WM, None) == len(state.pools) - 1


def test_an_environment_names_its_recur_pool() -> None:
    shared, _ = after(FIFO_REFERENCE)
    assert {pool_index(shared, Tier.RECUR, env) for env in (None, E0, E1)} == {2}
    own, _ = after(PER_ENV)
    assert [pool_index(own, Tier.RECUR, env) for env in (None, E0, E1)] == [None, 2, 3]


@pytest.mark.parametrize("profile", [FIFO_REFERENCE, PER_ENV])
def test_a_lookup_must_name_an_environment(profile: Profile) -> None:
    state, answered = after(profile, Lookup(None, A), Lookup(EnvId(2), A), Lookup(E0, None))
    assert answered == (Refused(),) * 3
    assert state.lookups == Lookups()


def test_a_lookup_falls_back_on_the_environments_own_recur_pool() -> None:
    mine = On(Tier.RECUR, E1, Set(A, O0))
    _, answered = after(PER_ENV, mine, Lookup(E1, A), Lookup(E0, A))
    assert answered[1:] == (Hit(O0, Contents(0)), Miss())


@pytest.mark.parametrize(
    ("counting", "counted"), [(True, Lookups(1, 1, 1)), (False, Lookups(0, 0, 0))]
)
def test_lookups_are_counted_where_anything_is(counting: bool, counted: Lookups) -> None:
    state, _ = after(
        Profile(counting=counting),
        Lookup(E0, A),
        On(Tier.RECUR, None, Set(A, O0)),
        Lookup(E0, A),
        On(Tier.INIT, E0, Set(A, O0)),
        Lookup(E0, A),
    )
    assert state.lookups == counted


def test_a_set_on_one_pool_seals_the_object_for_all() -> None:
    state, answered = after(FIFO_SEALED, On(Tier.WM, None, Set(A, O0)), Write(O0, Contents(9)))
    assert state.heap.objects[0].sealed
    assert answered[1] == Refused()


def test_the_client_reads_and_writes_its_own_objects() -> None:
    ops = Read(O1), Write(O1, Contents(9)), Read(O1), Reread(), Rewrite(Contents(7))
    _, answered = after(FIFO_REFERENCE, *ops)
    assert answered == (Seen(Contents(1)), Done(), Seen(Contents(9)), Refused(), Refused())


def test_the_client_reads_what_a_pool_delivered() -> None:
    in_init = On(Tier.INIT, E0, Set(A, O1))
    state, answered = after(FIFO_COPY, in_init, On(Tier.INIT, E0, Get(A)), Reread())
    assert answered[2] == Seen(Contents(1))
    assert state.heap.hand is not None
    assert state.heap.hand.home == ("init:0", A)


@pytest.mark.parametrize("sizing", list(Sizing))
def test_a_recur_pool_of_ones_own_has_room_for_ones_own_search(sizing: Sizing) -> None:
    given = Config(game_segment_length=20, num_simulations=5, max_cache_size=20)
    assert capacities(sizing, given, 4, Scope.PER_ENV) == (20, 5, 4)
    assert capacities(sizing, given, 4, Scope.SHARED) == (20, 20, 4)


NOBODYS = (ClearTier(Tier.WM), ClearAll(), ResetAllStats(), Read(O0), Write(O0, Contents(3)))


def test_what_names_no_environment_is_everybodys() -> None:
    assert [whose(op) for op in NOBODYS] == [None] * 5
    mine, its = Lookup(E0, A), On(Tier.INIT, E1, Get(A))
    assert purge((mine, its, *NOBODYS), E0) == (mine, *NOBODYS)


def test_answers_are_those_to_the_environments_selected_operations() -> None:
    state, _ = after(FIFO_REFERENCE)
    set_, get = On(Tier.INIT, E0, Set(A, O0)), On(Tier.INIT, E0, Get(A))
    history = set_, On(Tier.INIT, E1, Get(A)), get, Lookup(E0, A), ClearAll()
    stored, hit = Stored(answered_slot(state, set_)), Hit(O0, Contents(0))
    assert answers(state, history, E0, init_operation) == (stored, hit)
    assert answers(state, history, E0, lambda op: True) == (stored, hit, hit)
    assert answers(state, history, E1, init_operation) == (Miss(),)


def answered_slot(state: ManagerState, op: ManagerOp) -> SlotId:
    _, response = step(state, op)
    assert isinstance(response, Stored)
    return response.slot


def test_what_is_seen_through_recur_is_interference() -> None:
    """The comparison can fail: M5 speaks of what these lookups answer."""
    state, _ = after(FIFO_REFERENCE)
    history = On(Tier.RECUR, E1, Set(A, O0)), Lookup(E0, A)
    assert not unaffected(state, history, E0, lambda op: True)
    assert unaffected(state, history, E0, init_operation)
