"""Small recorded runs of every kind, and what else could plausibly stand in each field of them."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from stateful_models.traces.format import TraceError
from stateful_models.traces.judge import check_trace
from tests.support.paths import TRACES

Line = dict[str, Any]
Lines = list[Line]

RUNS: Final[Mapping[str, tuple[str, int]]] = {
    "manager": ("e1_head_manager_smallpool_fifo", 1),
    "polluted": ("c1_b081379a_manager_cartpole", 1),
    "legacy": ("e4_head_legacy_pong_smallpool", 2),
    "own": ("small/priority_reference", 0),
    "own-copies": ("small/lru_copy_per_env", 0),
    "own-nodes": ("small/fifo_sealed_nodes", 0),
}
"""File, and how many searches of it; 0: all of it."""

ABSENT: Final = object()
UNSEEN: Final[Mapping[str, Sequence[object]]] = {
    "back": ["0123456789abcdef", None],
    "stored_fp": ["0123456789abcdef"],
    "want": ["0123456789abcdef"],
    "want_sz": [3],
    "from_env": [1, 2],
    "self_ev": [True],
    "priority": ["3", "-inf"],
    "map_left": [0, 3],
    "cursor": [0, 3],
    "left": [[]],
    "via": ["hierarchical_get", "reset_collect"],
    "ev": ["0123456789abcdef"],
    "env": [0, 1],
    "sz": [1, 3],
    "prev_slot": [0],
    "stale_ev_slot": [0],
    "fp": ["0123456789abcdef"],
    "o": [1, 2],
    "format": ["parquet"],
    "forced_strategy": ["lru", "priority"],
    "steps": [9],
    "shims": [["another"]],
    "config_keys_added": [{"another": 1}],
    "heads_rerandomised": [["another"]],
    "tally": [{"get": 1, "set": 1, "clear": 1, "hget": 1}],
    "ownership": ["reference", "copy", "sealed", "copy-both"],
    "strategy": ["fifo", "lru", "priority", "ring"],
    "path": ["manager", "legacy"],
    "op": ["get", "set", "clear"],
    "node": ["#0", "#-1f", "another"],
    "from": ["init", "recur", None],
    "why": ["evicted", "updated", "cleared"],
    "p": ["init:0", "init:1", "recur", "recur:1", "wm", "init:7"],
    "what": ["initial_inference", "recurrent_inference", "reset_collect", "clear_caches"],
}


@cache
def text(run: str) -> tuple[str, ...]:
    """The lines of a run; of UniZero's the first few searches, then the end."""
    name, searches = RUNS[run]
    lines = gzip.decompress((TRACES / f"{name}.jsonl.gz").read_bytes()).decode().splitlines()
    if not searches:
        return tuple(lines)
    begins = [n for n, line in enumerate(lines) if '"what":"initial_inference"' in line]
    kept = [json.loads(line) for line in lines[: begins[searches]]]
    kept += cleared(kept) if kept[0]["path"] == "manager" else []
    whole = renumbered([*kept, {"op": "end", "complete": True}])
    return tuple(json.dumps(line) for line in whole)


def cleared(lines: Lines) -> Lines:
    """A `clear_all` at the end of a manager's run."""
    live: dict[str, set[str]] = {name: set() for name in lines[0]["pools"]}
    for line in lines[1:]:
        if line["op"] == "clear":
            live[line["p"]].clear()
        elif line["op"] == "set":
            live[line["p"]] = (live[line["p"]] - {line.get("ev", "")}) | {line["k"]}
    order = sorted(live)  # init by environment, of which there are few, recur, wm
    return [
        {"op": "mark", "what": "clear_caches", "via": "reset_collect"},
        *({"op": "clear", "p": name, "n": len(live[name]), "via": "clear_all"} for name in order),
        {"op": "clear_all", "parts": len(order), "via": "clear_caches"},
    ]


@cache
def lines_of(run: str) -> Lines:
    return [json.loads(line) for line in text(run)]


@cache
def right(run: str, path: Path) -> object:
    """What is found in the run as it was recorded."""
    return verdict(path, lines_of(run))


def verdict(path: Path, lines: Lines) -> object:
    """What is found: a refusal, or how many records break each law."""
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    try:
        report = check_trace(path)
    except TraceError as error:
        return str(error)
    return {law: breach.count for law, breach in report.breaches.items()}


def others(name: str, value: object, seen: Sequence[object], rng: Random) -> Iterator[object]:
    """Values of the same type that are not this one; `seen`: of this field, elsewhere."""
    alike = [one for one in seen if one != value]
    if alike:
        yield rng.choice(alike)
    yield from (one for one in UNSEEN.get(name, ()) if one != value)
    match value:
        case bool():
            yield not value
        case int():
            yield value + 1
            if value > 0:
                yield value - 1
        case str() if len(value) >= 16 and set(value) <= set("0123456789abcdef"):
            yield f"{int(value, 16) ^ 1 << rng.randrange(60):0{len(value)}x}"
        case str():
            yield value + "1"
        case [*items] if items:
            yield items[:-1]
            place = rng.randrange(len(items))
            one = items[place]
            if isinstance(one, int):
                yield [*items[:place], one + 1, *items[place + 1 :]]
        case dict() if value:
            one = rng.choice(sorted(value))
            for other in others(one, value[one], [], rng):
                yield {**value, one: other}


Place = tuple[int, tuple[str | int, ...]]
"""A line, and the way to a part of it."""


def parts(lines: Lines) -> Iterator[tuple[str, Place, Line]]:
    """Every struct in a run: what it is, where it is, what it holds."""
    for number, line in enumerate(lines):
        yield line["op"] if number else line["format"], (number, ()), line
        for at, left in enumerate(line.get("left", ())):
            yield "left", (number, ("left", at)), left
        if "tally" in line:
            yield "tally", (number, ("tally",)), line["tally"]
    for name, shape in lines[0]["pools"].items():
        yield "pools", (0, ("pools", name)), shape


def altered(lines: Lines, place: Place, name: str, value: object) -> Lines:
    """The run with one field of one struct changed, or without it."""
    number, way = place
    line = json.loads(json.dumps(lines[number]))
    part = line
    for step in way:
        part = part[step]
    part.pop(name, None)
    if value is not ABSENT:
        part[name] = value
    return [*lines[:number], line, *lines[number + 1 :]]


def renumbered(lines: Lines) -> Lines:
    return [lines[0], *({**line, "i": number} for number, line in enumerate(lines[1:]))]
