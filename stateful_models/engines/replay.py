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
from stateful_models.scopes.windows import WindowScope
from stateful_models.subjects.protocol import Subject

AnyOp = Op | ManagerOp | WindowOp


def replay(
    subject: Callable[..., object],
    scope: PoolScope | ManagerScope | WindowScope,
    history: tuple[AnyOp, ...],
) -> Divergence[object, AnyOp] | None:
    """The first operation of a history that a subject answers otherwise than the specification.

    `subject` makes one for this scope, as in `check`. None: all were answered as specified.
    """
    build = partial(scope.build, subject)  # type: ignore[arg-type]  # the scope says which it is
    return first_divergence(
        cast(Scope[object, AnyOp], scope), cast(Callable[[], Subject[AnyOp]], build), history
    )
