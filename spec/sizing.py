"""M7: pool capacities from a world model's configuration."""

from typing import NamedTuple, assert_never

from spec.profile import RecurScope, Sizing


class Config(NamedTuple):
    """What the sizes depend on; None where the configuration does not say."""

    game_segment_length: int | None = None
    num_simulations: int | None = None
    max_cache_size: int | None = None


class Capacities(NamedTuple):
    init: int
    recur: int
    wm: int


def capacities(
    sizing: Sizing, config: Config, envs: int, recur_scope: RecurScope = RecurScope.SHARED
) -> Capacities | None:
    """Entries per pool; None if the configuration lacks an attribute that the profile needs.

    A recur pool has room for one search of every environment that uses it.
    """
    simulations = config.num_simulations
    if simulations is None:
        return None
    match sizing:
        case Sizing.SEED:
            init = config.game_segment_length
        case Sizing.SEARCH_SAFE:
            limit = config.max_cache_size
            init = None if limit is None else min(limit, max(256, 2 * simulations))
        case _:
            assert_never(sizing)
    users = 1 if recur_scope is RecurScope.PER_ENV else envs
    return None if init is None else Capacities(init, simulations * users, envs)
