"""`check`: one call that puts a subject to what there is for its kind, and says what came of it."""

from collections.abc import Callable, Sequence
from importlib import import_module
from io import StringIO
from typing import cast

from rich.console import Console, RenderableType
from rich.text import Text

from stateful_models.engines.check import Checked, check_in, check_target
from stateful_models.engines.rows import AnyScope, title
from stateful_models.reports.report import Counterexample, Report, Wanted, name_of
from stateful_models.reports.repro import repro
from stateful_models.reports.table import statement
from stateful_models.reports.timeline import timeline
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.presets import ScopeName
from stateful_models.scopes.sound import require_sound
from stateful_models.scopes.windows import WindowScope
from stateful_models.subjects.loading import TargetError, target_of, tensor_kind
from stateful_models.subjects.protocol import SubjectError
from stateful_models.subjects.target import Target


def check(subject: Callable[..., object], scope: Wanted = ScopeName.DEFAULT) -> Report:
    """Put a subject to the specification, exhaustively within a scope.

    Args:
        subject: a subclass of `PoolSubject`, `ManagerSubject`, `WindowSubject`, `BatchSubject`,
            `KeySubject` or `SessionSubject`, or for a pool or a manager whatever makes one.
        scope: "small", "default" or "large"; or, for pools, managers and windows, one scope.

    Raises: `SubjectError` or `TargetError` for what cannot be driven, `ValueError` for a scope
    that there is not.
    """
    if isinstance(subject, str) or not callable(subject):
        raise TargetError(f"{subject!r} makes no subject: pass the class, or a function that does")
    if isinstance(scope, str) and scope not in set(ScopeName):
        names = ", ".join(ScopeName)
        raise ValueError(f"there is no scope {scope!r}: there are {names}, or pass a scope itself")
    kind = tensor_kind(subject)
    if kind is not None:
        told = import_module("stateful_models.reports.tensors")
        return cast(Report, told.check_tensors(kind, subject, scope))
    if isinstance(scope, WindowScope):
        raise SubjectError(f"{scope.label} is a scope of windows: not of {name_of(subject)}")
    target = target_of(name_of(subject), subject)
    if isinstance(scope, (PoolScope, ManagerScope)):
        require_sound(scope)
        if scope.profile not in target.profiles:
            claimed = title(scope.profile)
            raise SubjectError(f"{target.name} does not claim the scope's profile ({claimed})")
        return reported(target, check_in(target, scope))
    if not isinstance(scope, str):
        raise SubjectError(f"{scope!r} is no scope")
    return reported(target, check_target(target, ScopeName(scope), target.profiles))


def reported(target: Target, rows: Sequence[Checked]) -> Report:
    said = "\n".join(Text.from_markup(line).plain for line in statement(target, rows))
    labels = dict.fromkeys(one.label for row in rows for one in row.scopes[: len(row.reports)])
    said += "\nScopes: " + "; ".join(labels) + "."
    conforms = all(row.conforms for row in rows)
    broken = next((row for row in rows if row.divergence is not None), None)
    if broken is None:
        return Report(target.name, conforms, said)
    wrong = found(target, broken, broken.scope)
    return Report(target.name, conforms, f"{said}\n\n{wrong.story}", wrong)


def found(target: Target, row: Checked, scope: AnyScope) -> Counterexample:
    wrong = row.divergence
    assert wrong is not None, "that is what makes it broken"
    story = plain(timeline(scope, wrong))
    local = "<" in target.name  # defined inside a function: nothing can import it
    test = "" if local else repro(target, scope, wrong, row.kind)
    return Counterexample(wrong.laws, wrong.history, story, test)


def plain(told: RenderableType) -> str:
    """As it is printed, without colours."""
    console = Console(file=StringIO(), width=120, color_system=None)
    with console.capture() as capture:
        console.print(told)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()).strip("\n")
