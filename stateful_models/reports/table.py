"""What a check established, as a table and as data."""

from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from spec.laws import TITLES
from spec.ops import Rewrite
from spec.profile import Ownership
from stateful_models.engines.check import Checked
from stateful_models.engines.independence import ENTANGLED, entangled
from stateful_models.engines.judge import Divergence
from stateful_models.engines.rows import AnyOp, title
from stateful_models.reports.data import CheckData, ProfileLine
from stateful_models.reports.fitted import Fitted
from stateful_models.reports.repro import source
from stateful_models.reports.words import answer, operation
from stateful_models.scopes.beyond import MOST, MOST_OF_A_MANAGER
from stateful_models.subjects.target import Target

TRANSPARENT: Final = (
    "Exhaustive within scope: every reachable state of the specification, every operation in each; "
    "after each, the answer, the subject's own state and every law were checked, and in each new "
    "state every operation that tells states apart was tried in a row. States that differ only by "
    "renaming, or only in counters, count as one."
)
BLACK_BOX: Final = (
    "Exhaustive within scope as to answers only. The subject does not show its state: two "
    "histories were taken for one if they lead to the same state of the specification and, in a "
    "pool, end with the same operation; after each transition every operation that tells states "
    "apart was tried and, in a manager, newcomers that tell in which order it evicts. A fault that "
    "takes a longer memory than that to show, or shows only in aspects that the subject does not "
    "report, can have been missed."
)

SHOWN: Final = 4
"""Rows that are named when they were not run to their end."""
LARGEST: Final = f"up to {MOST} entries (init pools of managers up to {MOST_OF_A_MANAGER})"
BEYOND: Final = (
    "under other names for keys (64 bits: huge, negative, equal in "
    "hash, low bits or as floats, equal and not identical) and priorities (negative, fractional, "
    "close, huge, infinite), with values that are empty or equal"
)
UNSTEADY: Final = (
    "asked the same once more, it answers differently. No law is named, and no test is written, "
    "since it would fail at random."
)
CHOSEN: Final = (
    "Under the policy `any` who leaves is the subject's choice, which was looked up after each "
    "set. Explored are the states that its choices led to; of others, to which it may come another "
    "time, nothing is said."
)
LAZY: Final = (
    "What leaves is freed only when Python's garbage collector runs: it is part of a reference "
    "cycle, and may stay in memory for long."
)
OTHER_COPIES: Final = (
    "What a hit delivers could be written. If yours hands out copies, claim COPY_BOTH; if it lends "
    "its storage, LENT."
)


def verdict(row: Checked) -> str:
    if row.divergence is not None:
        return "BROKEN"
    if not row.whole:
        return "not finished" if row.reports else "not run"
    return f"never occurred: {' '.join(sorted(row.missing))}" if row.missing else "conforms"


def line(row: Checked) -> ProfileLine:
    wrong = row.divergence
    return ProfileLine(
        row.kind,
        title(row.profile),
        row.profile.policy.value,
        row.profile.ownership.value,
        [scope.label for scope in row.scopes[: len(row.reports)]],
        sum(report.states for report in row.reports),
        sum(report.represented for report in row.reports),
        sum(report.transitions for report in row.reports),
        max((report.depth for report in row.reports), default=0),
        round(sum(report.seconds for report in row.reports), 3),
        verdict(row),
        sorted(row.missing) if wrong is None else [],
        sorted(row.unjudged),
        [] if wrong is None else list(wrong.laws),
        [] if wrong is None else [operation(op) for op in wrong.history],
        [] if wrong is None else [source(op) for op in wrong.history],
        None if wrong is None else answer(wrong.expected, wrong.reports),
        None if wrong is None else answer(wrong.observed, wrong.reports),
        None if wrong is None else wrong.error,
        None if wrong is None else culprit(wrong),
        wrong is not None and wrong.sampled,
        [] if wrong is None else [answer(one, wrong.reports) for one in wrong.unsteady],
        sum(report.histories for report in row.reports),
        max((report.length for report in row.reports), default=0),
        any(report.lazy for report in row.reports),
    )


def culprit(wrong: Divergence[object, AnyOp]) -> int | None:
    """Which operation broke the laws, counted from 1."""
    if not wrong.history or not wrong.laws:
        return None
    return len(wrong.history) if wrong.at is None else wrong.at + 1


def as_data(target: Target, rows: Sequence[Checked]) -> CheckData:
    shown = all(report.transparent for row in rows for report in row.reports)
    return CheckData(target.name, all(row.conforms for row in rows), shown, [line(r) for r in rows])


def table(rows: Sequence[Checked]) -> RenderableType:
    """A line for each row that came to its end."""
    shown = Table(box=SIMPLE_HEAD)
    shown.add_column("profile", no_wrap=True)
    shown.add_column("capacities")
    for column in ("states", "all renamings", "transitions", "depth", "seconds"):
        shown.add_column(column, justify="right")
    shown.add_column("verdict")
    for row in (one for one in rows if one.whole):
        told = line(row)
        style = "green" if row.conforms else "bold red"
        shown.add_row(
            f"{row.kind} {told.profile}",
            ", ".join(scope.capacities for scope in row.scopes[: len(row.reports)]),
            f"{told.states:,}",
            f"{told.represented:,}",
            f"{told.transitions:,}",
            str(told.depth),
            f"{told.seconds:.1f}",
            f"[{style}]{told.verdict}[/]",
        )
    return Fitted(shown)


def statement(target: Target, rows: Sequence[Checked]) -> list[str]:
    """What is and what is not established, in sentences with rich's markup."""
    if not all(row.conforms for row in rows):
        faults = [told for row in rows for told in fault(target, row)]
        faults += left_out(rows)
        broken = any(row.divergence is not None for row in rows)
        return [*faults, ENTANGLED] if broken and entangled(target) else faults
    data = as_data(target, rows)
    transitions = sum(one.transitions for one in data.rows)
    tried = sum(one.histories for one in data.rows)
    longest = max(one.longest for one in data.rows)
    asked = next((one.capacity for row in rows for one in row.reports if one.capacity), None)
    size = LARGEST if asked is None else f"{asked} entries"
    beyond = f", in pools of {size}, {BEYOND}" if tried else ""
    said = [
        f"[bold green]{target.name} conforms[/]: {transitions:,} transitions.",
        TRANSPARENT if data.state_shown else BLACK_BOX,
        covered(rows),
        *(CHOSEN for _ in chosen(rows)[:1]),
        f"Beyond that, sampled: {tried:,} random histories of {longest:,} operations{beyond}.",
    ]
    if any(one.freed_late for one in data.rows):
        said.append(LAZY)
    hidden = sorted(frozenset.intersection(*(row.unjudged for row in rows)))
    if hidden:
        names = ", ".join(f"{code} {TITLES[code]}" for code in hidden)
        said.append(f"Not judged, since the subject reports too little: {names}.")
    return said


def chosen(rows: Sequence[Checked]) -> list[Checked]:
    """Those whose subject chooses who leaves."""
    return [row for row in rows if row.profile.policy.chosen]


def left_out(rows: Sequence[Checked]) -> list[str]:
    """What was not gone on with, once something had been found."""
    others = [f"{row.kind} {title(row.profile)}" for row in rows if not row.whole]
    if not others:
        return []
    shown = others if len(others) <= SHOWN else [*others[:SHOWN], f"{len(others) - SHOWN} more"]
    return [f"What comes after this was not run to its end: {', '.join(shown)}."]


def covered(rows: Sequence[Checked]) -> str:
    labels = dict.fromkeys(one.label for row in rows for one in row.scopes[: len(row.reports)])
    return f"Explored: {'; '.join(labels)}."


def copies_differently(row: Checked) -> bool:
    """Whether a cache that claims COPY let the client write into what it delivered."""
    if row.divergence is None or row.profile.ownership is not Ownership.COPY:
        return False
    return "R4" in row.divergence.laws and Rewrite in map(type, row.divergence.history)


def fault(target: Target, row: Checked) -> list[str]:
    """What is wrong with one profile; nothing, if nothing is."""
    if row.divergence is not None:
        broken = ", ".join(f"{code} {TITLES[code]}" for code in row.divergence.laws)
        name = f"{row.kind} {title(row.profile)}"
        if row.divergence.unsteady:
            return [f"[bold red]{target.name} is not deterministic[/] ({name}): {UNSTEADY}"]
        said = f"[bold red]{target.name} breaks[/] {broken or 'no single law'} ({name})"
        place = culprit(row.divergence)
        if place is not None and place < len(row.divergence.history):
            op = operation(row.divergence.history[place - 1])
            said += f" by operation {place}, {escape(op)}; what follows shows it."
        return [said, *([OTHER_COPIES] if copies_differently(row) else [])]
    if row.missing:
        return [f"never occurred within scope: {' '.join(sorted(row.missing))}"]
    return []


def conclude(console: Console, target: Target, rows: Sequence[Checked]) -> None:
    """The sentences that the table ends in."""
    for line in statement(target, rows):
        console.print(line, highlight=False)
