"""Scopes that somebody wrote: refused where no universe is described."""

from spec.profile import FifoUpdate, Ownership, Policy, Profile, RecurScope, Sizing
from spec.sizing import capacities
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.windows import WindowScope
from stateful_models.subjects.protocol import SubjectError


def require_sound(scope: PoolScope | ManagerScope | WindowScope) -> None:
    """Every count an integer of at least one, every choice of the profile one that there is."""
    match scope:
        case PoolScope():
            require_profile(scope.profile)
            require_counts(scope, "capacity", "keys", "objects", "priorities")
        case ManagerScope():
            require_profile(scope.profile)
            require_counts(scope, "envs", "keys")
            profile = scope.profile
            sizes = capacities(profile.sizing, scope.config, scope.envs, profile.recur_scope)
            if sizes is None or any(type(one) is not int or one < 1 for one in sizes):
                raise SubjectError(f"{scope.config!r} gives pools of {sizes}: not one entry each")
        case _:
            require_counts(scope, "capacity", "samples", "layers", "places", "most")


def require_counts(scope: object, *names: str) -> None:
    for name in names:
        count = getattr(scope, name)
        if type(count) is not int or count < 1:
            told = f"{type(scope).__name__}: {name} must be an integer of at least 1"
            raise SubjectError(f"{told}, not {count!r}")


def require_profile(profile: object) -> None:
    if not isinstance(profile, Profile):
        raise SubjectError(f"a scope's profile must be a Profile, not {profile!r}")
    kinds = {
        "policy": Policy,
        "ownership": Ownership,
        "recur_scope": RecurScope,
        "fifo_update": FifoUpdate,
        "sizing": Sizing,
    }
    for name, kind in kinds.items():
        if not isinstance(getattr(profile, name), kind):
            chosen = getattr(profile, name)
            raise SubjectError(
                f"{name} of a Profile must be one of {kind.__name__}, not {chosen!r}"
            )
