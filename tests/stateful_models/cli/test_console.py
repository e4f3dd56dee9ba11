"""What is shown while a check runs, and where two states differ."""

import pytest

from spec.ops import Key, Ref, Set
from spec.pool import new_pool, step
from spec.profile import FIFO_REFERENCE
from stateful_models.cli import console
from stateful_models.cli.console import describe, plain_teller
from stateful_models.engines.frontier import Progress
from stateful_models.reports.difference import differences


def test_progress_names_states_transitions_and_rate() -> None:
    shown = describe("pool FIFO COPY", Progress(1200, 30_000, 4, 17, 1.5))
    assert shown == (
        "pool FIFO COPY: depth 4, 1,200 states, 30,000 transitions (20,000/s), 17 states waiting"
    )


def test_plain_progress_is_sparing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 1.0, 2.0, 6.0, 6.0, 7.0])
    monkeypatch.setattr(console, "monotonic", lambda: next(clock))
    tell = plain_teller()
    for turn in range(4):
        tell(f"line {turn}")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == ["line 2"]


def test_differences_are_paths_to_values() -> None:
    start = new_pool(FIFO_REFERENCE, 1, 2)
    one, _ = step(start, Set(Key(1), Ref(0)))
    other, _ = step(start, Set(Key(1), Ref(1)))
    assert list(differences(one, one)) == []
    assert list(differences(one, other)) == [
        "pool.entries[0].ref: expected 0, observed 1",
        "pool.entries[0].as_set: expected 0, observed 1",
    ]
    assert next(differences(start, one)) == "pool.entries: expected 0 of them, observed 1"
