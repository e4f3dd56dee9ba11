"""What is not exactly a trace is refused, with file and line."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stateful_models.traces.format import TraceError
from stateful_models.traces.judge import check_trace
from tests.support.paths import TRACES

Lines = list[dict[str, Any]]

HEADER: dict[str, Any] = {
    "format": "kvref-trace",
    "version": 1,
    "env_num": 1,
    "ownership": "reference",
    "pools": {
        "init:0": {"size": 2, "strategy": "fifo"},
        "recur": {"size": 2, "strategy": "fifo"},
        "wm": {"size": 1, "strategy": "fifo"},
    },
}
SET = {"op": "set", "p": "recur", "k": "0" * 16, "slot": 0, "new": True, "fp": "1" * 16, "o": 1}
GOOD: Lines = [
    HEADER,
    {"i": 0, **SET, "left": []},
    {"i": 1, "op": "get", "p": "recur", "k": "0" * 16, "hit": True, "slot": 0, "fp": "1" * 16,
     "o": 1},
    {"i": 2, "op": "clear", "p": "recur", "n": 1, "left": [
        {"k": "0" * 16, "slot": 0, "fp": "1" * 16, "o": 1, "why": "cleared"}]},
    {"i": 3, "op": "end", "complete": True, "tally": {"get": 1, "set": 1, "clear": 1, "hget": 0}},
]  # fmt: skip


def encoded(lines: Lines) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def put(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "t.jsonl"
    path.write_bytes(data)
    return path


def test_the_good_one_is_accepted(tmp_path: Path) -> None:
    assert check_trace(put(tmp_path, encoded(GOOD))).accepted
    assert check_trace(put(tmp_path, gzip.compress(encoded(GOOD)))).accepted


def changed(place: int, **fields: object) -> bytes:
    return encoded([*GOOD[:place], {**GOOD[place], **fields}, *GOOD[place + 1 :]])


def without(place: int, field: str) -> bytes:
    line = {k: v for k, v in GOOD[place].items() if k != field}
    return encoded([*GOOD[:place], line, *GOOD[place + 1 :]])


POOLS = HEADER["pools"]

BROKEN: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 0, "empty"),
    "no JSON": (b"hello\n", 1, "malformed"),
    "half a line": (encoded(GOOD)[:-1], 5, "cut off"),
    "cut in the middle": (encoded(GOOD)[:300], 2, "cut off"),
    "no end": (encoded(GOOD[:-1]), 4, "end"),
    "header only": (encoded(GOOD[:1]), 1, "end"),
    "behind the end": (encoded([*GOOD, {"i": 4, "op": "end", "complete": True}]), 6, "too late"),
    "another format": (changed(0, format="parquet"), 1, "format"),
    "another version": (changed(0, version=4), 1, "4"),
    "version true": (changed(0, version=True), 1, "version"),
    "no environments": (changed(0, env_num=0), 1, "env_num"),
    "absurdly many environments": (changed(0, env_num=10**12), 1, "env_num"),
    "environments without pools": (changed(0, env_num=3), 1, "init:"),
    "pool of size 0": (changed(0, pools={**POOLS, "wm": {"size": 0, "strategy": "fifo"}}), 1, "1"),
    "unknown strategy": (
        changed(0, pools={**POOLS, "wm": {"size": 1, "strategy": "mru"}}),
        1,
        "mru",
    ),
    "ring outside legacy": (
        changed(0, pools={**POOLS, "wm": {"size": 1, "strategy": "ring"}}),
        1,
        "ring",
    ),
    "unknown header field": (changed(0, extra=1), 1, "extra"),
    "a list": (b"[]\n", 1, "object"),
    "unknown operation": (changed(1, op="delete"), 2, "delete"),
    "unknown field": (changed(1, note="x"), 2, "note"),
    "missing field": (without(1, "k"), 2, "k"),
    "no left": (without(1, "left"), 2, "left"),
    "a gap": (changed(2, i=7), 3, "7"),
    "out of order": (encoded([GOOD[0], GOOD[2], GOOD[1], *GOOD[3:]]), 2, "1"),
    "unknown pool": (changed(1, p="recur:1"), 2, "recur:1"),
    "slot out of range": (changed(1, slot=2), 2, "slot 2"),
    "negative slot": (changed(1, slot=-1), 2, "slot"),
    "slot true": (changed(1, slot=True), 2, "slot"),
    "fractional slot": (changed(1, slot=0.5), 2, "slot"),
    "short key": (changed(1, k="00"), 2, "k"),
    "key with a line behind it": (changed(1, k="0" * 16 + "\n"), 2, "k"),
    "contents with a line behind them": (changed(1, fp="1" * 16 + "\n"), 2, "fp"),
    "upper-case key": (changed(1, k="A" * 16), 2, "k"),
    "hit without a slot": (without(2, "slot"), 3, "hit=True"),
    "miss with a slot": (changed(2, hit=False), 3, "hit=False"),
    "an environment in a get of kvref's": (changed(2, env=0), 3, "env"),
    "a hit without its object": (without(2, "o"), 3, "hit=True"),
    "an unknown object": (changed(1, o=2), 2, "object 2"),
    "load too late": (
        encoded([*GOOD[:2], {"i": 1, "op": "load", "p": "wm", "k": "0" * 16, "slot": 0,
                             "fp": "1" * 16, "o": 1}]),
        3,
        "too late",
    ),
    "wrong tally": (changed(4, tally={"get": 2, "set": 1, "clear": 1, "hget": 0}), 5, "tell"),
    "incomplete": (changed(4, complete=False), 5, "complete"),
    "not UTF-8": (encoded(GOOD[:1]) + b'{"i":0,"op":"mark","what":"\xff\xfe"}\n', 2, ""),
    "a bomb of brackets": (b"[" * 100_000 + b"\n", 1, ""),
    "an endless line": (b'{"format":"' + b"x" * (1 << 21) + b'"}\n', 1, "too long"),
    "cut gzip": (gzip.compress(encoded(GOOD))[:-20], 5, "gzip"),
    "damaged gzip": (gzip.compress(encoded(GOOD))[:30] + b"\0" * 40, 1, "gzip"),
    "gzip of nothing": (gzip.compress(b""), 0, "empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_at_its_line(tmp_path: Path, name: str) -> None:
    data, line, why = BROKEN[name]
    with pytest.raises(TraceError) as caught:
        check_trace(put(tmp_path, data))
    message = str(caught.value)
    place = f":{line}" if line else ""
    assert message.startswith(f"{tmp_path / 't.jsonl'}{place}: "), message
    assert why.lower() in message.lower()


def missing(tmp_path: Path) -> Path:
    return tmp_path / "nowhere.jsonl"


def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.parametrize("path", [missing, folder])
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, path: Callable[[Path], Path]
) -> None:
    with pytest.raises(TraceError, match=str(path(tmp_path))):
        check_trace(path(tmp_path))


def test_own_records_do_not_belong_in_a_foreign_trace(tmp_path: Path) -> None:
    (path,) = TRACES.glob("g1_*")
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    load = {"i": 0, "op": "load", "p": "wm", "k": "0" * 16, "slot": 0, "fp": "1" * 16, "o": 1}
    with pytest.raises(TraceError, match=r":2: a load record"):
        check_trace(put(tmp_path, lines[0] + json.dumps(load).encode() + b"\n"))


def test_upstream_traces_are_held_to_the_same(tmp_path: Path) -> None:
    (path,) = TRACES.glob("g1_*")
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    with pytest.raises(TraceError, match=r":101: record 100 where record 99 belongs"):
        check_trace(put(tmp_path, b"".join([*lines[:100], *lines[101:]])))
    with pytest.raises(TraceError, match="without its end record"):
        check_trace(put(tmp_path, b"".join(lines[:-1])))
