"""`kvref fuzz`: a campaign of random histories, as long as you like, taken up where it stopped."""

import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from spec.laws import CACHE, TITLES
from stateful_models.cli.console import (
    JsonFile,
    complain,
    fresh_json,
    fresh_repro,
    output,
    refuse,
    telling,
    write_json,
)
from stateful_models.cli.console import write_text as write
from stateful_models.cli.silence import LIMIT, Limit, watched
from stateful_models.cli.subject import named
from stateful_models.cli.watched import foreign
from stateful_models.engines.independence import ENTANGLED, entangled
from stateful_models.engines.rows import title
from stateful_models.engines.workers import workers
from stateful_models.reports.data import FORM, Ended, FuzzDocument, Summary, written
from stateful_models.reports.fitted import Fitted
from stateful_models.reports.repro import repro, source
from stateful_models.reports.timeline import timeline
from stateful_models.reports.words import operation
from stateful_models.subjects.protocol import SubjectError
from stateful_models.subjects.target import Target

if TYPE_CHECKING:
    from stateful_models.engines.fuzz import Campaign, Found, Store

DATABASE: Final = Path(".hypothesis/kvref")


def fuzz_command(
    subject: Annotated[
        str | None, typer.Argument(help="Your cache, as module:factory. Default: kvref itself.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="How long.")] = 10.0,
    jobs: Annotated[
        int, typer.Option(min=1, max=256, help="Processes. Default: one a core.")
    ] = os.cpu_count() or 1,
    database: Annotated[
        Path, typer.Option(help="Folder of what was found, and of how far the campaign is.")
    ] = DATABASE,
    redis: Annotated[
        str | None,
        typer.Option(help="URL of a Redis server that several machines share, besides the folder."),
    ] = None,
    repro_file: Annotated[
        Path | None, typer.Option("--repro", help="Write the failing history here, as a test.")
    ] = None,
    limit: Limit = LIMIT,
    json: JsonFile = None,
) -> None:
    """Try random histories until the time is up or one goes wrong. Run again to go on."""
    json, repro_file = fresh_json(json), fresh_repro(repro_file)
    require(redis)
    if subject is not None and foreign(subject):
        raise typer.Exit(watched(subject, limit, silent(subject), json, repro_file))
    from stateful_models.engines.fuzz import CampaignError, Store

    target = named(subject)
    try:
        store = Store(database.absolute(), redis)
        store.check()
        record = store.record(target.name)
    except CampaignError as error:
        refuse(str(error))
    found = campaigned(target, record, store, 60 * minutes, jobs)
    console = output(json)
    show(console, record)
    if found is None:
        console.print(f"[bold green]nothing found[/]; {record.steps:,} operations so far.")
        if record.failures:
            console.print("What earlier runs of this campaign found was replayed, and holds now.")
    else:
        show_found(console, target, found)
        if repro_file is not None:
            write(repro_file, repro(target, found.scope, found.divergence, found.kind, repro_file))
    write_json(json, FuzzDocument(FORM, written(), summary(record, found)))
    if found is not None:
        raise typer.Exit(1)


def silent(subject: str) -> Callable[[Ended], FuzzDocument]:
    """The document of a run that the subject did not let end; the campaign's own file has more."""
    nothing = Summary(subject, False, 0, 0, 0, 0, 0, {}, [], [], None, [], [])
    return lambda ended: FuzzDocument(FORM, written(), nothing, ended)


def require(redis: str | None) -> None:
    """Refuse, before anything else, where a package is missing."""
    if find_spec("hypothesis") is None:
        refuse("this needs Hypothesis: pip install 'kvref[machines]'")
    if redis is not None and find_spec("redis") is None:
        refuse("--redis needs its client: pip install 'kvref[redis]'")


def show_found(console: Console, target: Target, found: "Found") -> None:
    console.print(timeline(found.scope, found.divergence, "shrunk history that goes wrong"))
    broken = ", ".join(f"{code} {TITLES[code]}" for code in found.divergence.laws)
    name = f"{found.kind} {title(found.scope.profile)}"
    console.print(f"[bold red]{target.name} breaks[/] {broken or 'no single law'} ({name})")
    if entangled(target):
        console.print(ENTANGLED)
    console.print("It will be replayed first from now on.")


def campaigned(
    target: Target, record: "Campaign", store: "Store", seconds: float, jobs: int
) -> "Found | None":
    """The first thing found, if anything is; with progress shown."""
    from stateful_models.engines.fuzz import campaign

    if jobs > 1 and not target.travels:
        complain(f"{target.name} is not a module's own, so one process it is")
        jobs = 1
    found: Found | None = None
    try:
        with workers(jobs, target.module_and_name) as processes, telling() as tell:
            executor: Executor = ThreadPoolExecutor(1) if processes is None else processes
            for ran in campaign(target, record, store, seconds, jobs, executor):
                found = found or ran.found
                rate = record.steps / record.seconds if record.seconds else 0.0
                tell(
                    f"fuzzing {target.name}: {record.examples:,} examples, {record.steps:,} "
                    f"operations ({rate:,.0f}/s), {record.seconds / 60:.1f} minutes"
                )
    except SubjectError as error:
        refuse(f"{target.name}: {error}")
    return found


def show(console: Console, record: "Campaign") -> None:
    table = Table(box=SIMPLE_HEAD)
    for column in ("subject", "runs", "minutes", "examples", "operations", "longest history"):
        table.add_column(column, justify="left" if column == "subject" else "right")
    table.add_row(
        record.subject,
        f"{record.runs:,}",
        f"{record.seconds / 60:.1f}",
        f"{record.examples:,}",
        f"{record.steps:,}",
        str(record.deepest),
    )
    console.print(Fitted(table))
    done = sorted(record.operations.items(), key=lambda one: -one[1])
    console.print("operations: " + ", ".join(f"{name} {count:,}" for name, count in done))
    missing = [law.code for law in CACHE if law.code not in record.occurred]
    console.print("situations that occurred: " + (" ".join(record.occurred) or "none"))
    if missing:
        console.print("that did not, or cannot be judged here: " + " ".join(missing))


def summary(record: "Campaign", found: "Found | None") -> Summary:
    wrong = None if found is None else found.divergence
    return Summary(
        record.subject,
        found is None,
        record.runs,
        round(record.seconds, 1),
        record.examples,
        record.steps,
        record.deepest,
        record.operations,
        record.occurred,
        [] if wrong is None else list(wrong.laws),
        None if found is None else title(found.scope.profile),
        [] if wrong is None else [operation(op) for op in wrong.history],
        [] if wrong is None else [source(op) for op in wrong.history],
    )
