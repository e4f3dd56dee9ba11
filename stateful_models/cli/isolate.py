"""`kvref isolate`: whether environments can observe one another, and through what."""

from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Annotated, NamedTuple

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from spec.isolation_laws import M2, M5, TwoRuns
from spec.law import Law
from spec.ops import EnvId, Lookup, ManagerOp, On
from spec.profile import Profile, RecurScope
from stateful_models.cli.console import JsonFile, fresh_json, output, refuse, watching, write_json
from stateful_models.cli.silence import LIMIT, Limit, watched
from stateful_models.cli.subject import named
from stateful_models.cli.watched import foreign
from stateful_models.engines.check import Watch
from stateful_models.engines.isolation import (
    Driven,
    Interference,
    Isolation,
    IsolationRun,
    Specified,
)
from stateful_models.reference.target import KVREF
from stateful_models.reports.data import FORM, Finding, IsolateDocument, IsolationData, written
from stateful_models.reports.fitted import Fitted
from stateful_models.reports.words import answer, key_name, operation
from stateful_models.scopes.isolation import IsolationScope
from stateful_models.subjects.protocol import SubjectError
from stateful_models.subjects.target import Target

KINDS = ("presence", "contents", "eviction")


class Question(NamedTuple):
    """A law, asked of the specification or of the subject."""

    law: Law[TwoRuns]
    of: str
    scope: IsolationScope
    subject: bool


def told(op: ManagerOp) -> str:
    match op:
        case On(tier, env, inner):
            return f"env {env}: {tier.value} {operation(inner)}"
        case Lookup(env, key):
            return f"env {env}: lookup {key_name(key)}"
        case _:
            return operation(op)


def finding(one: Interference) -> Finding:
    history = [told(op) for op in one.history]
    return Finding(one.kind, history, answer(one.answer), answer(one.alone))


def questions(target: Target, envs: int, keys: int) -> list[Question]:
    """M2 with the shared recur pool; of kvref, M5 with a recur pool for each environment."""
    shared = IsolationScope(in_scope(target, RecurScope.SHARED), envs, keys)
    asked = [Question(M2, target.name, shared, True)]
    if target is KVREF:
        apart = IsolationScope(in_scope(target, RecurScope.PER_ENV), envs, keys, simulations=2)
        asked.append(Question(M5, target.name, apart, True))
    specified = [one._replace(of="specification", subject=False) for one in asked]
    return sorted([*specified, *asked], key=lambda one: one.law.code)


def in_scope(target: Target, scope: RecurScope) -> Profile:
    return replace(target.profiles[0], recur_scope=scope)


def explored(
    question: Question, target: Target, depth: int | None, watch: Watch, kinds: int = 1
) -> Isolation:
    settings = question.scope.alphabet(), EnvId(0), question.law, depth, kinds
    progress = partial(watch, f"{question.law.code} of {question.of}")
    if not question.subject:
        return IsolationRun(Specified(question.scope), *settings, progress).run()
    assert target.manager is not None
    return IsolationRun(Driven(question.scope, target.manager), *settings, progress).run()


def answered(question: Question, target: Target, depth: int | None, watch: Watch) -> IsolationData:
    began = perf_counter()
    seen = explored(question, target, depth, watch)
    return IsolationData(
        question.law.code,
        question.of,
        question.scope.envs,
        seen.pairs,
        seen.transitions,
        seen.depth,
        seen.closed,
        perf_counter() - began,
        [finding(one) for one in seen.found],
        seen.occurred,
    )


def channel(target: Target) -> list[Finding]:
    """What the shared recur pool tells one environment of another: a shortest history each."""
    scope = IsolationScope(in_scope(target, RecurScope.SHARED), keys=3)
    question = Question(M5, "specification", scope, False)
    seen = explored(question, target, 4, lambda label, now: None, kinds=len(KINDS) + 1)
    return [finding(one) for one in seen.found if one.kind in KINDS]


def isolate_command(
    subject: Annotated[
        str | None, typer.Argument(help="Your manager, as module:factory. Default: kvref itself.")
    ] = None,
    envs: Annotated[int, typer.Option(min=2, max=4, help="Environments.")] = 2,
    keys: Annotated[int, typer.Option(min=1, max=3, help="Keys that each of them uses.")] = 2,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Longest history. Default: of any length.")
    ] = None,
    limit: Limit = LIMIT,
    json: JsonFile = None,
) -> None:
    """Compare two runs: all operations, and those of one environment alone."""
    json = fresh_json(json)
    if subject is not None and foreign(subject):
        raise typer.Exit(
            watched(subject, limit, lambda end: IsolateDocument(FORM, written(), [], end), json)
        )
    target = named(subject)
    if target.manager is None or not target.transparent:
        refuse(f"{target.name}: isolation is a matter of a manager with an abstract() method")
    asked = questions(target, envs, keys)
    try:
        with watching() as watch:
            verdicts = [answered(question, target, depth, watch) for question in asked]
    except SubjectError as error:
        refuse(f"{target.name}: {error}")
    broken = any(verdict.found or not verdict.occurred for verdict in verdicts)
    shown(output(json), target.name, verdicts, [] if broken else channel(target))
    write_json(json, IsolateDocument(FORM, written(), verdicts))
    if broken:
        raise typer.Exit(1)


def shown(console: Console, name: str, verdicts: list[IsolationData], told: list[Finding]) -> None:
    table = Table("law", "of", box=SIMPLE_HEAD)
    for column in ("environments", "pairs of states", "transitions", "seconds"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for one in verdicts:
        reach = "histories of any length" if one.closed else f"histories of up to {one.depth}"
        verdict = f"isolated, {reach}" if one.occurred else f"never occurred: {one.law}"
        verdict = "INTERFERES" if one.found else verdict
        counts = f"{one.envs}", f"{one.pairs:,}", f"{one.transitions:,}", f"{one.seconds:.1f}"
        table.add_row(one.law, one.of, *counts, verdict)
    console.print(Fitted(table))
    for one in verdicts:
        for found in one.found:
            console.print(f"{name} breaks {one.law}: env 0 observes another ({found.kind})")
            print_finding(console, found)
    if told:
        console.print(
            "The declared channel, the recur pool that all share; a shortest history each:"
        )
    for found in told:
        console.print(f"  {found.kind}")
        print_finding(console, found)


def print_finding(console: Console, found: Finding) -> None:
    for number, line in enumerate(found.history, 1):
        console.print(f"    {number}. {line}")
    console.print(f"       {found.answer}; without the others: {found.alone}")
