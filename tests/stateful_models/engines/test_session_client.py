"""kvref's search session, driven by the specification's own client: all small searches, and random
ones beyond."""

from dataclasses import replace
from random import Random

import pytest

from spec.profile import Ownership, Profile, RecurScope
from spec.search_state import SearchClient
from stateful_models.bugs.tensors.stores_views import StoresViews
from stateful_models.bugs.tensors.works_in_place import WorksInPlace
from stateful_models.engines.session_client import (
    TURNS,
    SessionClient,
    first_difference,
    histories,
    turns_of,
)
from stateful_models.reference.pool import OWNERSHIP
from stateful_models.reference.sessions import KvrefSession
from stateful_models.scopes.searches import SearchScope
from stateful_models.subjects.sessions import SessionSubject
from tests.support.night import NIGHT

SMALL = {
    "episodes and weights": SearchScope(SearchClient(1), 2, 1, 2, 2, actions=2, changes=True),
    "two environments": SearchScope(SearchClient(2), 1, 1, 2, 3, actions=2),
    "evicting": SearchScope(SearchClient(1), 3, 1, 2, 1, actions=2),
}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("ownership", OWNERSHIP)
def test_sessions_do_what_the_specified_client_does(name: str, ownership: Ownership) -> None:
    """Contexts, where they came from, and everything stored, after every step.

    By day every third search; where episodes end of two simulations for SEALED, one for the others.
    """
    scope = replace(SMALL[name], profile=Profile(ownership=ownership, counting=False))
    if scope.changes and ownership is not Ownership.SEALED and not NIGHT:
        scope = replace(scope, simulations=1, recur=1)
    for history in list(histories(scope))[:: 1 if NIGHT else 3]:
        assert first_difference(scope, history, KvrefSession) is None


@pytest.mark.parametrize("recur_scope", RecurScope)
def test_sessions_do_so_in_random_searches_beyond(recur_scope: RecurScope) -> None:
    random, profile = Random(1), Profile(recur_scope=recur_scope, counting=False)
    scope = SearchScope(
        SearchClient(3),
        6,
        1,
        6 if recur_scope is RecurScope.PER_ENV else 18,
        3,
        changes=True,
        profile=profile,
    )
    for _ in range(6 if NIGHT else 3):
        client, stage = SessionClient(scope, KvrefSession), scope.initial()
        while ops := list(scope.ops(stage)):
            op = random.choice(ops)
            stage, _ = scope.step(stage, op)
            assert client.perform(op) is None


@pytest.mark.parametrize("turns", TURNS)
def test_sessions_do_so_in_whatever_order_rows_come(turns: str) -> None:
    scope = SMALL["two environments"]
    assert TURNS[turns] in turns_of(scope)
    for history in list(histories(scope))[:: 1 if NIGHT else 8]:
        assert first_difference(scope, history, KvrefSession, TURNS[turns]) is None


def test_rows_that_evict_come_in_order() -> None:
    assert turns_of(SearchScope(SearchClient(2), 2, 1, 2)) == (TURNS["together"],)


@pytest.mark.parametrize("session", [WorksInPlace, StoresViews])
def test_a_wrong_session_differs(session: type[SessionSubject]) -> None:
    scope = SMALL["evicting"]
    found = [first_difference(scope, one, session) for one in histories(scope)]
    assert any(found)


def test_a_pool_that_no_configuration_gives_is_refused() -> None:
    with pytest.raises(ValueError, match="recur pool of 3 is not 2 searches' worth"):
        SessionClient(SearchScope(SearchClient(2), 2, 1, 3), KvrefSession)
