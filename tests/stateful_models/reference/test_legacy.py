"""What UniZero's caches without a manager break, and why in no fewer operations."""

from functools import cache, partial

import pytest

from spec.ops import (
    Clear,
    Contents,
    EnvId,
    Get,
    Hit,
    Key,
    Lookup,
    ManagerOp,
    Miss,
    On,
    Ref,
    Refused,
    Set,
    Tier,
)
from spec.sizing import Config
from stateful_models.engines.every_law import Broken, EveryLaw, every_law, every_law_of
from stateful_models.reference.legacy import RING, Published, PublishedInTwo, WithReverseMaps
from stateful_models.reports.check import check
from stateful_models.scopes.manager import ManagerScope
from stateful_models.subjects.loading import target_of
from stateful_models.traces.judge import check_trace
from tests.support.paths import TRACES

A, B = Key(0), Key(1)
Legacy = type[Published]


@cache
def surveyed(subject: Legacy) -> EveryLaw[ManagerOp]:
    told = every_law_of(target_of(subject.__name__, subject), RING)
    assert told is not None
    return told


def broken(subject: Legacy) -> dict[str, Broken[ManagerOp]]:
    return {one.law: one for one in surveyed(subject).broken}


def lengths(subject: Legacy) -> dict[str, int]:
    return {law: len(one.history) for law, one in broken(subject).items()}


def kinds(one: Broken[ManagerOp]) -> list[tuple[type, Key | None]]:
    """Each operation on a pool, and the key that it names."""
    inner = [op.op for op in one.history if isinstance(op, On)]
    return [(type(op), op.key if isinstance(op, (Get, Set)) else None) for op in inner]


def test_published_breaks_these_laws_and_no_other() -> None:
    assert lengths(Published) == {
        **dict.fromkeys(("M3", "P6", "P8"), 1),
        **dict.fromkeys(("P1", "P2", "P3", "P4", "P5"), 2),
        **dict.fromkeys(("P7", "R4"), 3),
    }


def test_reverse_maps_break_these_laws_and_no_other() -> None:
    assert lengths(WithReverseMaps) == {"P5": 2, "P3": 3, "P4": 3, "P7": 3}


def test_reverse_maps_break_what_a_recorded_run_of_theirs_breaks() -> None:
    (path,) = TRACES.glob("e4_*.jsonl.gz")
    assert set(check_trace(path).breaches) == set(broken(WithReverseMaps))


@pytest.mark.parametrize("law", ["M3", "P6", "P8"])
def test_published_raises_at_the_first_lookup(law: str) -> None:
    """A new manager has answered nothing, so none is shorter: the lookup finds nothing and must."""
    one = broken(Published)[law]
    assert one.history == (Lookup(EnvId(0), A),)
    assert one.answer == Refused()


@pytest.mark.parametrize("law", ["P1", "P2", "P3", "P4"])
def test_published_keeps_a_second_key_in_a_pool_of_one(law: str) -> None:
    """One key overfills no pool, shares its slot with none, drives none out, and gets slot 0."""
    one = broken(Published)[law]
    assert kinds(one) == [(Set, A), (Set, B)]
    assert one.together == ("P1", "P2", "P3", "P4")


@pytest.mark.parametrize("subject", [Published, WithReverseMaps])
def test_an_update_moves(subject: Legacy) -> None:
    """Only what is there already is updated: it takes a set before."""
    one = broken(subject)["P5"]
    assert kinds(one) == [(Set, A), (Set, A)]


def test_published_delivers_what_was_stored_under_another_key() -> None:
    """A hit delivers what its slot holds: other contents are there once another set came to it,
    which takes two sets; neither of them delivers anything."""
    one = broken(Published)["R4"]
    assert kinds(one) == [(Set, A), (Set, B), (Get, A)]
    stored = one.history[1]
    assert isinstance(stored, On)
    assert isinstance(stored.op, Set)
    assert one.answer == Hit(None, Contents(stored.op.ref or 0))
    assert stored.op.ref != Ref(0)


@pytest.mark.parametrize("subject", [Published, WithReverseMaps])
def test_a_clear_leaves_the_cursor(subject: Legacy) -> None:
    """A new cursor is at slot 0, where the insert behind a clear must go: a set moves it on, a
    clear forgets the set, and an insert shows it."""
    one = broken(subject)["P7"]
    assert [kind for kind, _ in kinds(one)] == [Set, Clear, Set]
    assert "P4" in one.together


def test_reverse_maps_pass_over_a_free_slot() -> None:
    """The cursor is past a free slot only when something left it, behind a first set: the second
    operation frees it, and is no insert that could miss it; the third is."""
    one = broken(WithReverseMaps)["P4"]
    assert [kind for kind, _ in kinds(one)] == [Set, Clear, Set]


def test_reverse_maps_lose_a_live_key() -> None:
    """A key is named by a slot where it no longer lies once it has moved, which takes two sets;
    the slot goes to another with the third."""
    one = broken(WithReverseMaps)["P3"]
    assert kinds(one) == [(Set, A), (Set, A), (Set, B)]
    lost = WithReverseMaps(RING, Config(1, 2), 1, 3)
    for op in (Set(A, Ref(0)), Set(A, Ref(1)), Set(B, Ref(2))):
        lost.perform(On(Tier.RECUR, None, op))
    assert lost.perform(On(Tier.RECUR, None, Get(A))) == Miss()
    assert lost.perform(On(Tier.RECUR, None, Get(B))) == Hit(None, Contents(2))


@pytest.mark.parametrize("configured", [1, 2])
def test_two_init_slots_are_right_where_two_are_configured(configured: int) -> None:
    """Else a new manager is of the wrong size, before anything happens."""
    scope = ManagerScope(RING, Config(configured, 1), 1, 1, tiers=Published.tiers)
    told = every_law(scope, partial(scope.build, PublishedInTwo)).broken
    wrong = [one.history for one in told if one.law == "M7"]
    assert wrong == ([()] if configured == 1 else [])


@pytest.mark.parametrize(
    ("subject", "laws", "kept"),
    [(Published, ("P1", "P2", "P3", "P4"), (A, B)), (WithReverseMaps, ("P5",), (A, A))],
)
def test_check_stops_at_the_first(
    subject: Legacy, laws: tuple[str, ...], kept: tuple[Key, ...]
) -> None:
    found = check(subject).counterexample
    assert found is not None
    assert found.laws == laws
    sets = [op.op if isinstance(op, On) else op for op in found.history]
    assert tuple(op.key for op in sets if isinstance(op, Set)) == kept
    assert len(sets) == 2
