"""S2 by node: whose context a hit delivers, in recordings that name nodes."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from stateful_models.traces.format import TraceError
from stateful_models.traces.judge import TraceReport, check_trace
from tests.support.command import kvref
from tests.support.trace_runs import ABSENT, Line, Lines, renumbered

SHAPE: Final = {"size": 2, "strategy": "fifo"}
POOLS: Final = ("init:0", "recur", "wm")


def print_of(contents: int) -> str:
    return f"{contents:016x}"


class Run:
    """A right recording of pools of two, in the making."""

    def __init__(self) -> None:
        self.lines: Lines = []
        self.held: dict[str, dict[int, Line]] = {pool: {} for pool in POOLS}
        self.objects = 0

    def add(self, op: str, node: str | None, **fields: Any) -> None:
        self.lines.append({"op": op, **fields, **({} if node is None else {"node": node})})

    def set(self, node: str | None, key: int, contents: int, pool: str = "recur") -> None:
        held, k = self.held[pool], print_of(key)
        old = held.get(key)
        left = [] if old is None else [{**old, "why": "updated"}]
        slot = len(held) if old is None else old["slot"]
        if old is None and len(held) == SHAPE["size"]:
            out = held.pop(next(iter(held)))
            left, slot = [{**out, "why": "evicted"}], out["slot"]
        self.objects += 1
        held[key] = {"k": k, "slot": slot, "fp": print_of(contents), "o": self.objects}
        self.add("set", node, p=pool, new=old is None, left=left, **held[key])

    def get(self, node: str | None, key: int, pool: str = "recur") -> None:
        held = self.held[pool].get(key)
        told = {"k": print_of(key)} if held is None else held
        self.add("get", node, p=pool, hit=held is not None, **told)

    def look_up(self, node: str | None, key: int) -> None:
        self.get(node, key, "init:0")
        parts, found = 1, self.held["init:0"].get(key)
        if found is None:
            self.get(node, key)
            parts, found = 2, self.held["recur"].get(key)
        told: Line = {"env": 0, "k": print_of(key), "parts": parts}
        told["from"] = None if found is None else ("init", "recur")[parts - 1]
        self.add("hget", node, **told, **({} if found is None else {"fp": found["fp"]}))

    def clear(self, pool: str = "recur") -> None:
        held = sorted(self.held[pool].values(), key=lambda one: one["slot"])
        left = [{**one, "why": "cleared"} for one in held]
        self.add("clear", None, p=pool, n=len(left), left=left)
        self.held[pool].clear()

    def whole(self, version: int = 3, named: object = None) -> Lines:
        pools = dict.fromkeys(POOLS, SHAPE)
        header = {"format": "kvref-trace", "version": version, "env_num": 1}
        header |= {"ownership": "sealed", "pools": pools}
        remains = [
            {"op": "remains", "p": pool, **one}
            for pool in POOLS
            for one in self.held[pool].values()
        ]
        tally: Line = {
            op: sum(line["op"] == op for line in self.lines)
            for op in ("get", "set", "clear", "hget")
        }
        counted = sum("node" in line for line in self.lines) if named is None else named
        if counted is not ABSENT:
            tally["node"] = counted
        end = {"op": "end", "complete": True, "tally": tally}
        return renumbered([header, *self.lines, *remains, end])


def judged(tmp_path: Path, lines: Lines) -> TraceReport:
    path = tmp_path / "run.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return check_trace(path)


def broken(tmp_path: Path, run: Run) -> dict[str, int]:
    report = judged(tmp_path, run.whole())
    return {law: breach.count for law, breach in report.breaches.items()}


def test_a_hit_on_ones_own_entry_is_right(tmp_path: Path) -> None:
    """Also where it was stored again, with other contents, or in another pool with others."""
    run = Run()
    run.set("a", 1, 10)
    run.set("b", 2, 20)
    run.look_up("a", 1)
    run.set("a", 1, 11)
    run.set("a", 1, 12, pool="init:0")
    run.get("a", 1)
    run.look_up("a", 1)
    report = judged(tmp_path, run.whole())
    assert report.accepted
    assert report.counts["named"] == 3
    assert report.remarks == []


def test_a_hit_on_anothers_entry_breaks_s2(tmp_path: Path) -> None:
    """Two nodes under one key: the second has taken the first one's place."""
    run = Run()
    run.set("a", 1, 10)
    run.set("b", 1, 20)
    run.look_up("b", 1)
    run.look_up("a", 1)
    run.get("c", 1)
    report = judged(tmp_path, run.whole())
    (breach,) = report.breaches.values()
    assert (breach.law, breach.count, breach.record) == ("S2", 2, 6)
    assert breach.expected == f"node a's own, contents {print_of(10)}"
    assert breach.came == f"node b's, contents {print_of(20)}"
    (effect,) = report.effects(breach)
    assert str(effect) == "2 of 3 hits of named nodes delivered another node's context"
    assert report.remarks == [
        "  S4: 1 of 2 sets took the place of another node's entry (one key, two histories)"
    ]


def test_of_a_node_that_was_never_stored_nothing_can_be_found(tmp_path: Path) -> None:
    run = Run()
    run.set("a", 1, 10)
    run.get("b", 1)
    (breach,) = judged(tmp_path, run.whole()).breaches.values()
    assert (breach.law, breach.count) == ("S2", 1)
    assert breach.expected == "node b's own, of which nothing was stored"


def test_anothers_entry_with_the_same_contents_does_no_harm(tmp_path: Path) -> None:
    run = Run()
    run.set("a", 1, 10)
    run.set("b", 1, 10)
    run.get("a", 1)
    report = judged(tmp_path, run.whole())
    assert report.accepted
    assert "1 of 1 hits of named nodes found another node's entry with the same" in str(report)


def test_what_was_stored_last_counts_in_whichever_pool_until_that_is_cleared(
    tmp_path: Path,
) -> None:
    run = Run()
    run.set("a", 1, 10)
    run.set("b", 1, 20, pool="init:0")
    run.set("b", 1, 10, pool="wm")
    run.get("b", 1)
    assert broken(tmp_path, run) == {}
    run.clear("init:0")
    run.get("b", 1)
    assert broken(tmp_path, run) == {}, "wm holds it still"
    run.clear("wm")
    run.get("b", 1)
    assert broken(tmp_path, run) == {"S2": 1}


def test_a_clear_and_an_eviction_forget_for_whom_an_entry_was(tmp_path: Path) -> None:
    run = Run()
    run.set("a", 1, 10)
    run.clear()
    run.set(None, 1, 20)
    run.get("b", 1)
    run.set("a", 2, 10)
    run.set("a", 3, 10)
    run.set(None, 1, 30)
    run.get("b", 1)
    report = judged(tmp_path, run.whole())
    assert report.accepted
    assert not report.counts["named"]


def test_where_nobody_told_for_whom_nothing_is_judged(tmp_path: Path) -> None:
    run = Run()
    run.set("a", 1, 10)
    run.get(None, 1)
    run.set(None, 1, 20)
    run.get("a", 1)
    report = judged(tmp_path, run.whole())
    assert report.accepted
    assert not report.counts["named"]


def test_an_entry_in_init_that_hides_ones_own_in_recur(tmp_path: Path) -> None:
    """A root under a child's key: init is asked first."""
    run = Run()
    run.set("root", 1, 10, pool="init:0")
    run.set("child", 1, 20)
    run.look_up("root", 1)
    assert broken(tmp_path, run) == {}
    run.look_up("child", 1)
    assert broken(tmp_path, run) == {"S2": 1}


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("name", ["b", ABSENT])
def test_a_lookup_is_for_one_node(tmp_path: Path, place: int, name: object) -> None:
    """M3, though nothing was found that could be another's."""
    run = Run()
    run.set(None, 1, 10)
    run.look_up("a", 1)
    assert broken(tmp_path, run) == {}
    if name is ABSENT:
        del run.lines[place]["node"]
    else:
        run.lines[place]["node"] = name
    assert broken(tmp_path, run) == {"M3": 1}


def named(name: object) -> Run:
    run = Run()
    run.set(None, 1, 10)
    run.lines[0]["node"] = name
    return run


GOOD: Final = [
    "#0", "#f", "#-1", f"#{'f' * 32}", f"#-{'f' * 32}", "a", "~" * 64, 'a "b" \\', "[/]",
]  # fmt: skip
GARBAGE: Final = [
    "", "#", "#00", "#-0", "#A", "#g", "#+1", f"#{'1' * 33}", "#1 ", " a", "a" * 65, "a\n", "a\tb",
    "\x7f", "é", "a‮b", "\ud800", 5, None, True, ["a"], {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_name_is_a_number_or_a_short_text(tmp_path: Path, name: str) -> None:
    assert judged(tmp_path, named(name).whole()).accepted


@pytest.mark.parametrize("name", GARBAGE, ids=ascii)
def test_anything_else_is_no_name(tmp_path: Path, name: object) -> None:
    with pytest.raises(TraceError, match=r"run.jsonl:2: "):
        judged(tmp_path, named(name).whole())


@pytest.mark.parametrize("version", [1, 2])
def test_nodes_belong_to_version_3(tmp_path: Path, version: int) -> None:
    with pytest.raises(
        TraceError, match=f":2: a set record that names a node, in version {version}"
    ):
        judged(tmp_path, named("a").whole(version, ABSENT))


@pytest.mark.parametrize("op", ["clear", "remains", "end"])
def test_of_nothing_else_a_node_is_told(tmp_path: Path, op: str) -> None:
    run = Run()
    run.set("a", 1, 10)
    run.clear()
    run.set("a", 1, 10)
    lines = run.whole()
    at = next(place for place, line in enumerate(lines) if line.get("op") == op)
    with pytest.raises(TraceError, match=f":{at + 1}: .*node"):
        judged(tmp_path, [*lines[:at], {**lines[at], "node": "a"}, *lines[at + 1 :]])


@pytest.mark.parametrize(
    ("version", "told", "right"),
    [(3, 1, True), (3, 0, False), (3, 2, False), (3, ABSENT, False), (3, True, False)],
)
def test_names_are_tallied(tmp_path: Path, version: int, told: object, right: bool) -> None:
    lines = named("a").whole(version, told)
    if right:
        assert judged(tmp_path, lines).accepted
    else:
        with pytest.raises(TraceError):
            judged(tmp_path, lines)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("told", [0, ABSENT])
def test_the_tally_of_names_belongs_to_version_3(
    tmp_path: Path, version: int, told: object
) -> None:
    run = Run()
    run.set(None, 1, 10)
    run.get(None, 1)
    if (version == 3) is (told == 0):
        assert judged(tmp_path, run.whole(version, told)).accepted
    else:
        with pytest.raises(TraceError, match="the end tells"):
            judged(tmp_path, run.whole(version, told))


def test_a_name_is_shown_as_it_is(tmp_path: Path) -> None:
    """Whatever it would mean to who prints it."""
    run = Run()
    run.set("[red]", 1, 10)
    run.set("[/]", 1, 20)
    run.get("[red]", 1)
    report = judged(tmp_path, run.whole())
    assert set(report.breaches) == {"S2"}
    shown = kvref("trace", "check", report.path)
    assert shown.returncode == 1, shown.stderr
    for piece in ("node [red]'s own", "node [/]'s", "1 of 1 hits of named nodes delivered"):
        assert piece in " ".join(shown.stdout.split()), shown.stdout
