"""`kvref check`: a cache against the specification, exhaustively within a scope."""

import os
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Annotated

import typer

from spec.profile import Ownership, Policy, Profile
from stateful_models.cli.console import (
    complain,
    output,
    refuse,
    watching,
    writable,
    write_json,
    write_text,
)
from stateful_models.cli.subject import named
from stateful_models.engines.check import Checked, check_target, selected
from stateful_models.engines.workers import workers
from stateful_models.reports.data import FORM, CheckDocument, written
from stateful_models.reports.repro import repro
from stateful_models.reports.table import as_data, conclude, table
from stateful_models.reports.timeline import timeline
from stateful_models.scopes.presets import ScopeName
from stateful_models.subjects.protocol import SubjectError
from stateful_models.subjects.target import Target


def explored(
    target: Target, scope: ScopeName, profiles: tuple[Profile, ...], symmetry: bool, jobs: int
) -> list[Checked]:
    """Every row, with progress shown; refuses a subject that cannot be driven."""
    if jobs > 1 and not target.travels:
        complain(f"{target.name} is not a module's own, so one process it is")
        jobs = 1
    try:
        with workers(jobs) as executor, watching() as watch:
            return list(check_target(target, scope, profiles, symmetry, executor, jobs, watch))
    except SubjectError as error:
        refuse(f"{target.name}: {error}")
    except BrokenExecutor:
        refuse(f"{target.name} ended the process that it ran in")


def check_command(
    subject: Annotated[
        str | None, typer.Argument(help="Your cache, as module:factory. Default: kvref itself.")
    ] = None,
    scope: Annotated[ScopeName, typer.Option(help="How far to look.")] = ScopeName.DEFAULT,
    policy: Annotated[Policy | None, typer.Option(help="Only this policy.")] = None,
    ownership: Annotated[Ownership | None, typer.Option(help="Only this ownership.")] = None,
    jobs: Annotated[
        int, typer.Option(min=1, max=256, help="Processes. Default: one a core.")
    ] = os.cpu_count() or 1,
    symmetry: Annotated[
        bool, typer.Option(help="Count states that differ by renaming as one.")
    ] = True,
    json: Annotated[Path | None, typer.Option(help="Write the result to this file.")] = None,
    repro_file: Annotated[
        Path | None,
        typer.Option("--repro", help="Write the counterexample to this file, as a test."),
    ] = None,
) -> None:
    """Check a cache against the specification, exhaustively within a scope."""
    writable(json)
    writable(repro_file)
    target = named(subject)
    profiles = selected(target, policy, ownership)
    if not profiles:
        refuse(f"{target.name} claims no profile with that policy and ownership")
    console = output()
    rows = explored(target, scope, profiles, symmetry, jobs)
    console.print(table(rows))
    broken = [row for row in rows if row.divergence is not None]
    for row in broken[:1]:
        assert row.divergence is not None, "that is what makes it broken"
        console.print(timeline(row.scope, row.divergence))
        if repro_file is not None:
            write_text(repro_file, repro(target, row.scope, row.divergence, row.kind))
    conclude(console, target, rows)
    write_json(json, CheckDocument(FORM, written(), as_data(target, rows)))
    if not all(row.conforms for row in rows):
        raise typer.Exit(1)
