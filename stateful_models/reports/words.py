"""Operations, answers and states in words."""

from typing import assert_never

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
from stateful_models.engines.rows import AnyOp
from stateful_models.subjects.aspects import EVERYTHING, Aspect, counts


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
    return "".join(
        f", {key_name(one.key)} {getattr(one.cause, 'value', one.cause)}" for one in left
    )


def answer(response: Response | None, reports: frozenset[Aspect] = EVERYTHING) -> str:
    """An answer, as far as the subject reports it."""
    match response:
        case None:
            return "-"
        case Hit(ref, contents):
            return f"hit {'a copy' if ref is None else object_name(ref)}, contents {contents}"
        case Stored(slot, left):
            told = f"slot {slot}" if Aspect.SLOTS in reports else "stored"
            return f"{told}{departures(left)}"
        case Cleared(left):
            return f"cleared {len(left)}{departures(left)}"
        case Seen(contents):
            return f"contents {contents}"
        case Census(keys, kept, copies, counters):
            shown = " ".join(map(key_name, sorted(keys)))
            held = " ".join(map(object_name, sorted(kept)))
            parts = [f"keys [{shown}]"] if Aspect.INSPECTION in reports else []
            parts += [f"keeps [{held}] {copies} copies"] if Aspect.RETENTION in reports else []
            counted = counters._asdict().items()
            parts += [f"{k}={v}" for k, v in counted if v and k in counts(reports)]
            return " ".join(parts) or "nothing"
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
