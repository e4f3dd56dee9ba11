"""A history for people: each operation, its answer, the slots after it."""

from typing import assert_never

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from spec.manager import ManagerState
from spec.ops import (
    Census,
    Clear,
    ClearAll,
    Cleared,
    ClearTier,
    Done,
    Get,
    Hit,
    Inspect,
    Left,
    Lookup,
    Miss,
    On,
    Peek,
    Read,
    Refused,
    Reread,
    ResetAllStats,
    ResetStats,
    Response,
    Rewrite,
    Seen,
    Set,
    Stored,
    Write,
)
from spec.pool import Entry, Pool, PoolState
from stateful_models.engines.check import AnyOp, AnyScope
from stateful_models.engines.judge import Divergence
from stateful_models.reports.difference import differences
from stateful_models.scopes.manager import ManagerScope


def key_name(key: int | None) -> str:
    return "no key" if key is None else f"k{key}"


def object_name(ref: int | None) -> str:
    return "None" if ref is None else f"o{ref}"


def operation(op: AnyOp) -> str:
    match op:
        case On(tier, env, inner):
            return f"{tier.value}{'' if env is None else f':{env}'} {operation(inner)}"
        case Set(key, ref, priority):
            rank = "" if priority == 0 else f", priority {'NaN' if priority is None else priority}"
            return f"set {key_name(key)} = {object_name(ref)}{rank}"
        case Get(key):
            return f"get {key_name(key)}"
        case Peek(key):
            return f"peek {key_name(key)}"
        case Lookup(env, key):
            return f"lookup env {env}, {key_name(key)}"
        case ClearTier(tier):
            return f"clear tier {tier.value}"
        case Read(ref):
            return f"client reads {object_name(ref)}"
        case Write(ref, new):
            return f"client writes {new} into {object_name(ref)}"
        case Reread():
            return "client reads what the last hit delivered"
        case Rewrite():
            return "client writes into what the last hit delivered"
        case Clear() | ClearAll() | Inspect() | ResetStats() | ResetAllStats():
            return {
                Clear: "clear",
                ClearAll: "clear all",
                Inspect: "inspect",
                ResetStats: "reset statistics",
                ResetAllStats: "reset all statistics",
            }[type(op)]
        case _:
            assert_never(op)


def departures(left: tuple[Left, ...]) -> str:
    return "".join(f", {key_name(one.key)} {one.cause.value}" for one in left)


def answer(response: Response | None) -> str:
    match response:
        case None:
            return "-"
        case Hit(ref, contents):
            return f"hit {'a copy' if ref is None else object_name(ref)}, contents {contents}"
        case Stored(slot, left):
            return f"slot {slot}{departures(left)}"
        case Cleared(left):
            return f"cleared {len(left)}{departures(left)}"
        case Seen(contents):
            return f"contents {contents}"
        case Census(keys, kept, copies, counters):
            shown = " ".join(map(key_name, sorted(keys)))
            held = " ".join(map(object_name, sorted(kept)))
            counted = " ".join(f"{k}={v}" for k, v in counters._asdict().items() if v)
            return f"keys [{shown}] keeps [{held}] {copies} copies {counted}"
        case Miss() | Done() | Refused():
            return type(response).__name__.lower()
        case _:
            assert_never(response)


def slots(pool: Pool) -> str:
    """Slot by slot, then who goes first."""
    by_slot: dict[int, Entry] = {entry.slot: entry for entry in pool.entries}
    cells = []
    for slot in range(max([pool.capacity, *(slot + 1 for slot in by_slot)])):
        entry = by_slot.get(slot)
        rank = f"^{entry.priority}" if entry is not None and entry.priority else ""
        cells.append("-" if entry is None else f"k{entry.key}=o{entry.ref}{rank}")
    order = " ".join(f"k{entry.key}" for entry in pool.entries)
    return f"[{' | '.join(cells)}]" + (f" order {order}" if len(pool.entries) > 1 else "")


def state_text(state: object) -> str:
    if isinstance(state, PoolState):
        return slots(state.pool)
    if isinstance(state, ManagerState):
        return "  ".join(f"{pool.name} {slots(pool)}" for pool in state.pools if pool.entries)
    return "not shown"


def steps(scope: AnyScope, history: tuple[AnyOp, ...]) -> list[tuple[AnyOp, Response, object]]:
    """What the specification does along a history."""
    done: list[tuple[AnyOp, Response, object]] = []
    state = scope.initial()
    for op in history:
        if isinstance(scope, ManagerScope):
            state, response = scope.step(state, op)  # type: ignore[arg-type]  # of this scope's own
        else:
            state, response = scope.step(state, op)  # type: ignore[arg-type]  # of this scope's own
        done.append((op, response, state))
    return done


def timeline(
    scope: AnyScope,
    divergence: Divergence[object, AnyOp],
    about: str = "shortest history that goes wrong",
) -> Table:
    """The history with the specification's answers; the last row is where the subject differs."""
    title = f"{about} ({scope.label})"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("step", "operation", "answer", "slots after"):
        table.add_column(column)
    done = steps(scope, divergence.history)
    for number, (op, response, state) in enumerate(done[:-1], 1):
        add(table, str(number), operation(op), answer(response), state_text(state))
    last = operation(divergence.history[-1]) if divergence.history else "(new)"
    right = f"expected: {answer(divergence.expected)}"
    add(table, str(len(done)), last, right, state_text(divergence.expected_state))
    error = f" ({divergence.error})" if divergence.error else ""
    wrong = "" if divergence.observed_state is None else state_text(divergence.observed_state)
    add(table, "", "", f"observed: {answer(divergence.observed)}{error}", wrong, style="bold red")
    if divergence.observed_state is not None:
        for where in differences(divergence.expected_state, divergence.observed_state):
            add(table, "", "", "", where, style="red")
    return table


def add(table: Table, *cells: str, style: str = "") -> None:
    """A row of plain text: square brackets are slots here, not markup."""
    table.add_row(*map(Text, cells), style=style)
