"""The six recorded runs and their verdicts, as an independent replay established them."""

from functools import cache

import pytest

from spec.profile import Ownership, Policy
from stateful_models.traces.judge import TraceReport, check_trace
from tests.support.paths import TRACES


@cache
def judged(letter: str) -> TraceReport:
    (path,) = TRACES.glob(f"{letter}_*.jsonl.gz")
    return check_trace(path)


@pytest.mark.parametrize(
    ("letter", "gets", "hits", "sets", "evicted"),
    [
        ("a", 10102 + 8947, 1152 + 8947, 389 + 9725, 0),
        ("e1", 5842 + 5175, 664 + 4434, 225 + 5625, 177 + 3705),
        ("e3", 5686 + 5037, 646 + 4231, 219 + 5475, 171 + 3725),
    ],
)
def test_accepted_in_full(letter: str, gets: int, hits: int, sets: int, evicted: int) -> None:
    report = judged(letter)
    assert report.accepted
    assert report.shared_hits == 0
    assert report.counts["Get"] == gets
    assert report.counts["hits"] == hits
    assert report.counts["Set"] == sets
    assert report.counts["evicted"] == evicted


def test_profile_is_what_the_header_implies() -> None:
    assert judged("e1").profile.policy == Policy.FIFO
    assert judged("e3").profile.policy == Policy.LRU
    assert judged("e3").profile.ownership is Ownership.REFERENCE
    assert judged("e4").profile.ownership is Ownership.COPY


def test_c1_delivers_what_was_not_stored() -> None:
    """Every pool law holds; one shared object under every key makes hits wrong."""
    report = judged("c1")
    assert set(report.breaches) == {"R4"}
    assert report.breaches["R4"].count == 7331
    assert report.counts["hits"] == 8416
    assert report.breaches["R4"].record == 13
    assert report.shared_hits == 5672


def test_e4_loses_live_keys() -> None:
    """The legacy ring: updates move on, the cursor survives a clear, stale entries delete keys.

    111 records remove a live key that was not the victim: exactly those with `stale_ev_slot`. The
    first of them is record 140 (an update); the first whose key is then looked up is record 156,
    and record 165 looks it up in vain.
    """
    report = judged("e4")
    assert set(report.breaches) == {"P3", "P4", "P5", "P7"}
    assert report.breaches["P3"].count == 111
    assert report.breaches["P3"].record == 140
    assert report.wrong_misses[0] == (156, 165)
    assert report.breaches["P5"].record == 17, "the first update takes another slot"
    assert report.breaches["P4"].record == 29, "the first insert after that"
    assert report.shared_hits == 119


def test_g1_hands_one_environment_anothers_history() -> None:
    report = judged("g1")
    assert set(report.breaches) == {"S2"}
    assert report.breaches["S2"].count == 1030
    assert report.shared_hits == 2346
