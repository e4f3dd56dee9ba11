"""`kvref contracts`: CrossHair on every condition, held against the ledger."""

import multiprocessing
import os
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from stateful_models.cli.console import JsonFile, complain, fresh_json, output, refuse, write_json
from stateful_models.reports.data import FORM, ConditionLine, ContractsDocument, written
from stateful_models.reports.fitted import Fitted

if TYPE_CHECKING:
    from stateful_models.engines.contracts.ledger import Outcome


def lines(outcomes: tuple["Outcome", ...]) -> list[ConditionLine]:
    from stateful_models.engines.contracts.ledger import CONDITIONS, Listed, ledger

    listed = ledger()
    return [
        ConditionLine(
            name,
            CONDITIONS[name].says,
            claim.verdict.value,
            round(claim.seconds, 1),
            planted.verdict.value,
            planted.message.partition("when calling ")[2].strip(),
            listed.get(name, Listed()).reason,
            listed.get(name, Listed()).covered_by,
        )
        for name, claim, planted in outcomes
    ]


def table(told: list[ConditionLine]) -> Table:
    shown = Table(box=SIMPLE_HEAD)
    for column in ("condition", "verdict", "seconds", "planted fault", "by the input"):
        shown.add_column(column, justify="right" if column == "seconds" else "left", no_wrap=True)
    for line in told:
        style = "green" if line.verdict.startswith("confirmed") else "yellow"
        cut = line.refuted_by.removeprefix("theorem")
        shown.add_row(
            line.condition,
            f"[{style}]{line.verdict}[/]",
            f"{line.seconds:.1f}",
            line.planted_fault,
            cut if len(cut) <= 42 else f"{cut[:39]}...",
        )
    return shown


def contracts_command(
    capacity: Annotated[int, typer.Option(min=3, max=8, help="Entries of a pool.")] = 3,
    only: Annotated[str, typer.Option(help="Only conditions whose name has this in it.")] = "",
    seconds: Annotated[float, typer.Option(min=1, help="For each condition, at most.")] = 60.0,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = os.cpu_count() or 1,
    json: JsonFile = None,
) -> None:
    """Check what the cache decides symbolically, with CrossHair, against the ledger."""
    json = fresh_json(json)
    if find_spec("crosshair") is None:
        refuse("this needs CrossHair: pip install 'kvref[contracts]'")
    from stateful_models.engines.contracts.canaries import CANARIES, false_notes, sing
    from stateful_models.engines.contracts.ledger import CONDITIONS, departures

    names = tuple(name for name in CONDITIONS if only.lower() in name.lower())
    if not names:
        refuse(f"no condition's name has {only!r} in it")
    started = perf_counter()
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(jobs, context) as executor:
            sung = tuple(executor.map(sing, range(len(CANARIES))))
            outcomes = gathered(names, capacity, seconds, executor)
    except BrokenExecutor:
        refuse("CrossHair ended the process that it ran in")
    told = lines(outcomes)
    show(output(json), told, capacity, perf_counter() - started)
    write_json(json, ContractsDocument(FORM, written(), told))
    wrong = (*false_notes(sung), *departures(outcomes, capacity))
    for one in wrong:
        complain(one)
    if wrong:
        raise typer.Exit(1)


def show(console: Console, told: list[ConditionLine], capacity: int, seconds: float) -> None:
    console.print(Fitted(table(told)))
    confirmed = sum(line.verdict.startswith("confirmed") for line in told)
    console.print(
        f"{confirmed} of {len(told)} conditions confirmed over all paths at capacity {capacity}, "
        f"in {seconds:.0f} s. What was not confirmed counts for nothing:"
    )
    for line in told:
        if not line.verdict.startswith("confirmed"):
            console.print(f"  {line.condition}: {line.reason}; covered by {line.covered_by}")


def gathered(
    names: tuple[str, ...], capacity: int, seconds: float, executor: Executor
) -> tuple["Outcome", ...]:
    """The outcomes in the order of the conditions; a plain line for each as it comes."""
    from stateful_models.engines.contracts.ledger import run

    done: dict[str, Outcome] = {}
    for number, outcome in enumerate(run(names, capacity, seconds, executor), 1):
        done[outcome.name] = outcome
        if number % 10 == 0:
            typer.echo(f"{number} of {len(names)} conditions done", err=True)
    return tuple(done[name] for name in names)
