"""Long random histories against the manager, and proof that the machine would notice."""

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from stateful_models.bugs.caches.lookup_counts_twice import LookupCountsTwice
from stateful_models.bugs.caches.next_environment import NextEnvironment
from stateful_models.bugs.caches.set_reaches_neighbour import SetReachesNeighbour
from stateful_models.engines.machines.manager import ManagerMachine
from stateful_models.engines.machines.profiles import CI, NIGHTLY, chosen
from stateful_models.reference.manager import KvrefManager

FINDING = settings(CI, phases=(Phase.generate,), report_multiple_bugs=False)
"""Until something is found; the shortest such history is the explorer's business."""


def test_kvref_manager_refines_the_specification() -> None:
    run_state_machine_as_test(ManagerMachine, settings=chosen())


@pytest.mark.parametrize("exhibit", [NextEnvironment, LookupCountsTwice, SetReachesNeighbour])
def test_machine_rejects_wrong_managers(exhibit: type[KvrefManager]) -> None:
    class Wrong(ManagerMachine):
        factory = exhibit
        profiles = exhibit.profiles

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Wrong, settings=FINDING)


def test_nightly_explores_anew_each_time() -> None:
    assert not NIGHTLY.derandomize
    assert NIGHTLY.stateful_step_count >= 50
    assert CI.stateful_step_count >= 50


def test_nightly_runs() -> None:
    """A smoke test: the real campaign is `KVREF_PROFILE=nightly python -m pytest`."""
    run_state_machine_as_test(ManagerMachine, settings=settings(NIGHTLY, max_examples=3))


def test_unknown_profile_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVREF_PROFILE", "weekly")
    with pytest.raises(ValueError, match="weekly"):
        chosen()
