"""Every law that a subject breaks, as a table and as data."""

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from spec.laws import TITLES
from spec.ops import ManagerOp
from stateful_models.engines.every_law import Broken, EveryLaw
from stateful_models.reports.data import BrokenLaw
from stateful_models.reports.fitted import Fitted
from stateful_models.reports.repro import source
from stateful_models.reports.words import answer, operation


def law_table(told: EveryLaw[ManagerOp]) -> Fitted:
    title = (
        f"every law that its own transitions break ({told.states:,} states, "
        f"{told.transitions:,} transitions, all in {len(told.labels)} scopes)"
    )
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("law", "operations", "a shortest history", "its last answer"):
        table.add_column(column)
    for one in told.broken:
        cells = f"{one.law} {TITLES[one.law]}", str(len(one.history)), story(one), last(one) or "-"
        table.add_row(*map(Text, cells))
    return Fitted(table)


def story(one: Broken[ManagerOp]) -> str:
    return "; ".join(map(operation, one.history)) or "(new)"


def last(one: Broken[ManagerOp]) -> str | None:
    return None if one.answer is None else answer(one.answer)


def law_lines(told: EveryLaw[ManagerOp] | None) -> list[BrokenLaw]:
    found = () if told is None else told.broken
    return [
        BrokenLaw(one.law, [*map(operation, one.history)], [*map(source, one.history)], last(one))
        for one in found
    ]
