"""The scopes that `kvref check` offers by name: small, default, large."""

from enum import StrEnum
from typing import Final, NamedTuple

from spec.ops import Tier
from spec.profile import Profile, copies
from spec.sizing import Config
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope


class ScopeName(StrEnum):
    SMALL = "small"
    DEFAULT = "default"
    LARGE = "large"


class Preset(NamedTuple):
    """Bounds for pools, as (capacity, keys, objects); for managers.

    From capacity 3 on pools that copy have one object: copies of several of its versions are told
    apart, and multiply states enough.

    Every manager is explored with one environment: with recur pools of two and an object for
    each pool and, unless the scope is small, with pools of one and two objects in every pool.
    With two environments and pools of `init`, 2 and 2 it is explored for the first profile of
    each policy, since a manager does not branch on ownership. In every scope every tier evicts.
    Then so many random `histories` are tried for each scope; a black box gets ten times as many.
    """

    pools: tuple[tuple[int, int, int], ...]
    several: bool
    init: int
    histories: int


PRESETS: Final = {
    ScopeName.SMALL: Preset(((1, 3, 2), (2, 3, 2)), several=False, init=0, histories=5),
    ScopeName.DEFAULT: Preset(
        ((1, 4, 3), (2, 4, 3), (3, 4, 2)), several=True, init=1, histories=20
    ),
    ScopeName.LARGE: Preset(
        ((1, 5, 3), (2, 5, 3), (3, 5, 3), (4, 5, 2)), several=True, init=2, histories=100
    ),
}


def pool_scopes(name: ScopeName, profile: Profile) -> tuple[PoolScope, ...]:
    return tuple(
        PoolScope(profile, capacity, keys, 1 if copies(profile) and capacity > 2 else objects)
        for capacity, keys, objects in PRESETS[name].pools
    )


def manager_scopes(
    name: ScopeName, profile: Profile, first: bool, tiers: tuple[Tier, ...] = tuple(Tier)
) -> tuple[ManagerScope, ...]:
    """`first`: of the profiles with this policy."""
    preset = PRESETS[name]
    scopes = [ManagerScope(profile, config(1, 2), 1, 3, tiers=tiers)]
    if preset.several:
        scopes.append(ManagerScope(profile, config(1, 1), 1, 2, 2, tiers))
    if preset.init and first:
        scopes.append(ManagerScope(profile, config(preset.init, 1), 2, 3, tiers=tiers))
    return tuple(scopes)


def config(init: int, simulations: int) -> Config:
    return Config(game_segment_length=init, num_simulations=simulations, max_cache_size=init)
