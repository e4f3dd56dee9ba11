"""The abstract tree search: how large pools must be (S1), and what its contexts rest on (S2)."""

from dataclasses import replace
from math import prod
from random import Random

import pytest
from typer.testing import CliRunner

from kvref import KVCachePool, KVCacheValueError
from spec.laws import search_broken
from spec.profile import CLASSIC, Ownership, Policy, Profile, RecurScope, Sizing
from spec.search_laws import SEARCH
from spec.search_nodes import Keying, Latents
from spec.search_state import SearchClient
from spec.sizing import Config, capacities
from stateful_models.cli.main import app
from stateful_models.engines.searches import explore_searches
from stateful_models.reports.searches import (
    BASE,
    CASES,
    PAIR,
    Case,
    dropped,
    least_recur,
    threshold,
    uncleared,
)
from stateful_models.scopes.searches import SearchScope
from tests.support.night import NIGHT

SIMULATIONS = range(1, 7) if NIGHT else (1, 2, 4)
INSTANCES = [(e, n, scope) for e in (1, 2, 3) for n in SIMULATIONS for scope in RecurScope]


@pytest.mark.parametrize(("envs", "simulations", "scope"), INSTANCES)
def test_retention_needs_one_search_of_every_user(
    envs: int, simulations: int, scope: RecurScope
) -> None:
    """For every policy: that many entries are enough, and one less is not."""
    told = threshold(envs, simulations, scope)
    users = envs if scope is RecurScope.SHARED else 1
    assert told.least_recur == simulations * users
    assert told.confirmed
    assert told.least_init == 1
    assert bool(told.one_less) == (told.least_recur > 1)
    if told.one_less:  # a root, and simulations until one entry more was stored than there is room
        assert len(told.one_less) == 1 + simulations


@pytest.mark.parametrize("envs", [1, 2, 3])
@pytest.mark.parametrize("simulations", [1, 3, 6])
def test_states_of_retention(envs: int, simulations: int) -> None:
    """By order alone a search is a line: its root, then one state a simulation, twice over.

    The k-th simulation may start at any of k nodes in each environment.
    """
    scope = SearchScope(SearchClient(envs), simulations, 1, envs * simulations, 2, by_order=True)
    told = explore_searches(scope)
    assert told.states == 1 + 2 * (1 + simulations)
    assert told.transitions == 2 * (1 + sum(k**envs for k in range(1, simulations + 1)))
    assert told.closed


@pytest.mark.parametrize(
    ("scope", "envs", "simulations"), [(BASE, 1, 3), (PAIR, 2, 2)], ids=["one", "two"]
)
def test_states_of_searches_are_a_tree(scope: SearchScope, envs: int, simulations: int) -> None:
    """Two actions a node: k nodes offer 2k, of which k - 1 are taken; every history is a state."""
    levels = [prod(k + 1 for k in range(1, n + 1)) ** envs for n in range(simulations + 1)]
    one = sum(levels)
    told = explore_searches(scope)
    assert told.states == 1 + one + levels[-1] * one
    assert told.transitions == told.states - 1


def test_states_where_episodes_end_and_weights_change() -> None:
    """One environment, one simulation, two searches.

    Start, root, child; then the next root, or the episode's end, or new weights, or both of these
    in either order: four states that a search begins in, and of each its root and its child.
    """
    told = explore_searches(SearchScope(SearchClient(1), 1, 1, 1, 2, changes=True))
    assert told.states == 3 + 3 + 4 * 2
    assert told.transitions == 2 + 3 + 2 + 2 + 1 + 4
    assert told.broken == {}


def test_states_of_searches_of_some_environments() -> None:
    """Two environments, one search of one simulation of one action.

    Start; a root of either or both; of one its simulation; of both either simulation or both at
    once, and after either the other's, which after the first's is what both at once lead to.
    """
    told = explore_searches(SearchScope(SearchClient(2), 1, 1, 2, actions=1, subsets=True))
    assert told.states == 1 + 3 + 2 * 1 + 3 + 1
    assert told.transitions == 3 + 2 * 1 + 3 + 2
    assert told.broken == {}


def test_states_of_roles_and_replayed_roots() -> None:
    """Roots alone: of either role, or replayed by the second from two places, there or after a
    step; each of those may be followed by any. From a replayed root the next one leads to where the
    recording leads a step later."""
    client = SearchClient(1, roles=2)
    told = explore_searches(SearchScope(client, 0, 1, 1, searches=2, replays=2))
    assert told.states == 1 + 6 + 6 * 6 - 2
    assert told.transitions == 6 + 6 * 6
    assert told.broken == {}


def test_an_init_pool_of_none_is_no_pool() -> None:
    with pytest.raises(KVCacheValueError, match="pool_size must be at least 1, not 0"):
        KVCachePool(0)


@pytest.mark.parametrize("sizing", Sizing)
@pytest.mark.parametrize(("envs", "simulations", "scope"), INSTANCES)
def test_profiles_give_recur_just_what_a_search_needs(
    envs: int, simulations: int, scope: RecurScope, sizing: Sizing
) -> None:
    sizes = capacities(sizing, Config(20, simulations, 5000), envs, scope)
    assert sizes is not None
    assert sizes.recur - least_recur(envs, simulations, scope) == 0
    assert sizes.init - 1 == (19 if sizing is Sizing.SEED else 255)


@pytest.mark.parametrize(
    ("policy", "least"),
    [(Policy.FIFO, [2, 3, 5, 6]), (Policy.PRIORITY, [2, 3, 5, 6]), (Policy.LRU, [2, 2, 2, 2])],
)
def test_without_clearing_seed_is_too_small_but_for_lru(policy: Policy, least: list[int]) -> None:
    """Keys that come again keep their age: the oldest entries may be this search's own."""
    most = 4 if NIGHT else 3
    told = [uncleared(policy, searches) for searches in range(1, most + 1)]
    assert [one.least_recur for one in told] == least[:most]
    assert {one.seed_recur for one in told} == {2}


LENGTHS = {  # steps of the shortest search: a root, then ...
    "REFERENCE, and the model writes in place": 3,  # a node is visited twice
    "keys of latents, equal everywhere": 3,  # a child, looked up: init has the root by its key
    "keys of latents, equal after the same action": 4,  # child, its child, child again
    "keys of latents, two roles": 5,  # both search once, the first looks its root up
    "a key shared by two environments": 3,  # both store, one looks up
    "recur two entries less than S1 needs; a miss goes on from the latest step alone": 4,
    "recur not cleared; keys come again, a child that is there is not computed again": 7,
    "the weights change, and entries stay": 4,  # a simulation, new weights, the next root
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.precondition)
def test_provenance_rests_on_each_precondition(case: Case) -> None:
    policies = CLASSIC if NIGHT else (CLASSIC[CASES.index(case) % 3],)
    told = dropped(case, policies)
    assert told.breaks == (not case.holds)
    assert len(told.search) == LENGTHS.get(case.precondition, 0)
    assert (told.given != told.own_history) == told.breaks


def test_every_broken_case_has_a_length() -> None:
    assert LENGTHS.keys() == {case.precondition for case in CASES if not case.holds}


def test_in_place_writes_reach_a_stored_entry_before_they_are_looked_up() -> None:
    told = explore_searches(
        replace(BASE, client=SearchClient(1, copies=False)), frozenset({"S2", "S3"})
    )
    assert {code: len(one.history) for code, one in told.broken.items()} == {"S3": 2, "S2": 3}


@pytest.mark.parametrize("ownership", Ownership)
def test_a_disciplined_client_breaks_no_law_and_meets_every_situation(ownership: Ownership) -> None:
    told = explore_searches(replace(BASE, profile=Profile(ownership=ownership, counting=False)))
    assert told.broken == {}
    assert told.occurred == {law.code for law in SEARCH}
    assert told.closed


@pytest.mark.parametrize("policy", CLASSIC)
@pytest.mark.parametrize("scope", RecurScope)
def test_random_searches_beyond_the_scope_keep_the_laws(policy: Policy, scope: RecurScope) -> None:
    random, profile = Random(0), Profile(policy, recur_scope=scope, counting=False)
    for envs, simulations in ((2, 9), (3, 7), (4, 5)):
        searches = SearchScope(
            SearchClient(envs),
            simulations,
            1,
            least_recur(envs, simulations, scope),
            4,
            changes=True,
            profile=profile,
        )
        for _ in range(3):
            stage = searches.initial()
            while ops := list(searches.ops(stage)):
                stage, seen = searches.step(stage, random.choice(ops))
                assert search_broken(seen) == ()


def test_the_command_prints_formula_and_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the cases those that break, and two searches kept: each is explored above."""
    monkeypatch.setattr("stateful_models.cli.search.UNCLEARED", (1, 2))
    broken = tuple(case for case in CASES if not case.holds)
    monkeypatch.setattr("stateful_models.cli.search.CASES", broken)
    told = CliRunner().invoke(app, ["search", "--envs", "1", "--simulations", "2"])
    assert told.exit_code == 0
    assert "recur = simulations * environments" in told.output
    assert "the weights change, and entries stay: breaks" in told.output
    assert "SEED is too small" in told.output


def test_a_wrong_expectation_is_told_by_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = (
        Case("not so", replace(BASE, client=SearchClient(1, Keying.LATENT, Latents.LATEST)), True),
    )
    monkeypatch.setattr("stateful_models.cli.search.CASES", wrong)
    monkeypatch.setattr("stateful_models.cli.search.UNCLEARED", (1, 2))
    told = CliRunner().invoke(app, ["search", "--envs", "1", "--simulations", "1"])
    assert told.exit_code == 1
