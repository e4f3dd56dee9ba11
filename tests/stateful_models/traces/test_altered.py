"""Alterations of whole runs that nothing but a neighbour, a number or a name contradicts."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from kvref import EvictionStrategy, Ownership, RecurScope
from stateful_models.traces.format import TraceError
from stateful_models.traces.judge import TraceReport, check_trace
from stateful_models.traces.values import rank_of
from tests.support.trace_driving import recorded
from tests.support.trace_runs import Line, Lines, lines_of, renumbered, verdict

OTHER: Final = "0123456789abcdef"


def place(lines: Lines, is_it: Callable[[Line], bool]) -> int:
    return next(number for number, line in enumerate(lines) if number and is_it(line))


def changed(lines: Lines, at: int, **fields: object) -> Lines:
    return [*lines[:at], {**lines[at], **fields}, *lines[at + 1 :]]


def judged(path: Path, lines: Lines) -> TraceReport | str:
    verdict(path, lines)
    try:
        return check_trace(path)
    except TraceError as error:
        return str(error)


def laws(found: TraceReport | str) -> set[str]:
    assert isinstance(found, TraceReport), found
    return set(found.breaches)


@pytest.mark.parametrize(("field", "value"), [("fp", OTHER), ("sz", 4)])
def test_a_working_copy_is_what_was_found(tmp_path: Path, field: str, value: object) -> None:
    lines = lines_of("legacy")
    at = place(lines, lambda line: line["op"] == "wm_copy")
    assert "R4" in laws(judged(tmp_path / "run", changed(lines, at, **{field: value})))


def test_a_working_copy_goes_into_the_next_slot(tmp_path: Path) -> None:
    lines = lines_of("legacy")
    at = place(lines, lambda line: line["op"] == "wm_copy")
    assert "the ring has 0" in str(judged(tmp_path / "run", changed(lines, at, slot=2)))


def test_a_run_copies_what_it_finds_or_it_does_not(tmp_path: Path) -> None:
    """Runs of older systems hold no copies at all."""
    lines = lines_of("legacy")
    first = place(lines, lambda line: line["op"] == "wm_copy")
    last = max(number for number, line in enumerate(lines) if line.get("op") == "wm_copy")
    for at in (first, last):
        without = renumbered([*lines[:at], *lines[at + 1 :]])
        assert "wm_copy" in str(judged(tmp_path / "run", without))
    none = renumbered([line for line in lines if line.get("op") != "wm_copy"])
    assert isinstance(judged(tmp_path / "run", none), TraceReport)


@pytest.mark.parametrize("full", [False, True])
def test_nobody_leaves_who_is_not_there(tmp_path: Path, full: bool) -> None:
    lines = lines_of("manager")
    at = place(lines, lambda line: line["op"] == "set" and ("ev" in line) is full)
    assert "P3" in laws(judged(tmp_path / "run", changed(lines, at, ev=OTHER)))


@pytest.mark.parametrize("op", ["get", "set"])
def test_an_init_pool_is_its_own_environments(tmp_path: Path, op: str) -> None:
    lines = lines_of("legacy")
    at = place(lines, lambda line: line["op"] == op and line["p"] == "init:0" and "env" not in line)
    assert "M1" in laws(judged(tmp_path / "run", changed(lines, at, env=1)))


@pytest.mark.parametrize("op", ["get", "set", "hget"])
def test_there_are_as_many_environments_as_there_are(tmp_path: Path, op: str) -> None:
    lines = lines_of("manager")
    at = place(lines, lambda line: line["op"] == op and "env" in line)
    assert "environment 8 of 8" in str(judged(tmp_path / "run", changed(lines, at, env=8)))


def test_the_gets_of_a_lookup_are_of_its_environment(tmp_path: Path) -> None:
    lines = lines_of("manager")
    at = place(lines, lambda line: line["op"] == "get" and "env" in line)
    found = judged(tmp_path / "run", changed(lines, at, env=(lines[at]["env"] + 1) % 8))
    assert laws(found) == {"M1", "M3"}


@pytest.mark.parametrize("op", ["hget", "clear_recur_cache", "clear_all"])
def test_parts_of_a_call_do_not_stand_alone(tmp_path: Path, op: str) -> None:
    """Without one such record, and without any."""
    lines = lines_of("manager")
    at = place(lines, lambda line: line["op"] == op)
    for without in (
        [*lines[:at], *lines[at + 1 :]],
        [line for line in lines if line.get("op") != op],
    ):
        assert " parts " in str(judged(tmp_path / "run", renumbered(without)))


@pytest.mark.parametrize("parts", [0, 2, 11])
@pytest.mark.parametrize("op", ["clear_recur_cache", "clear_all"])
def test_a_call_has_the_parts_that_are_there(tmp_path: Path, op: str, parts: int) -> None:
    lines = lines_of("manager")
    at = place(lines, lambda line: line["op"] == op)
    assert isinstance(judged(tmp_path / "run", changed(lines, at, parts=parts)), str)


def ending(lines: Lines, *records: Line) -> Lines:
    """An own run with these clears and calls in front of what remains, and counted."""
    at = place(lines, lambda line: line["op"] == "remains")
    clears = sum(record["op"] == "clear" for record in records)
    end = lines[-1]
    tally = {**end["tally"], "clear": end["tally"]["clear"] + clears}
    return renumbered([*lines[:at], *records, {**end, "tally": tally}])


def clears_of(lines: Lines, *pools: str) -> list[Line]:
    found = [line for line in lines if line.get("op") == "remains"]
    return [
        {
            "op": "clear",
            "p": pool,
            "n": sum(one["p"] == pool for one in found),
            "left": sorted(
                (
                    {**{name: one[name] for name in ("k", "slot", "fp", "o")}, "why": "cleared"}
                    for one in found
                    if one["p"] == pool
                ),
                key=lambda left: left["slot"],
            ),
        }
        for pool in pools
    ]


APART: Final = ("init:0", "init:1", "recur:0", "recur:1", "wm")


@pytest.mark.parametrize(
    ("pools", "call", "right"),
    [
        (APART, {"op": "clear_all", "parts": 5}, True),
        (("recur:0", "recur:1"), {"op": "clear_recur_cache", "parts": 2}, True),
        (("recur:1",), {"op": "clear_recur_cache", "parts": 1}, True),
        (("init:0",), {"op": "clear_recur_cache", "parts": 1}, False),
        (("recur:1", "recur:0"), {"op": "clear_recur_cache", "parts": 2}, False),
        (("recur:0", "recur:1"), {"op": "clear_recur_cache", "parts": 3}, False),
        (APART[:-1], {"op": "clear_all", "parts": 4}, False),
        (APART, {"op": "clear_all", "parts": 6}, False),
    ],
)
def test_clears_of_pools_apart(
    tmp_path: Path, pools: tuple[str, ...], call: Line, right: bool
) -> None:
    """M4, where each environment has its own recur pool."""
    lines = lines_of("own-copies")
    rest = [pool for pool in APART if pool not in pools]
    run = ending(lines, *clears_of(lines, *pools), call, *clears_of(lines, *rest))
    assert laws(judged(tmp_path / "run", run)) == (set() if right else {"M4"})


def two_stores(ownership: str, *fingerprints: str) -> Lines:
    """One object under two keys, with these contents."""
    shape = {"size": 2, "strategy": "fifo"}
    header = {
        "format": "kvref-trace",
        "version": 2,
        "env_num": 1,
        "ownership": ownership,
        "pools": {"init:0": shape, "recur": shape, "wm": shape},
    }
    entries = [
        {"p": "recur", "k": f"{slot:016x}", "slot": slot, "fp": fp, "o": 1}
        for slot, fp in enumerate(fingerprints)
    ]
    sets = [{"op": "set", **entry, "new": True, "left": []} for entry in entries]
    remain = [{"op": "remains", **entry} for entry in entries]
    tally = {"get": 0, "set": 2, "clear": 0, "hget": 0}
    end = {"op": "end", "complete": True, "tally": tally}
    return renumbered([header, *sets, *remain, end])


@pytest.mark.parametrize(
    ("ownership", "second", "broken"),
    [
        ("reference", OTHER, {"R4"}),
        ("sealed", OTHER, {"R4"}),
        ("reference", "0" * 16, set()),
        ("sealed", "0" * 16, set()),
        ("copy", "0" * 16, {"R1"}),
        ("copy-both", "0" * 16, {"R1"}),
    ],
)
def test_one_number_is_one_object(
    tmp_path: Path, ownership: str, second: str, broken: set[str]
) -> None:
    """It has the same contents wherever it is stored, and a copy is stored once."""
    run = two_stores(ownership, "0" * 16, second)
    assert laws(judged(tmp_path / "run", run)) == broken


@pytest.mark.parametrize("run", ["own", "own-copies"])
@pytest.mark.parametrize("op", ["get", "set", "clear"])
def test_an_object_keeps_its_number(tmp_path: Path, run: str, op: str) -> None:
    lines = lines_of(run)
    at = place(lines, lambda line: line["op"] == op and bool(line.get("left") or line.get("hit")))
    if op == "get":
        assert "R1" in laws(judged(tmp_path / "run", changed(lines, at, o=10_000)))
        return
    left = [{**one, "o": 10_000} for one in lines[at]["left"]]
    assert "object 10000" in str(judged(tmp_path / "run", changed(lines, at, left=left)))


def test_a_priority_too_large_for_a_float_is_not_infinite() -> None:
    assert rank_of("1e400") < rank_of("inf")
    assert rank_of("-1e400") > rank_of("-inf")
    assert rank_of("1e400") == 10**400
    assert rank_of("0.1") == 0.1


def test_a_report_says_what_the_command_prints(tmp_path: Path) -> None:
    profile = EvictionStrategy.LRU, Ownership.SEALED, RecurScope.SHARED
    report = check_trace(recorded(tmp_path / "run.jsonl", *profile))
    assert str(report).startswith("run.jsonl: accepted  (lru sealed; ")
    found = judged(tmp_path / "legacy", lines_of("legacy"))
    assert isinstance(found, TraceReport)
    first, *breaches, missed, shared = str(found).splitlines()
    assert first.startswith("legacy: breaks P5, P4, P3, P7  (fifo copy; ")
    assert [line.split()[0] for line in breaches] == ["P5", "P4", "P3", "P7"]
    for line, breach in zip(breaches, found.breaches.values(), strict=True):
        assert breach.expected in line
        assert breach.came in line
    assert "looked up in vain" in missed
    assert "the declared channel" in shared
