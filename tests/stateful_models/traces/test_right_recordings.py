"""What kvref records of itself is accepted: every policy, ownership, scope, key and priority."""

from pathlib import Path

import pytest

from kvref import EvictionStrategy, Ownership, RecurScope
from stateful_models.traces.judge import check_trace
from tests.support.trace_driving import recorded


@pytest.mark.parametrize("named", [False, True], ids=["", "named"])
@pytest.mark.parametrize("scope", RecurScope)
@pytest.mark.parametrize("ownership", Ownership)
@pytest.mark.parametrize("policy", EvictionStrategy)
def test_a_right_recording_is_accepted(
    tmp_path: Path,
    policy: EvictionStrategy,
    ownership: Ownership,
    scope: RecurScope,
    named: bool,
) -> None:
    report = check_trace(recorded(tmp_path / "run.jsonl", policy, ownership, scope, named=named))
    assert report.accepted, report.breaches
    for what in ("Load", "Remains", "Lookup", "hits", "evicted", "Clear"):
        assert report.counts[what], what
    assert (report.counts["named"] > 0) is named
