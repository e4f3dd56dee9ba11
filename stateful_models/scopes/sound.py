"""Scopes that somebody wrote: refused where no universe is described."""

from typing import Final, get_args

from spec.ops import ManagerOp, Op
from spec.sizing import capacities
from spec.window_laws import EVERY
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.windows import WindowScope
from stateful_models.subjects.profiles import require_profile
from stateful_models.subjects.protocol import SubjectError

OPERATIONS: Final[dict[type, tuple[type, ...]]] = {
    PoolScope: get_args(Op),
    ManagerScope: get_args(ManagerOp),
    WindowScope: EVERY,
}


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


def require_operation(scope: PoolScope | ManagerScope | WindowScope, op: object) -> None:
    """One of the scope's kind, on objects or windows that the scope has."""
    if not isinstance(op, OPERATIONS[type(scope)]):
        raise SubjectError(f"{op!r} is no operation of {scope.label}")
    inner = getattr(op, "op", op)
    if isinstance(scope, WindowScope):
        named, there = [getattr(op, name, 0) for name in ("at", "to")], scope.places
    else:
        named, there = [getattr(inner, "ref", None)], scope.objects
    for one in named:
        if one is not None and (type(one) is not int or not 0 <= one < there):
            raise SubjectError(f"{op!r} names {one!r}, where {scope.label} has {there}")
    for name in ("key", "priority"):
        given = getattr(inner, name, None)
        if given is not None and type(given) is not int:
            raise SubjectError(f"{name} of {op!r} must be an integer, or None")
