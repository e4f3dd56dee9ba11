"""Every exhibit is rejected, for the law it breaks, with a counterexample of the length derived."""

import pytest

from spec.isolation_laws import ISOLATION
from spec.laws import ALL, CACHE
from spec.sizing import Config
from stateful_models.bugs.caches import EXHIBITS, Exhibit
from stateful_models.bugs.caches import ISOLATION as ISOLATED
from stateful_models.engines.judge import Divergence
from stateful_models.reference.listening import DemotingManager
from stateful_models.scopes.demoting import DemotingScope
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.manager import ManagerSubject
from tests.support.exploring import explore_manager, explore_pool


def shortest(exhibit: Exhibit) -> Divergence[object, object]:
    """Over capacities 1 and 2 and every profile that the exhibit claims."""
    found: list[Divergence[object, object] | None] = []
    subject = exhibit.subject
    for profile in subject.profiles:
        for capacity in (1, 2):
            if issubclass(subject, ManagerSubject):
                scoped = DemotingScope if issubclass(subject, DemotingManager) else ManagerScope
                managed = scoped(profile, Config(capacity, 1), envs=2, keys=2)
                found.append(explore_manager(managed, subject).divergence)
            else:
                scope = PoolScope(profile, capacity, keys=3, objects=2)
                found.append(explore_pool(scope, subject).divergence)
    return min((one for one in found if one is not None), key=lambda one: len(one.history))


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda e: e.subject.__name__)
def test_exhibit_is_rejected_with_the_shortest_history(exhibit: Exhibit) -> None:
    found = shortest(exhibit)
    assert len(found.history) == exhibit.operations, exhibit.why
    assert exhibit.law in found.laws


def test_every_law_has_an_exhibit() -> None:
    assert {law.code for law in ISOLATION} == {exhibit.law for exhibit in ISOLATED}
    assert {law.code for law in CACHE} == {exhibit.law for exhibit in EXHIBITS}


def test_every_law_is_stated() -> None:
    """P12 is stated of pools and of managers; M2 and M5 speak of two runs."""
    codes = [f"P{n}" for n in range(1, 11)] + [f"R{n}" for n in range(1, 6)]
    codes += ["P12", "M1", "M3", "M4", "P12", "M6", "M7"]
    assert [law.code for law in CACHE] == codes
    assert [law.code for law in ISOLATION] == ["M2", "M5"]
    tensors = {law.code for law in ALL} - {*codes, "M2", "M5"}
    counts = {"W": 6, "B": 4, "K": 3, "S": 4}
    assert tensors == {
        f"{letter}{n}" for letter, last in counts.items() for n in range(1, last + 1)
    }
