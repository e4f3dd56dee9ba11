"""What a report says that broken laws did: so many of so many, in a user's terms."""

from functools import cache

import pytest

from spec.laws import TITLES
from stateful_models.traces.effects import DID, OF
from stateful_models.traces.judge import TraceReport, check_trace
from tests.support.paths import TRACES

TOLD = {
    "c1": ["7,331 of 8,416 hits delivered other contents than were stored"],
    "e4": [
        "249 of 4,368 sets moved an entry that they should have updated in its place",
        "926 of 4,368 sets put a new key into another slot than was due",
        "111 of 4,368 sets evicted an entry that was not due, or kept one that was",
        "44 of 4,368 sets went on after a clear as if there had been none",
    ],
    "g1": ["1,030 of 3,265 hits delivered another environment's context"],
}


@cache
def judged(letters: str) -> TraceReport:
    (path,) = TRACES.glob(f"{letters}_*.jsonl.gz")
    return check_trace(path)


@pytest.mark.parametrize("letters", TOLD)
def test_what_the_recorded_runs_did(letters: str) -> None:
    report = judged(letters)
    told = [str(one) for breach in report.breaches.values() for one in report.effects(breach)]
    assert told == TOLD[letters]
    assert all(one in str(report) for one in told)


@pytest.mark.parametrize("letters", TOLD)
def test_effects_add_up_to_the_records_that_break_a_law(letters: str) -> None:
    report = judged(letters)
    for breach in report.breaches.values():
        effects = report.effects(breach)
        assert sum(effect.count for effect in effects) == breach.count
        assert all(0 < effect.count <= effect.of for effect in effects)


def test_words_are_of_laws_and_kinds_that_there_are() -> None:
    for law, kind in DID:
        assert law in TITLES
        assert kind in OF
