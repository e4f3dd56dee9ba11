"""One history again: what a generated reproduction does."""

from collections.abc import Callable
from functools import partial
from typing import Final, cast, get_args

from spec.ops import ManagerOp, Op
from spec.window import WindowOp
from spec.window_laws import EVERY
from stateful_models.engines.judge import Divergence, first_divergence
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.scope import Scope
from stateful_models.scopes.sound import require_sound
from stateful_models.scopes.windows import WindowScope
from stateful_models.subjects.protocol import Subject, SubjectError

AnyOp = Op | ManagerOp | WindowOp
OPERATIONS: Final[dict[type, tuple[type, ...]]] = {
    PoolScope: get_args(Op),
    ManagerScope: get_args(ManagerOp),
    WindowScope: EVERY,
}


def replay(
    subject: Callable[..., object],
    scope: PoolScope | ManagerScope | WindowScope,
    history: tuple[AnyOp, ...],
) -> Divergence[object, AnyOp] | None:
    """The first operation of a history that a subject answers otherwise than the specification.

    `subject` makes one for this scope, as in `check`. None: all were answered as specified.
    """
    if not isinstance(scope, (PoolScope, ManagerScope, WindowScope)):
        raise SubjectError(f"{scope!r} is no scope")
    require_sound(scope)
    for op in history:
        if not isinstance(op, OPERATIONS[type(scope)]):
            raise SubjectError(f"{op!r} is no operation of {scope.label}")
    build = partial(scope.build, subject)  # type: ignore[arg-type]  # the scope says which it is
    return first_divergence(
        cast(Scope[object, AnyOp], scope), cast(Callable[[], Subject[AnyOp]], build), history
    )
