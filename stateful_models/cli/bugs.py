"""`kvref bugs`: which checker catches which exhibit of the museum, after how many operations."""

from importlib.util import find_spec
from os import cpu_count
from time import perf_counter
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from stateful_models.bugs.matrix import METHODS, ONLY_ONE, Examined
from stateful_models.bugs.methods.wings import each, wings
from stateful_models.cli.console import (
    JsonFile,
    complain,
    fresh_json,
    output,
    refuse,
    telling,
    write_json,
)
from stateful_models.engines.workers import workers
from stateful_models.reports.data import FORM, BugsDocument, ExhibitLine, written
from stateful_models.reports.fitted import Fitted


def bugs_command(
    only: Annotated[str, typer.Option(help="Only exhibits whose name has this in it.")] = "",
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = cpu_count() or 1,
    json: JsonFile = None,
) -> None:
    """Run every checker on every wrong cache in the museum."""
    json = fresh_json(json)
    if find_spec("hypothesis") is None:
        refuse("this needs Hypothesis: pip install 'kvref[machines]'")
    if find_spec("torch") is None:
        complain("without torch the exhibits of tensors are left out")
    chosen = [one for one in wings() if only.lower() in one.name.lower()]
    if not chosen:
        refuse(f"no exhibit's name has {only!r} in it")
    began = perf_counter()
    with workers(jobs) as executor, telling() as tell:
        rows = []
        for row in each(chosen, executor):
            rows.append(row)
            tell(f"{len(rows)} of {len(chosen)} exhibits, {row.name}")
    show(output(json), rows, perf_counter() - began)
    write_json(json, BugsDocument(FORM, written(), [line(row) for row in rows]))
    if not all(row.told for row in rows):
        raise typer.Exit(1)


def line(row: Examined) -> ExhibitLine:
    found = {method: catch.caught for method, catch in row.catches.items()}
    return ExhibitLine(
        row.name,
        row.wing,
        row.law,
        {method: None if one is None else one.operations for method, one in found.items()},
        {method: [] if one is None else list(one.laws) for method, one in found.items()},
        {method: round(catch.seconds, 2) for method, catch in row.catches.items()},
        row.told,
    )


def show(console: Console, rows: list[Examined], seconds: float) -> None:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("exhibit", no_wrap=True)
    table.add_column("wing", no_wrap=True)
    table.add_column("breaks")
    for method in METHODS:
        table.add_column(method, justify="right")
    table.add_column("seconds", justify="right")
    for row in rows:
        cells = [cell(row, method) for method in METHODS]
        taken = sum(catch.seconds for catch in row.catches.values())
        style = "" if row.told else "bold red"
        table.add_row(row.name, row.wing, row.law, *cells, f"{taken:.1f}", style=style)
    console.print(Fitted(table))
    caught = [row for row in rows if row.caught_by]
    twice = [row for row in rows if len(row.caught_by) >= 2]
    console.print(
        f"{len(caught)} of {len(rows)} exhibits caught, {len(twice)} by two methods or more, in "
        f"{seconds:.0f} s. A number is how many operations the shortest history found has; "
        "- is a method that saw nothing, a blank one that does not apply.",
        highlight=False,
    )
    for row in rows:
        if row.name in ONLY_ONE and len(row.caught_by) == 1:
            console.print(f"{row.name}: only by one, since {ONLY_ONE[row.name]}", highlight=False)
        elif not row.told:
            once = "caught by one method alone" if len(row.caught_by) == 1 else f"no {row.law}"
            told = once if row.caught_by else "not caught"
            console.print(f"[bold red]{row.name} is {told}[/]")


def cell(row: Examined, method: str) -> str:
    catch = row.catches.get(method)
    if catch is None:
        return ""
    return "-" if catch.caught is None else str(catch.caught.operations)
