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

    At the largest capacity pools that copy have one object, since copies of several of its
    versions are told apart; with priorities besides they stay below it, but for the small scope.
    With priorities alone black boxes have one object beyond capacity 2.

    Every manager is explored with one environment: with recur pools of two and an object for
    each pool, and with pools of one and two objects in every pool; or, unless there are `several`
    scopes, with pools of one and an object for each. With two environments and pools of `init`, 2
    and 2 it is explored for the first profile alone, since a manager branches on no choice of one
    pool. In every scope every tier evicts.

    Then so many random `histories` of a `length` are tried for each row of the table, in pools of
    up to 8; of a black box, of which answers alone can be judged, so many that are `blind`.
    """

    pools: tuple[tuple[int, int, int], ...]
    several: bool
    init: int
    histories: int
    blind: int
    length: int = 300


PRESETS: Final = {
    ScopeName.SMALL: Preset(((1, 3, 2), (2, 3, 2)), False, 0, histories=1, blind=100, length=100),
    ScopeName.DEFAULT: Preset(
        ((1, 4, 3), (2, 4, 3), (3, 4, 2)), several=True, init=1, histories=8, blind=200
    ),
    ScopeName.LARGE: Preset(
        ((1, 5, 3), (2, 5, 3), (3, 5, 2), (4, 5, 1)), True, init=2, histories=100, blind=2500
    ),
}


def pool_scopes(name: ScopeName, profile: Profile, shown: bool = True) -> tuple[PoolScope, ...]:
    """`shown`: the subject shows its state."""
    bounds = PRESETS[name].pools
    if not copies(profile):
        few = not shown and profile.policy.ranked
        each = ((room, keys, 1 if few and room > 2 else objects) for room, keys, objects in bounds)
        return tuple(PoolScope(profile, *one) for one in each)
    *smaller, (capacity, keys, _) = bounds
    if profile.policy.ranked and capacity > 2:
        return tuple(PoolScope(profile, *one) for one in smaller)
    return tuple(PoolScope(profile, *one) for one in (*smaller, (capacity, keys, 1)))


def manager_scopes(
    name: ScopeName, profile: Profile, first: bool, tiers: tuple[Tier, ...] = tuple(Tier)
) -> tuple[ManagerScope, ...]:
    """`first`: of the profiles that are claimed."""
    preset = PRESETS[name]
    if not preset.several:
        return (ManagerScope(profile, config(1, 1), 1, 2, tiers=tiers),)
    scopes = [ManagerScope(profile, config(1, 2), 1, 3, tiers=tiers)]
    scopes.append(ManagerScope(profile, config(1, 1), 1, 2, 2, tiers))
    if preset.init and first:
        scopes.append(ManagerScope(profile, config(preset.init, 1), 2, 3, tiers=tiers))
    return tuple(scopes)


def law_scopes(profile: Profile, tiers: tuple[Tier, ...]) -> tuple[ManagerScope, ...]:
    """Where all that a manager does by itself is gone through: tiers one by one, with pools of one
    and of two entries, each with two keys and two objects; and all of them with one key."""
    alone = tuple(
        ManagerScope(profile, config(room, room), 1, 2, 2, (tier,))
        for room in (1, 2)
        for tier in tiers
    )
    return *alone, ManagerScope(profile, config(1, 1), 1, 1, tiers=tiers)


def config(init: int, simulations: int) -> Config:
    return Config(game_segment_length=init, num_simulations=simulations, max_cache_size=init)
