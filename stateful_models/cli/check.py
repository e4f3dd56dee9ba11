"""`kvref check`: a cache against the specification, exhaustively within a scope."""

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from spec.ops import ManagerOp
from spec.profile import Ownership, Profile
from stateful_models.cli.console import (
    JsonFile,
    complain,
    fresh_json,
    fresh_repro,
    output,
    refuse,
    watching,
    write_json,
    write_text,
)
from stateful_models.cli.silence import LIMIT, Limit, watched
from stateful_models.cli.subject import named, tensors
from stateful_models.cli.watched import foreign
from stateful_models.engines.check import (
    Checked,
    check_target,
    selected,
    usual_sampling,
)
from stateful_models.engines.every_law import EveryLaw, every_law_of
from stateful_models.engines.rows import count_of_rows
from stateful_models.engines.sample import Sampling
from stateful_models.engines.workers import workers
from stateful_models.reports.data import FORM, CheckData, CheckDocument, Ended, written
from stateful_models.reports.every_law import law_lines, law_table
from stateful_models.reports.report import Report
from stateful_models.reports.repro import repro
from stateful_models.reports.table import as_data, conclude, table
from stateful_models.reports.timeline import timeline
from stateful_models.scopes.presets import ScopeName
from stateful_models.subjects.journal import driven
from stateful_models.subjects.protocol import SubjectError
from stateful_models.subjects.target import Target


def explored(
    target: Target,
    scope: ScopeName,
    profiles: tuple[Profile, ...],
    symmetry: bool,
    jobs: int,
    sampling: Sampling,
) -> tuple[Checked, ...]:
    """Every row, with progress shown; refuses a subject that cannot be driven."""
    if jobs > 1 and not target.travels:
        complain(f"{target.name} is not a module's own, so one process it is")
        jobs = 1
    try:
        with workers(jobs, target.module_and_name) as executor, watching() as watch:
            setting = profiles, symmetry, executor, jobs, watch, sampling
            return check_target(target, scope, *setting)
    except SubjectError as error:
        refuse(f"{target.name}: {error}")


def laws_besides(target: Target, profile: Profile) -> EveryLaw[ManagerOp] | None:
    """All that are broken, of a subject that tells enough."""
    try:
        return every_law_of(target, profile)
    except SubjectError as error:
        refuse(f"{target.name}: {error}")


def check_command(
    subject: Annotated[
        str | None, typer.Argument(help="Your cache, as module:factory. Default: kvref itself.")
    ] = None,
    scope: Annotated[ScopeName, typer.Option(help="How far to look.")] = ScopeName.DEFAULT,
    policy: Annotated[str | None, typer.Option(help="Only this policy, by name: lru, say.")] = None,
    ownership: Annotated[Ownership | None, typer.Option(help="Only this ownership.")] = None,
    jobs: Annotated[
        int, typer.Option(min=1, max=256, help="Processes. Default: one a core.")
    ] = os.cpu_count() or 1,
    symmetry: Annotated[
        bool, typer.Option(help="Count states that differ by renaming as one.")
    ] = True,
    length: Annotated[
        int | None, typer.Option(min=1, help="Operations of each random history.")
    ] = None,
    capacity: Annotated[
        int | None, typer.Option(min=1, help="Entries of the pools that are sampled.")
    ] = None,
    keys: Annotated[
        int | None, typer.Option(min=1, help="Keys that are used in random histories.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random histories.")] = 0,
    minutes: Annotated[
        float, typer.Option(min=0, help="Sample for so long, behind what is explored.")
    ] = 0.0,
    limit: Limit = LIMIT,
    json: JsonFile = None,
    repro_file: Annotated[
        Path | None,
        typer.Option("--repro", help="Write the counterexample to this file, as a test."),
    ] = None,
) -> None:
    """Check a cache against the specification, exhaustively within a scope."""
    json, repro_file = fresh_json(json), fresh_repro(repro_file)
    if subject is not None and foreign(subject):
        raise typer.Exit(watched(subject, limit, silent(subject), json, repro_file))
    other = tensors(subject)
    if other is not None:
        raise typer.Exit(check_other(*other, scope, json, repro_file))
    target = named(subject)
    profiles = selected(target, policy, ownership)
    if not profiles:
        known = ", ".join(dict.fromkeys(one.policy.value for one in target.profiles))
        refuse(f"{target.name} claims no profile with that policy and ownership, but: {known}")
    console = output(json)
    usual = usual_sampling(target, scope)
    rows_due = count_of_rows(target, profiles)
    together = min(jobs, rows_due) if target.travels else 1
    seconds = 60 * minutes * together / rows_due
    sampling = usual._replace(
        length=length or usual.length, capacity=capacity, keys=keys, seed=seed, seconds=seconds
    )
    rows = explored(target, scope, profiles, symmetry, jobs, sampling)
    console.print(table(rows))
    broken = [row for row in rows if row.divergence is not None]
    for row in broken[:1]:
        assert row.divergence is not None, "that is what makes it broken"
        console.print(timeline(row.scope, row.divergence))
        if repro_file is not None and not row.divergence.unsteady:
            write_text(repro_file, repro(target, row.scope, row.divergence, row.kind, repro_file))
    conclude(console, target, rows)
    every = laws_besides(target, profiles[0]) if broken else None
    if every is not None:
        console.print(law_table(every))
    data = msgspec.structs.replace(as_data(target, rows), every_law=law_lines(every))
    write_json(json, CheckDocument(FORM, written(), data))
    if not all(row.conforms for row in rows):
        raise typer.Exit(1)


def check_other(
    kind: str, subject: type, scope: ScopeName, json: Path | None, repro_file: Path | None
) -> int:
    """What `stateful_models.check` establishes of windows, batches, keys and sessions."""
    if repro_file is not None:
        complain(f"--repro is for pools and managers: nothing is written for {kind}")
    judge = import_module("stateful_models.reports.tensors")
    try:
        with driven(f"checking {kind}"):
            report: Report = judge.check_tensors(kind, subject, scope)
    except SubjectError as error:
        refuse(str(error))
    output(json).print(Text(report.statement), highlight=False)
    wrong = report.counterexample
    found = ([], []) if wrong is None else (list(wrong.laws), list(map(str, wrong.history)))
    shown = kind == "windows"
    data = CheckData(report.subject, report.conforms, shown, [], report.statement, *found)
    write_json(json, CheckDocument(FORM, written(), data))
    return 0 if report.conforms else 1


def silent(subject: str) -> Callable[[Ended], CheckDocument]:
    """The document of a run that the subject did not let end."""
    return lambda ended: CheckDocument(FORM, written(), CheckData(subject, False, False, []), ended)
