"""The scopes that `kvref check` offers by name: small, default, large."""

from enum import StrEnum
from typing import Final, NamedTuple

from spec.profile import Ownership, Profile, copies
from spec.sizing import Config
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope


class ScopeName(StrEnum):
    SMALL = "small"
    DEFAULT = "default"
    LARGE = "large"


class ManagerBounds(NamedTuple):
    """SEED sizes: init pools of `capacity`, and with one simulation recur and wm of `envs`."""

    envs: int
    capacity: int
    keys: int


class Preset(NamedTuple):
    """Bounds for pools; for the manager of the first profile; for those of the other profiles.

    A manager does not branch on policy or ownership, so it is explored at length only once; and
    not with copies, where who holds which of them multiplies the states, nor as a black box,
    where every last operation does. `histories` are random ones, for each scope; a black box gets
    ten times as many.
    """

    capacities: tuple[int, ...]
    keys: int
    objects: int
    manager: ManagerBounds
    other_managers: ManagerBounds
    ownerships: tuple[Ownership, ...] = tuple(Ownership)
    histories: int = 60


PRESETS: Final = {
    ScopeName.SMALL: Preset(
        (1, 2), 3, 2, ManagerBounds(2, 1, 2), ManagerBounds(2, 1, 2), (Ownership.REFERENCE,), 15
    ),
    ScopeName.DEFAULT: Preset((1, 2, 3), 4, 3, ManagerBounds(2, 2, 3), ManagerBounds(2, 1, 2)),
    ScopeName.LARGE: Preset((1, 2, 3, 4), 5, 3, ManagerBounds(2, 2, 3), ManagerBounds(2, 2, 3)),
}


def pool_scopes(name: ScopeName, profile: Profile) -> tuple[PoolScope, ...]:
    preset = PRESETS[name]
    return tuple(
        PoolScope(profile, capacity, preset.keys, preset.objects) for capacity in preset.capacities
    )


def manager_scopes(name: ScopeName, profile: Profile, first: bool) -> tuple[ManagerScope, ...]:
    """The manager's scope, or none for an ownership that the preset leaves to the pools."""
    preset = PRESETS[name]
    if not first and profile.ownership not in preset.ownerships:
        return ()
    lengthy = first and not copies(profile)
    envs, capacity, keys = preset.manager if lengthy else preset.other_managers
    config = Config(game_segment_length=capacity, num_simulations=1, max_cache_size=capacity)
    return (ManagerScope(profile, config, envs, keys),)
