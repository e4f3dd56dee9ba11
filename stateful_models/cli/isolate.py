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
from spec.ops import EnvId, Lookup, ManagerOp, On, Tier
from spec.profile import Profile, RecurScope
from stateful_models.cli.console import JsonFile, fresh_json, output, refuse, watching, write_json
from stateful_models.cli.silence import LIMIT, Limit, watched
from stateful_models.cli.subject import named
from stateful_models.cli.watched import foreign
from stateful_models.engines.check import Watch
from stateful_models.engines.frontier import Progress
from stateful_models.engines.isolation import (
    Driven,
    Interference,
    Isolation,
    IsolationRun,
    Specified,
)
from stateful_models.engines.isolation_sample import Beyond, LongRuns
from stateful_models.reference.target import KVREF
from stateful_models.reports.data import FORM, Finding, IsolateDocument, IsolationData, written
from stateful_models.reports.fitted import Fitted
from stateful_models.reports.words import answer, key_name, operation
from stateful_models.scopes.isolation import IsolationScope
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.protocol import SubjectError
from stateful_models.subjects.target import Target

KINDS = ("presence", "contents", "clearing", "eviction")


class Question(NamedTuple):
    """A law, asked of the specification or of the subject.

    Where it is asked for what a subject `remembers`, long random histories follow.
    """

    law: Law[TwoRuns]
    of: str
    scope: IsolationScope
    subject: bool
    remembers: bool = False


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
    answers = answer(one.answer), answer(one.alone)
    return Finding(one.kind, history, *answers, one.watched, one.sampled)


def claimed(target: Target, scope: RecurScope) -> Profile | None:
    """The first profile that the subject claims with this scope of recur; kvref has both."""
    every = [one for one in target.profiles if one.recur_scope is scope]
    if target is KVREF:
        every.append(replace(target.profiles[0], recur_scope=scope))
    return every[0] if every else None


def questions(target: Target, envs: int, keys: int) -> list[Question]:
    """M2 of every manager that has init, M5 of one with a recur pool for each environment."""
    apart = claimed(target, RecurScope.PER_ENV)
    shared = claimed(target, RecurScope.SHARED) or apart
    asked: list[Question] = []
    if shared is not None and Tier.INIT in target.tiers:
        asked += of_law(M2, target, IsolationScope(shared, envs, keys, tiers=target.tiers))
    if apart is not None and Tier.RECUR in target.tiers:
        scope = IsolationScope(apart, envs, keys, simulations=keys, tiers=target.tiers)
        asked += of_law(M5, target, scope)
    return asked


def of_law(law: Law[TwoRuns], target: Target, scope: IsolationScope) -> list[Question]:
    """Of the specification with all keys in both tiers; of the subject with all in the tier that
    the law is about and one in the other: with room for two, and with room for one, which evicts,
    for what it remembers of one operation."""
    init, recur = (scope.keys, 1) if law is M2 else (1, scope.keys)
    narrow = replace(scope, keys=init, recur_keys=recur)
    tight = replace(narrow, capacity=1, simulations=1)
    return [
        Question(law, "specification", scope, False),
        Question(law, target.name, narrow, True),
        Question(law, target.name, tight, True, remembers=True),
    ]


def explored(
    question: Question, target: Target, depth: int | None, watch: Watch, kinds: int = 1
) -> Isolation:
    progress = partial(watch, f"{question.law.code} of {question.of}")
    settings = EnvId(0), question.law, depth, kinds, progress
    if not question.subject:
        return IsolationRun(Specified(question.scope), question.scope.alphabet(), *settings).run()
    assert target.manager is not None
    shows, remembers = target.transparent, question.remembers
    machine = Driven(question.scope, target.manager, shows, remembers)
    return IsolationRun(machine, question.scope.alphabet(machine.reports), *settings).run()


def beyond(question: Question, target: Target, watch: Watch) -> Beyond:
    assert target.manager is not None
    scope, began = question.scope, perf_counter()
    runs = LongRuns(target.manager, scope.profile, question.law, scope)

    def progress(tried: int) -> None:
        now = Progress(0, tried * runs.length, runs.length, 0, perf_counter() - began)
        watch(f"{question.law.code} of {question.of}, history {tried} of {runs.histories}", now)

    return runs.run(progress)


def answered(question: Question, target: Target, depth: int | None, watch: Watch) -> IsolationData:
    began = perf_counter()
    seen = explored(question, target, depth, watch)
    found, runs = seen.found, Beyond(0, 0, None)
    if question.remembers and seen.occurred and not found:
        runs = beyond(question, target, watch)
        found = () if runs.found is None else (runs.found,)
    return IsolationData(
        question.law.code,
        question.of,
        question.scope.envs,
        seen.pairs,
        seen.transitions,
        seen.depth,
        seen.closed,
        perf_counter() - began,
        [finding(one) for one in found],
        seen.occurred,
        question.scope.label,
        question.remembers,
        question.subject and not target.transparent,
        runs.tried,
        runs.length,
    )


def all_answered(
    asked: list[Question], target: Target, depth: int | None, watch: Watch
) -> list[IsolationData]:
    """Once a law is seen to be broken it is not asked of the same subject again."""
    verdicts: list[IsolationData] = []
    for question in asked:
        known = (one for one in verdicts if one.found)
        if all((one.law, one.of) != (question.law.code, question.of) for one in known):
            verdicts.append(answered(question, target, depth, watch))
    return verdicts


def left_out(target: Target, asked: list[Question]) -> list[str]:
    """What was not asked and what was not observed."""
    lines = []
    laws = {one.law for one in asked}
    if M2 not in laws:
        lines.append("M2 was not asked: there is no init tier")
    if M5 not in laws:
        lines.append("M5 was not asked: no profile has a recur pool for each environment")
    reports = Driven(asked[0].scope, target.manager).reports if target.manager else frozenset()
    if Aspect.INSPECTION not in reports:
        lines.append("not observed: keys of a pool and peeks, which it does not report")
    if Aspect.COUNTERS not in reports:
        lines.append("not observed: all or some of a pool's counters, which it does not report")
    lines.append(
        "not observed, since common by design: wm, the summary of lookups, and with a shared recur "
        "pool its answers and counters (M2 is about init)"
    )
    return lines


def channel(target: Target) -> list[Finding]:
    """What the shared recur pool tells one environment of another: a shortest history each."""
    profile = replace(target.profiles[0], recur_scope=RecurScope.SHARED)
    scope = IsolationScope(profile, keys=3)
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
    if target.manager is None:
        refuse(f"{target.name}: isolation is a matter of a manager")
    asked = questions(target, envs, keys)
    if not asked:
        refuse(f"{target.name}: isolation is a matter of a manager with init, or with recur apart")
    try:
        with watching() as watch:
            verdicts = all_answered(asked, target, depth, watch)
        lines = left_out(target, asked)
    except SubjectError as error:
        refuse(f"{target.name}: {error}")
    broken = any(verdict.found or not verdict.occurred for verdict in verdicts)
    shown(output(json), target.name, verdicts, [] if broken else channel(target), lines)
    write_json(json, IsolateDocument(FORM, written(), verdicts, left_out=lines))
    if broken:
        raise typer.Exit(1)


def established(one: IsolationData) -> str:
    """What an exploration that found nothing says of a subject."""
    reach = "of any length" if one.closed else f"of up to {one.depth} operations"
    answers = " As to answers only: its states were taken to be the specification's."
    sampled = (
        f" Beyond that {one.sampled} random histories of {one.length} operations, each environment "
        "watched in turn."
        if one.sampled
        else ""
    )
    return (
        f"{one.law} of {one.of}: env 0 is isolated in histories {reach}, if what is remembered is "
        f"what is {'told' if one.answers_only else 'shown'} and the last operation of another "
        f"environment.{sampled}{answers if one.answers_only else ''}"
    )


def verdict(one: IsolationData) -> str:
    if one.found:
        return "INTERFERES"
    if not one.occurred:
        return f"never occurred: {one.law}"
    reach = "histories of any length" if one.closed else f"histories of up to {one.depth}"
    beside = ", memory of one operation" if one.remembers else ""
    return f"isolated, {reach}{beside}"


def shown(
    console: Console,
    name: str,
    verdicts: list[IsolationData],
    told: list[Finding],
    left_out: list[str],
) -> None:
    table = Table("law", "of", "keys, room", box=SIMPLE_HEAD)
    for column in ("envs", "pairs", "transitions", "seconds"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for one in verdicts:
        counts = f"{one.envs}", f"{one.pairs:,}", f"{one.transitions:,}", f"{one.seconds:.1f}"
        table.add_row(one.law, one.of, one.scope, *counts, verdict(one))
    console.print(Fitted(table))
    for one in verdicts:
        if one.remembers and one.occurred and not one.found:
            console.print(established(one), highlight=False)
        for found in one.found:
            observes = f"env {found.watched} observes another ({found.kind})"
            console.print(f"{name} breaks {one.law}: {observes}")
            if found.sampled:
                console.print("  in a random history, reduced; there may be a shorter one")
            print_finding(console, found)
    for line in left_out:
        console.print(line, highlight=False)
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
