"""`kvref trace`: judging and describing recorded runs."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stateful_models.cli.console import JsonFile, complain, fresh_json, output, refuse, write_json
from stateful_models.reports.data import (
    FORM,
    BreachData,
    EffectData,
    TraceData,
    TraceDocument,
    written,
)
from stateful_models.reports.fitted import Fitted
from stateful_models.traces.format import TraceError, UpstreamHeader
from stateful_models.traces.judge import TraceReport, check_trace

traces: Final = typer.Typer(help="Recorded runs: judge them, describe them.")


COUNTED: Final = {
    "Get": "gets",
    "hits": "hits",
    "named": "hits of named nodes",
    "Set": "sets",
    "evicted": "evicted",
    "Clear": "pools cleared",
    "Lookup": "hierarchical lookups",
    "ClearRecur": "clear_recur_cache calls",
    "ClearAll": "clear_all calls",
    "WmCopy": "copies into wm",
    "Mark": "marks",
    "Load": "entries at the start",
    "Remains": "entries at the end",
}


def as_data(report: TraceReport) -> TraceData:
    breaches = [
        BreachData(
            *(b.law, b.title, b.count, b.record, b.line, b.expected, b.came),
            [EffectData(e.count, e.of, e.what, e.did) for e in report.effects(b)],
        )
        for b in report.breaches.values()
    ]
    profile = report.profile
    return TraceData(
        str(report.path),
        report.accepted,
        profile.policy.value,
        profile.ownership.value,
        {name.lower(): count for name, count in sorted(report.counts.items())},
        breaches,
        report.shared_hits,
        report.wrong_misses,
    )


def show(console: Console, report: TraceReport) -> None:
    """What `str(report)` says: what the breaches did, then the first of each in a table."""
    verdict = (
        f"[green]{report.verdict}[/]"
        if report.accepted
        else report.verdict.replace("breaks", "[bold red]breaks[/]", 1)
    )
    console.print(report.headline(verdict), highlight=False)
    for b in report.breaches.values():
        for effect in report.effects(b):
            console.print(f"  {effect} ({b.law})", highlight=False)
    if report.breaches:
        console.print(Fitted(breach_table(report)))
    for remark in report.remarks:
        console.print(remark, highlight=False)


def breach_table(report: TraceReport) -> Table:
    table = Table("law", box=SIMPLE_HEAD)
    for column in ("first", "line"):
        table.add_column(column, justify="right")
    table.add_column("expected", overflow="fold")
    table.add_column("came", overflow="fold")
    for b in report.breaches.values():
        place = f"{b.record:,}", f"{b.line:,}"
        told = escape(b.expected), escape(b.came)
        table.add_row(f"{b.law} {b.title}", *place, *told)
    return table


@traces.command("check")
def check_command(
    files: Annotated[list[Path], typer.Argument(help="Traces, gzip or plain.")],
    json: JsonFile = None,
) -> None:
    """Judge recorded runs against the laws. Status 1 if one breaks a law, 2 if one is no trace.

    What is no trace is named on standard error, and the others are judged all the same.
    """
    json = fresh_json(json)
    console, reports = output(json), list[TraceReport]()
    for file in files:
        try:
            reports.append(check_trace(file))
        except TraceError as error:
            complain(str(error))
        else:
            show(console, reports[-1])
    write_json(json, TraceDocument(FORM, written(), [as_data(report) for report in reports]))
    if len(reports) < len(files):
        raise typer.Exit(2)
    if not all(report.accepted for report in reports):
        raise typer.Exit(1)


@traces.command("info")
def info_command(file: Annotated[Path, typer.Argument(help="A trace, gzip or plain.")]) -> None:
    """Say what a trace holds, after reading all of it."""
    console = output()
    try:
        report = check_trace(file)
    except TraceError as error:
        refuse(str(error))
    header = report.header
    table = Table(title=file.name, title_justify="left", show_header=False, box=SIMPLE_HEAD)
    kind = "recorded from UniZero" if isinstance(header, UpstreamHeader) else "written by kvref"
    table.add_row("format", f"{kind}, version {header.version}")
    if isinstance(header, UpstreamHeader):
        table.add_row("system", f"{header.upstream} at {header.commit}, {header.path} path")
        table.add_row("task", f"{header.task}, {header.driver}")
        table.add_row("note", header.note)
    table.add_row("profile", f"{report.profile.policy.value} {report.profile.ownership.value}")
    sizes = {name.partition(":")[0]: shape.size for name, shape in header.pools.items()}
    table.add_row("environments", str(header.env_num))
    table.add_row("capacities", ", ".join(f"{name} {size}" for name, size in sizes.items()))
    for name, what in COUNTED.items():
        if report.counts[name]:
            table.add_row(what, f"{report.counts[name]:,}")
    table.add_row("verdict", "accepted" if report.accepted else " ".join(report.breaches))
    console.print(Fitted(table))
