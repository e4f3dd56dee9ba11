"""A history for people: each operation, its answer, the slots after it."""

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from spec.ops import (
    Response,
)
from stateful_models.engines.judge import Divergence
from stateful_models.engines.rows import AnyOp, AnyScope
from stateful_models.reports.difference import differences
from stateful_models.reports.fitted import Fitted
from stateful_models.reports.words import answer, operation, state_text
from stateful_models.scopes.manager import ManagerScope


def steps(scope: AnyScope, history: tuple[AnyOp, ...]) -> list[tuple[AnyOp, Response, object]]:
    """What the specification does along a history."""
    done: list[tuple[AnyOp, Response, object]] = []
    state = scope.initial()
    for op in history:
        if isinstance(scope, ManagerScope):
            state, response = scope.step(state, op)  # type: ignore[arg-type]  # of this scope's own
        else:
            state, response = scope.step(state, op)  # type: ignore[arg-type]  # of this scope's own
        done.append((op, response, state))
    return done


def timeline(
    scope: AnyScope,
    divergence: Divergence[object, AnyOp],
    about: str = "",
) -> Fitted:
    """The history with the specification's answers; the last row is where the subject differs, and
    an arrow stands at the operation that broke a law, if another did."""
    title = f"{about or known_as(divergence)} ({scope.label})"
    tells = divergence.reports
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("step", "operation", "answer", "slots after"):
        table.add_column(column)
    done = steps(scope, divergence.history)
    for number, (op, response, state) in enumerate(done[:-1], 1):
        mark = "> " if divergence.at == number - 1 else ""
        told = answer(response, tells)
        add(table, f"{mark}{number}", operation(op), told, state_text(state), style=mark and "bold")
    last = operation(divergence.history[-1]) if divergence.history else "(new)"
    right = f"expected: {answer(divergence.expected, tells)}"
    silent = divergence.observed is None and divergence.error is not None
    add(table, str(len(done)), last, right, state_text(divergence.expected_state))
    error = f" ({divergence.error})" if divergence.error else ""
    came = (
        f"it {divergence.error}"
        if silent
        else f"observed: {answer(divergence.observed, tells)}{error}"
    )
    wrong = "" if divergence.observed_state is None else state_text(divergence.observed_state)
    add(table, "", "", came, wrong, style="bold red")
    if divergence.observed_state is not None:
        for where in differences(divergence.expected_state, divergence.observed_state):
            add(table, "", "", "", where, style="red")
    for one in divergence.unsteady:
        add(table, "", "", f"asked the same again: {answer(one, tells)}", "", style="red")
    return Fitted(table)


def known_as(divergence: Divergence[object, AnyOp]) -> str:
    """What can be said of a history's length."""
    if divergence.unsteady:
        return "history that is answered in several ways"
    if divergence.sampled:
        return "history that goes wrong, sampled and then cut down"
    return "shortest history found that goes wrong"


def add(table: Table, *cells: str, style: str = "") -> None:
    """A row of plain text: square brackets are slots here, not markup."""
    table.add_row(*map(Text, cells), style=style)
