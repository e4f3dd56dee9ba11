"""M7: how many entries each pool holds, from a world model's configuration."""

from enum import Enum
from typing import NamedTuple

from kvref.arguments import as_envs, as_size, offers
from kvref.errors import KVCacheValueError, show


class SizingProfile(Enum):
    """SEED: init = game_segment_length. SEARCH_SAFE: init = min(max_cache_size, max(256, 2 *
    num_simulations)). Both: recur = num_simulations * env_num, or num_simulations for each
    environment's own; wm = env_num."""

    SEED = "seed"
    SEARCH_SAFE = "search-safe"


class RecurScope(Enum):
    """Whether all environments share one recur pool, or each has one of its own (M5)."""

    SHARED = "shared"
    PER_ENV = "per-env"


class PoolSizes(NamedTuple):
    """Capacities in entries: of each init pool, of each recur pool, of the wm pool."""

    init: int
    recur: int
    wm: int


def _attribute(config: object, name: str) -> int:
    if not offers(config, name):
        raise KVCacheValueError(f"config {show(config)} has no attribute {name}")
    return as_size(getattr(config, name), f"config.{name}")


def pool_sizes(
    config: object,
    env_num: int,
    sizing: SizingProfile,
    recur_scope: RecurScope = RecurScope.SHARED,
) -> PoolSizes:
    """Capacities for `env_num` environments; reads only the attributes that `sizing` needs."""
    envs = as_envs(env_num)
    simulations = _attribute(config, "num_simulations")
    if sizing is SizingProfile.SEED:
        init = _attribute(config, "game_segment_length")
    elif sizing is SizingProfile.SEARCH_SAFE:
        init = min(_attribute(config, "max_cache_size"), max(256, 2 * simulations))
    else:
        raise KVCacheValueError(f"{show(sizing)} is not a member of SizingProfile")
    if not isinstance(recur_scope, RecurScope):
        raise KVCacheValueError(f"{show(recur_scope)} is not a member of RecurScope")
    users = 1 if recur_scope is RecurScope.PER_ENV else envs
    return PoolSizes(init, simulations * users, envs)
