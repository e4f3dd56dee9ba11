"""The table of fields says of every field what becomes of a run in which it is altered."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Final, NamedTuple, TypeAlias

import msgspec
import pytest

from stateful_models.traces.format import (
    ClearAllRecord,
    ClearRecord,
    ClearRecurRecord,
    EndRecord,
    GetRecord,
    LeavingRecord,
    LeftRecord,
    LoadRecord,
    LookupRecord,
    MarkRecord,
    OwnHeader,
    PoolShape,
    RemainsRecord,
    SetRecord,
    Tally,
    UpstreamHeader,
    WmCopyRecord,
)
from tests.support.night import NIGHT
from tests.support.paths import ROOT
from tests.support.trace_runs import (
    ABSENT,
    RUNS,
    Line,
    Lines,
    Place,
    altered,
    lines_of,
    others,
    parts,
    renumbered,
    right,
    verdict,
)

README: Final = ROOT / "stateful_models" / "traces" / "README.md"
FORMATS: Final = ("kvref-trace", "unizero-kv-trace")
KINDS: Final[tuple[type[msgspec.Struct], ...]] = (
    GetRecord,
    SetRecord,
    ClearRecord,
    LeavingRecord,
    LookupRecord,
    ClearRecurRecord,
    ClearAllRecord,
    WmCopyRecord,
    MarkRecord,
    LoadRecord,
    RemainsRecord,
    EndRecord,
)
PARTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "left": LeftRecord,
    "tally": Tally,
    "pools": PoolShape,
}
TRIES: Final = 4 if NIGHT else 1
SEED: Final = 12


def structs() -> Mapping[str, type[msgspec.Struct]]:
    kinds: list[type[msgspec.Struct]] = [*KINDS, OwnHeader, UpstreamHeader]
    return {**PARTS, **{str(kind.__struct_config__.tag): kind for kind in kinds}}


def fields(what: str) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(structs()[what])]


@cache
def table(title: str) -> Mapping[str, tuple[str, ...]]:
    """The rows of the table under a title: first cell, the other cells."""
    _, _, behind = README.read_text().partition(f"## {title}\n")
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", behind.partition("\n## ")[0], re.MULTILINE)
    return {name: tuple(cells.split(" | ")) for name, cells in rows}


def test_the_table_lists_every_field() -> None:
    due = {f"{what}.{name}" for what in structs() for name in fields(what) if name != "i"}
    assert set(table("Every field")) == due | {"*.i", "*.op"}
    for cells in table("Every field").values():
        assert len(cells) == len(FORMATS)
        for cell in cells:
            assert re.fullmatch(r"(always|partly|never): .+|refused|—", cell), cell


class Try(NamedTuple):
    """A part of a run, and another value of one of its fields."""

    place: Place
    was: object
    value: object


def tries(lines: Lines, what: str, name: str) -> Iterator[Try]:
    found = [(place, part) for kind, place, part in parts(lines) if what in (kind, "*")]
    if what == "*":
        found = [(place, part) for place, part in found if place[0] and not place[1]]
    rng = Random(f"{SEED} {what} {name}")
    told = [one for one in found if name in one[1]]
    seen = [part[name] for _, part in told]
    optional = len(told) < len(found)
    for place, part in [*rng.sample(found, min(TRIES, len(found))), *told[:1]]:
        value = part.get(name, ABSENT)
        yield Try(place, value, rng.choice(choices(name, value, seen, optional, rng)))


def choices(
    name: str, value: object, seen: list[object], optional: bool, rng: Random
) -> list[object]:
    found = list(others(name, value, seen, rng))
    return found + [ABSENT] * (optional and value is not ABSENT) or [ABSENT]


def in_turn(runs: list[str], what: str) -> list[str]:
    """By day one of them, others for other names."""
    return runs if NIGHT or not runs else [Random(f"{SEED} {what}").choice(runs)]


@pytest.mark.parametrize("form", range(2), ids=FORMATS)
@pytest.mark.parametrize("field", table("Every field"))
def test_an_altered_field_is_rejected_where_the_table_says_so(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, field: str, form: int
) -> None:
    """In every run that has the field; by day in one of them."""
    what, _, name = field.partition(".")
    status = table("Every field")[field][form].partition(":")[0]
    runs = [run for run in RUNS if run.startswith("own") is (form == 0)]
    rejected = list[bool]()
    for run in in_turn([run for run in runs if any(tries(lines_of(run), what, name))], field):
        lines = lines_of(run)
        known = right(run, tmp_path_factory.getbasetemp() / "right")
        for place, was, value in tries(lines, what, name):
            found = verdict(tmp_path / "run", altered(lines, place, name, value))
            rejected.append(found != known)
            if status in ("always", "refused"):
                assert found != known, (run, place, was, value)
            if status == "never":
                assert found == known, (run, place, was, value, found)
    if status == "partly" and NIGHT:
        assert any(rejected)
    assert bool(rejected) or status in ("—", "refused")


def removed(lines: Lines, at: int) -> Lines:
    return [*lines[:at], *lines[at + 1 :]]


def doubled(lines: Lines, at: int) -> Lines:
    return [*lines[: at + 1], *lines[at:]]


def swapped(lines: Lines, at: int) -> Lines:
    return [*lines[:at], *reversed(lines[at : at + 2]), *lines[at + 2 :]]


Alteration: TypeAlias = Callable[[Lines, int], Lines]
ALTERATIONS: Final[tuple[Alteration, ...]] = (removed, doubled, swapped)


def test_the_table_lists_every_kind_of_record() -> None:
    assert set(table("Every record")) == {str(kind.__struct_config__.tag) for kind in KINDS}


def at(lines: Lines, op: str) -> list[int]:
    def is_one(line: Line) -> bool:
        return line.get("op") == op

    found = [number for number, line in enumerate(lines) if is_one(line)]
    return Random(f"{SEED} {op}").sample(found, min(2 * TRIES, len(found)))


@pytest.mark.parametrize("how", ALTERATIONS, ids=lambda how: how.__name__)
@pytest.mark.parametrize("op", table("Every record"))
def test_a_record_removed_doubled_or_swapped_is_rejected_where_the_table_says_so(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, op: str, how: Alteration
) -> None:
    """In every run that has such a record; by day in one of them."""
    for run in in_turn([run for run in RUNS if at(lines_of(run), op)], f"{how.__name__} {op}"):
        cells = table("Every record")[op]
        lines = lines_of(run)
        known = right(run, tmp_path_factory.getbasetemp() / "right")
        cell = cells[ALTERATIONS.index(how)]
        for number in at(lines, op):
            if how is swapped and number + 1 == len(lines):
                continue
            found = verdict(tmp_path / "run", renumbered(how(lines, number)))
            if cell == "always":
                assert found != known, (run, lines[number])
