"""The scopes that are offered by name, and what lies beyond them."""

from dataclasses import replace
from random import Random

import pytest

from spec.profile import KVREF, PRIORITY_REFERENCE, Profile, RecurScope, copies
from stateful_models.engines.sample import PARTS, Sampling, parted
from stateful_models.scopes.beyond import MOST, MOST_OF_A_MANAGER, beyond
from stateful_models.scopes.presets import PRESETS, ScopeName, manager_scopes, pool_scopes
from tests.support.paths import ROOT


@pytest.mark.parametrize("name", ScopeName)
@pytest.mark.parametrize("recur", RecurScope)
def test_every_pool_of_every_scope_evicts(name: ScopeName, recur: RecurScope) -> None:
    """There are more keys than any of its pools has room for."""
    for claimed in KVREF:
        profile = replace(claimed, recur_scope=recur)
        for first in (True, False):
            for scope in manager_scopes(name, profile, first):
                assert scope.keys > max(scope.sizes), scope.label
        assert all(one.keys > one.capacity for one in pool_scopes(name, profile))


def test_a_black_box_with_priorities_has_one_object_where_there_are_most_states() -> None:
    def objects(profile: Profile, shown: bool) -> list[int]:
        return [one.objects for one in pool_scopes(ScopeName.DEFAULT, profile, shown)]

    assert objects(PRIORITY_REFERENCE, shown=True) == [3, 3, 2]
    assert objects(PRIORITY_REFERENCE, shown=False) == [3, 3, 1]
    for profile in KVREF:
        if not profile.policy.ranked or copies(profile):
            assert objects(profile, shown=True) == objects(profile, shown=False)


def test_beyond_is_as_large_as_is_asked_and_evicts() -> None:
    random = Random(0)
    for name in ScopeName:
        pool, manager = pool_scopes(name, KVREF[0])[0], manager_scopes(name, KVREF[0], True)[0]
        for _ in range(50):
            assert beyond(pool, random).capacity <= MOST
            assert beyond(manager, random).sizes.init <= MOST_OF_A_MANAGER
            assert beyond(pool, random, 20).capacity == 20
            assert beyond(manager, random, 20).sizes.init == 20
            one = beyond(pool, random)
            assert one.keys > one.capacity


def test_parts_take_as_long_together_as_is_asked() -> None:
    parts = parted(Sampling(10, seconds=8.0))
    assert sum(one.histories for one in parts) == 10
    assert sum(one.seconds for one in parts) == 8.0
    assert len({one.seed for one in parts}) == PARTS


def test_the_readme_says_how_many_histories() -> None:
    told = (ROOT / "stateful_models" / "README.md").read_text()
    for name, preset in PRESETS.items():
        (row,) = [line for line in told.splitlines() if line.startswith(f"| `{name}` |")]
        assert f"| {preset.histories} of {preset.length}" in row
        assert row.endswith(f" ({preset.blind:,}) |")
