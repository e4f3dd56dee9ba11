"""`kvref laws`: that each law says no less than its sentence."""

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from spec.laws import TITLES
from stateful_models.cli.console import JsonFile, fresh_json, output, write_json
from stateful_models.engines.changed import Tally, every_change
from stateful_models.reports.data import (
    FORM,
    ComponentLine,
    LawLine,
    LawsData,
    LawsDocument,
    written,
)
from stateful_models.reports.fitted import Fitted


def as_data(count: Tally) -> LawsData:
    tried, accepted = count.tried, count.accepted
    return LawsData(
        tried.total(),
        tried.total() - accepted.total(),
        [
            LawLine(code, title, count.rejects[code], count.alone[code])
            for code, title in TITLES.items()
            if code in count.rejects
        ],
        [ComponentLine(what, many, many - accepted[what]) for what, many in sorted(tried.items())],
    )


def sentence(data: LawsData) -> str:
    """The number that stands in the README of the specification, too."""
    left = data.changed - data.rejected
    return (
        f"{data.changed:,} transitions with one component changed: "
        f"{data.rejected:,} rejected by at least one law, {left:,} by none"
    )


def table(data: LawsData) -> Table:
    shown = Table("law", box=SIMPLE_HEAD)
    for column in ("rejects", "no other does"):
        shown.add_column(column, justify="right")
    for line in data.laws:
        shown.add_row(f"{line.law} {line.title}", f"{line.rejects:,}", f"{line.alone:,}")
    return shown


def laws_command(
    json: JsonFile = None,
) -> None:
    """Change each transition of the specification in each component: some law rejects it."""
    json = fresh_json(json)
    data = as_data(every_change())
    console = output(json)
    console.print(Fitted(table(data)))
    for line in data.components:
        if line.rejected < line.changed:
            left = line.changed - line.rejected
            console.print(f"no law rejects {left:,} of {line.changed:,}: {line.component}")
    console.print(f"{sentence(data)}.", highlight=False)
    write_json(json, LawsDocument(FORM, written(), data))
    if data.rejected < data.changed:
        raise typer.Exit(1)
