"""The benchmark of old against new runs and prints its ratios; what they are is its own matter."""

import pytest

from tests.support.unizero.marks import NEEDED

pytestmark = NEEDED


def test_it_prints_what_is_wrong_and_what_it_costs(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.benchmarks.unizero import main

    main(quick=True)
    told = capsys.readouterr().out
    for piece in ("wrong predictions in 1,000", "session: 0 of", "cache part", "published"):
        assert piece in told
