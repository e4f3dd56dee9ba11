"""One history again: what a generated reproduction does."""

from collections.abc import Callable
from functools import partial
from typing import cast

from spec.ops import ManagerOp, Op
from spec.window import WindowOp
from stateful_models.engines.judge import Divergence, first_divergence
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.scope import Scope
from stateful_models.scopes.sound import require_operation, require_sound
from stateful_models.scopes.windows import WindowScope
from stateful_models.subjects.protocol import Subject, SubjectError

AnyOp = Op | ManagerOp | WindowOp


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
    if not isinstance(history, (tuple, list)):
        raise SubjectError(f"a history is a tuple of operations, not {history!r}")
    for op in history:
        require_operation(scope, op)
    build = partial(scope.build, subject)  # type: ignore[arg-type]  # the scope says which it is
    return first_divergence(
        cast(Scope[object, AnyOp], scope), cast(Callable[[], Subject[AnyOp]], build), tuple(history)
    )
