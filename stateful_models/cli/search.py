"""`kvref search`: how large the pools of a tree search must be, and what its contexts rest on."""

from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from spec.profile import CLASSIC
from stateful_models.cli.console import JsonFile, fresh_json, output, write_json
from stateful_models.reports.data import (
    FORM,
    Dropped,
    SearchData,
    SearchDocument,
    Threshold,
    Uncleared,
    written,
)
from stateful_models.reports.fitted import Fitted
from stateful_models.reports.searches import (
    CASES,
    UNCLEARED,
    as_said,
    dropped,
    thresholds,
    uncleared,
)


def search_command(
    envs: Annotated[int, typer.Option(min=1, max=4, help="Up to so many environments.")] = 3,
    simulations: Annotated[int, typer.Option(min=1, max=7, help="Simulations a search.")] = 6,
    json: JsonFile = None,
) -> None:
    """Explore abstract tree searches: the least capacities, and what goes wrong without what."""
    json = fresh_json(json)
    sizes = list(thresholds(envs, simulations))
    cases = [dropped(case) for case in CASES]
    kept = [uncleared(policy, searches) for policy in CLASSIC for searches in UNCLEARED]
    console = output(json)
    show_thresholds(console, sizes, simulations)
    show_uncleared(console, kept)
    show_cases(console, cases)
    write_json(json, SearchDocument(FORM, written(), SearchData(sizes, cases, kept)))
    expected = all(one.breaks != case.holds for one, case in zip(cases, CASES, strict=True))
    enough = all(one.seed_recur == one.least_recur for one in sizes)
    if not (expected and enough and as_said(kept) and all(one.confirmed for one in sizes)):
        raise typer.Exit(1)


def show_thresholds(console: Console, sizes: list[Threshold], simulations: int) -> None:
    table = Table(title="S1: least recur capacity", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("recur pool")
    table.add_column("environments", justify="right")
    for count in range(1, simulations + 1):
        table.add_column(f"{count} sim.", justify="right")
    rows: dict[tuple[str, int], list[str]] = {}
    for one in sizes:
        cell = f"{one.least_recur}" if one.confirmed else f"[bold red]not {one.least_recur}[/]"
        rows.setdefault((one.recur_scope, one.envs), []).append(cell)
    for (scope, envs), cells in rows.items():
        table.add_row(scope, str(envs), *cells)
    console.print(Fitted(table))
    states, transitions = sum(s.states for s in sizes), sum(s.transitions for s in sizes)
    spare = {one.seed_recur - one.least_recur for one in sizes}
    console.print(
        "recur = simulations * environments where they share it, simulations where each has its "
        "own; init = 1, whatever the search.\n"
        "Confirmed on both sides for FIFO, LRU and PRIORITY (one entry less breaks S1; there is no "
        f"pool of none): {states:,} states,\n{transitions:,} transitions. SEED and SEARCH_SAFE "
        f"give recur {' or '.join(map(str, sorted(spare)))} entries more than that: enough, but "
        "nothing to spare.\nSEED gives init game_segment_length - 1 more than it needs, "
        "SEARCH_SAFE min(max_cache_size, max(256, 2 * simulations)) - 1.",
        highlight=False,
    )


def show_uncleared(console: Console, kept: list[Uncleared]) -> None:
    title = "S1 where recur is not cleared and keys come again: least recur capacity"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("policy")
    for searches in UNCLEARED:
        table.add_column(f"{searches} searches" if searches > 1 else "1 search", justify="right")
    table.add_column("SEED", justify="right")
    for policy in CLASSIC:
        mine = [one for one in kept if one.policy == policy.value]
        table.add_row(
            policy.value, *(str(one.least_recur) for one in mine), str(mine[0].seed_recur)
        )
    console.print()
    console.print(Fitted(table))
    console.print(
        "One environment, two simulations a search, equal priorities. Under FIFO and PRIORITY an "
        "entry that is set again\nkeeps its age, and goes before its search is over: SEED is too "
        "small, by more with every search. LRU needs no more\nthan SEED gives.",
        highlight=False,
    )


def show_cases(console: Console, cases: list[Dropped]) -> None:
    console.print("\nS2, each precondition dropped, with a shortest search that goes wrong")
    for one in cases:
        verdict = "[bold red]breaks[/]" if one.breaks else f"[green]holds[/], {one.states:,} states"
        console.print(
            f"\n  {one.precondition}: {verdict} "
            f"({one.envs} env, {one.simulations} simulations, recur {one.recur})",
            highlight=False,
        )
        for number, line in enumerate(one.search, 1):
            console.print(f"    {number}. {line}", highlight=False)
        if one.breaks:
            console.print(
                f"       given {one.given}, its own is {one.own_history}", highlight=False
            )
