"""What a check established, as a table and as data."""

from collections.abc import Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table

from spec.laws import TITLES
from spec.ops import Rewrite
from spec.profile import Ownership
from stateful_models.engines.check import Checked, title
from stateful_models.engines.independence import ENTANGLED, entangled
from stateful_models.engines.sample import LENGTH
from stateful_models.reports.data import CheckData, ProfileLine
from stateful_models.reports.fitted import Fitted
from stateful_models.reports.repro import source
from stateful_models.reports.words import answer, operation
from stateful_models.subjects.target import Target

TRANSPARENT: Final = (
    "Exhaustive within scope: every reachable state of the specification, every operation in each; "
    "after each, the answer, the subject's own state and every law were checked. States that "
    "differ only by renaming, or only in counters, count as one."
)
BLACK_BOX: Final = (
    "Exhaustive within scope as to answers only. The subject does not show its state: two "
    "histories were taken for one if they lead to the same state of the specification and end "
    "with the same operation, and after each transition every operation that tells states apart "
    "was tried. A fault that takes a longer memory than that to show, or shows only in aspects "
    "that the subject does not report, can have been missed."
)

OTHER_COPIES: Final = (
    "What a hit delivers could be written. If yours hands out copies, claim COPY_BOTH; if it lends "
    "its storage, LENT."
)


def verdict(row: Checked) -> str:
    if row.divergence is not None:
        return "BROKEN"
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
        max(report.depth for report in row.reports),
        round(sum(report.seconds for report in row.reports), 3),
        verdict(row),
        sorted(row.missing) if wrong is None else [],
        sorted(row.unjudged),
        [] if wrong is None else list(wrong.laws),
        [] if wrong is None else [operation(op) for op in wrong.history],
        [] if wrong is None else [source(op) for op in wrong.history],
        None if wrong is None else answer(wrong.expected),
        None if wrong is None else answer(wrong.observed),
        None if wrong is None else wrong.error,
    )


def as_data(target: Target, rows: Sequence[Checked]) -> CheckData:
    shown = all(report.transparent for row in rows for report in row.reports)
    return CheckData(target.name, all(row.conforms for row in rows), shown, [line(r) for r in rows])


def table(rows: Sequence[Checked]) -> RenderableType:
    shown = Table(box=SIMPLE_HEAD)
    shown.add_column("profile", no_wrap=True)
    shown.add_column("capacities")
    for column in ("states", "all renamings", "transitions", "depth", "seconds"):
        shown.add_column(column, justify="right")
    shown.add_column("verdict")
    for row in rows:
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
        broken = any(row.divergence is not None for row in rows)
        return [*faults, ENTANGLED] if broken and entangled(target) else faults
    data = as_data(target, rows)
    transitions = sum(one.transitions for one in data.rows)
    tried = sum(report.histories for row in rows for report in row.reports)
    said = [
        f"[bold green]{target.name} conforms[/]: {transitions:,} transitions.",
        TRANSPARENT if data.state_shown else BLACK_BOX,
        f"Beyond that, sampled: {tried:,} random histories of {LENGTH} operations.",
    ]
    hidden = sorted(frozenset.intersection(*(row.unjudged for row in rows)))
    if hidden:
        names = ", ".join(f"{code} {TITLES[code]}" for code in hidden)
        said.append(f"Not judged, since the subject reports too little: {names}.")
    return said


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
        said = f"[bold red]{target.name} breaks[/] {broken or 'no single law'} ({name})"
        return [said, *([OTHER_COPIES] if copies_differently(row) else [])]
    if row.missing:
        return [f"never occurred within scope: {' '.join(sorted(row.missing))}"]
    return []


def conclude(console: Console, target: Target, rows: Sequence[Checked]) -> None:
    """The sentences that the table ends in."""
    for line in statement(target, rows):
        console.print(line, highlight=False)
