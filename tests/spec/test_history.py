"""The specification against definitions by history: who was inserted, hit, set, and when.

Here nothing is kept but the history itself; eviction order is derived from it anew each time.
"""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from spec.history import first_disallowed, init_operation, purge, replay, unaffected, whose
from spec.manager import ManagerState, new_manager
from spec.manager import step as manager_step
from spec.ops import (
    Clear,
    ClearAll,
    ClearTier,
    Contents,
    Counters,
    EnvId,
    Get,
    Hit,
    Inspect,
    Key,
    Lookup,
    ManagerOp,
    Miss,
    On,
    Op,
    Peek,
    PoolOp,
    Ref,
    ResetAllStats,
    ResetStats,
    Response,
    Set,
    SlotId,
    Stored,
    Tier,
    Write,
)
from spec.pool import new_pool, step
from spec.profile import CLASSIC, Ownership, Policy, Profile, RecurScope
from spec.sizing import Capacities, Config
from tests.support.night import NIGHT

KEYS = st.sampled_from([Key(key) for key in range(5)])
REFS = st.sampled_from([Ref(ref) for ref in range(3)])
POOL_OPS: st.SearchStrategy[Op] = st.one_of(
    st.builds(Get, KEYS),
    st.builds(Set, KEYS, REFS, st.integers(0, 2)),
    st.builds(Set, KEYS, REFS, st.integers(0, 2)),
    st.just(Clear()),
)
HISTORIES = st.lists(POOL_OPS, max_size=40)


@dataclass
class Seen:
    """What the history says of a resident key."""

    inserted: int
    used: int
    priority: int
    ref: Ref


def resident_by_history(policy: Policy, capacity: int, history: list[Op]) -> dict[Key, Seen]:
    """FIFO: earliest insertion leaves; LRU: earliest use; PRIORITY: lowest, then earliest."""
    resident: dict[Key, Seen] = {}

    def rank(key: Key) -> tuple[int, ...]:
        seen = resident[key]
        if policy.ranked:
            return seen.priority, seen.inserted
        return (seen.inserted if policy == Policy.FIFO else seen.used,)

    for now, op in enumerate(history):
        match op:
            case Clear():
                resident.clear()
            case Get(key) if key in resident:
                resident[key].used = now
            case Set(key, ref, priority) if key is not None and ref is not None:
                if key not in resident and len(resident) == capacity:
                    del resident[min(resident, key=rank)]
                inserted = resident[key].inserted if key in resident else now
                resident[key] = Seen(inserted, now, priority or 0, ref)
            case _:
                pass
    return resident


@given(st.sampled_from(CLASSIC), st.integers(1, 4), HISTORIES)
@settings(max_examples=400 if NIGHT else 100, deadline=None, derandomize=True)
def test_residents_are_those_that_the_history_defines(
    policy: Policy, capacity: int, history: list[Op]
) -> None:
    state, _ = replay(step, new_pool(Profile(policy), capacity, 3), history)
    expected = resident_by_history(policy, capacity, history)
    assert {e.key: e.ref for e in state.pool.entries} == {k: s.ref for k, s in expected.items()}
    if policy == Policy.LRU:
        by_use = sorted(expected, key=lambda key: expected[key].used)
        assert [e.key for e in state.pool.entries] == by_use


@given(st.sampled_from(CLASSIC), st.integers(1, 3), HISTORIES, HISTORIES)
@settings(max_examples=200 if NIGHT else 60, deadline=None, derandomize=True)
def test_a_cleared_pool_behaves_as_a_new_one(
    policy: Policy, capacity: int, before: list[Op], after: list[Op]
) -> None:
    """P7: no trace of earlier keys remains, over any history that follows."""
    new = new_pool(Profile(policy), capacity, 3)
    used, _ = replay(step, new, [*before, Clear()])
    assert replay(step, used, after)[1] == replay(step, new, after)[1]


@given(st.sampled_from(CLASSIC), st.integers(1, 3), HISTORIES)
@settings(max_examples=200 if NIGHT else 60, deadline=None, derandomize=True)
def test_counters_add_up_over_any_history(policy: Policy, capacity: int, history: list[Op]) -> None:
    state, answers = replay(step, new_pool(Profile(policy), capacity, 3), history)
    c = state.pool.counters
    assert c.hits == sum(isinstance(answer, Hit) for answer in answers)
    assert c.misses == sum(isinstance(answer, Miss) for answer in answers)
    assert c.insertions + c.updates == sum(isinstance(answer, Stored) for answer in answers)
    assert c.insertions == len(state.pool.entries) + c.evictions + c.cleared


def test_first_disallowed_answer() -> None:
    start = new_pool(Profile(), 1, 1)
    history: list[tuple[Op, Response]] = [
        (Set(Key(1), Ref(0)), Stored(SlotId(0))),
        (Get(Key(1)), Miss()),
    ]
    assert first_disallowed(step, start, history) == 1
    assert first_disallowed(step, start, history[:1]) is None


def test_counters_start_at_zero() -> None:
    assert new_pool(Profile(), 1, 1).pool.counters == Counters() == (0,) * 7


def small_manager(scope: RecurScope) -> ManagerState:
    profile = Profile(recur_scope=scope)
    return new_manager(profile, Config(1, 1), Capacities(1, 1, 1), envs=2, objects=3)


ENVS = st.sampled_from([EnvId(0), EnvId(1)])
PAIR = st.sampled_from([Key(0), Key(1)])
SMALL_OPS: st.SearchStrategy[PoolOp] = st.one_of(
    st.builds(Get, PAIR),
    st.builds(Peek, PAIR),
    st.builds(Set, PAIR, REFS),
    st.sampled_from([Clear(), Inspect(), ResetStats()]),
)
MANAGER_OPS: st.SearchStrategy[ManagerOp] = st.one_of(
    st.builds(On, st.sampled_from(Tier), ENVS, SMALL_OPS),
    st.builds(Lookup, ENVS, PAIR),
    st.builds(ClearTier, st.sampled_from(Tier)),
    st.sampled_from([ClearAll(), ResetAllStats()]),
)


@given(st.sampled_from(RecurScope), ENVS, st.lists(MANAGER_OPS, max_size=30))
@settings(max_examples=300 if NIGHT else 80, deadline=None, derandomize=True)
def test_init_pools_do_not_interfere(
    scope: RecurScope, env: EnvId, history: list[ManagerOp]
) -> None:
    """M2."""
    assert unaffected(small_manager(scope), history, env, init_operation)


@given(ENVS, st.lists(MANAGER_OPS, max_size=30))
@settings(max_examples=300 if NIGHT else 80, deadline=None, derandomize=True)
def test_recur_pools_of_their_own_close_the_channel(env: EnvId, history: list[ManagerOp]) -> None:
    """M5, with one recurrent pool per environment: of every operation that is somebody's."""
    assert unaffected(small_manager(RecurScope.PER_ENV), history, env, lambda op: True)


def test_wm_is_nobodys_whoever_asks() -> None:
    """What one environment keeps there another may find: that is no interference."""
    theirs = On(Tier.WM, EnvId(1), Set(Key(0), Ref(0)))
    mine = On(Tier.WM, EnvId(0), Get(Key(0)))
    state = small_manager(RecurScope.PER_ENV)
    assert whose(theirs) is whose(mine) is whose(On(Tier.WM, None, Clear())) is None
    assert purge((theirs, mine), EnvId(0)) == (theirs, mine)
    assert unaffected(state, (theirs, mine), EnvId(0), lambda op: True)
    assert whose(On(Tier.RECUR, EnvId(1), Clear())) == EnvId(1)


def test_a_client_that_writes_into_what_two_have_set_can_tell() -> None:
    """What the law does not speak of: the other's set has sealed the object."""
    profile = Profile(ownership=Ownership.SEALED)
    state = new_manager(profile, Config(1, 1), Capacities(1, 1, 1), envs=2, objects=1)
    give, look = Set(Key(0), Ref(0)), Get(Key(0))
    mine = On(Tier.INIT, EnvId(0), give), On(Tier.INIT, EnvId(0), look)
    history = (On(Tier.INIT, EnvId(1), give), Write(Ref(0), Contents(5)), *mine)
    assert not unaffected(state, history, EnvId(0), init_operation)


def test_the_shared_recur_pool_is_the_channel() -> None:
    """M5: the shortest history in which environment 1 observes environment 0."""
    state = small_manager(RecurScope.SHARED)
    history: list[ManagerOp] = [
        On(Tier.RECUR, EnvId(0), Set(Key(0), Ref(0))),
        Lookup(EnvId(1), Key(0)),
    ]
    assert not unaffected(state, history, EnvId(1), lambda op: True)
    assert unaffected(state, history, EnvId(1), init_operation)
    _, answers = replay(manager_step, state, history)
    assert isinstance(answers[1], Hit)
