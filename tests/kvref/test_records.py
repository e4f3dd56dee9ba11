"""What a recording says, record by record, and what is left of one that cannot be made."""

import gzip
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kvref import (
    EvictionStrategy,
    KVCacheIOError,
    KVCacheManager,
    KVCacheReentryError,
    Ownership,
    Recorder,
)
from kvref.records import LONGEST_LINE
from stateful_models.traces.format import TraceError
from stateful_models.traces.judge import check_trace


class Window:
    """A value whose contents are one number."""

    def __init__(self, data: int) -> None:
        self.data = data

    def clone(self) -> "Window":
        return Window(self.data)

    def seal(self) -> None: ...


def contents(window: Window) -> int:
    return window.data


def manager(
    policy: EvictionStrategy = EvictionStrategy.FIFO,
    ownership: Ownership = Ownership.REFERENCE,
    size: int = 2,
) -> KVCacheManager[Window]:
    config = SimpleNamespace(game_segment_length=size, num_simulations=1)
    return KVCacheManager(config, 2, eviction_strategy=policy, ownership=ownership)


def written(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def number(n: int) -> str:
    return f"{n:016x}"


def entry(key: int, slot: int, fp: int, o: int) -> dict[str, Any]:
    return {"k": number(key), "slot": slot, "fp": number(fp), "o": o}


def leaving(key: int, slot: int, fp: int, o: int, why: str) -> dict[str, Any]:
    return {**entry(key, slot, fp, o), "why": why}


def test_every_record_of_a_run(tmp_path: Path) -> None:
    """By hand: an object has one number as long as it is stored anywhere, and then another."""
    m, path = manager(), tmp_path / "run.jsonl"
    one, two, three = Window(1), Window(2), Window(3)
    m.set_init_cache(0, 10, one)
    m.set_init_cache(0, 20, two)
    m.get_init_cache(0, 10)
    with Recorder(m, path, contents):
        m.set_init_cache(1, 10, one)
        m.set_init_cache(0, 30, three)
        m.get_init_cache(0, 10)
        m.hierarchical_get(1, 10)
        m.set_recur_cache(5, three)
        m.hierarchical_get(1, 5)
        m.hierarchical_get(0, 6)
        m.set_init_cache(0, 30, three)
        m.set_init_cache(0, 30, two)
        m.clear_init_caches(1)
        m.set_wm_cache(10, one)
    header, *records = written(path)
    assert header == {
        "format": "kvref-trace",
        "version": 3,
        "env_num": 2,
        "ownership": "reference",
        "pools": {
            name: {"size": 2, "strategy": "fifo"} for name in ("init:0", "init:1", "recur", "wm")
        },
    }
    told = [{k: v for k, v in record.items() if k != "i"} for record in records]
    assert [record["i"] for record in records] == list(range(len(records)))
    hit, miss = {"hit": True}, {"hit": False}
    new, same = {"new": True}, {"new": False}
    none: dict[str, Any] = {"left": []}
    init = {"p": "init:0"}
    assert told == [
        {"op": "load", **init, **entry(10, 0, 1, 1)},
        {"op": "load", **init, **entry(20, 1, 2, 2)},
        {"op": "set", "p": "init:1", **entry(10, 0, 1, 1), **new, **none},
        {
            "op": "set",
            **init,
            **entry(30, 0, 3, 3),
            **new,
            "left": [leaving(10, 0, 1, 1, "evicted")],
        },
        {"op": "get", **init, "k": number(10), **miss},
        {"op": "get", "p": "init:1", **entry(10, 0, 1, 1), **hit},
        {"op": "hget", "env": 1, "k": number(10), "from": "init", "parts": 1, "fp": number(1)},
        {"op": "set", "p": "recur", **entry(5, 0, 3, 3), **new, **none},
        {"op": "get", "p": "init:1", "k": number(5), **miss},
        {"op": "get", "p": "recur", **entry(5, 0, 3, 3), **hit},
        {"op": "hget", "env": 1, "k": number(5), "from": "recur", "parts": 2, "fp": number(3)},
        {"op": "get", **init, "k": number(6), **miss},
        {"op": "get", "p": "recur", "k": number(6), **miss},
        {"op": "hget", "env": 0, "k": number(6), "from": None, "parts": 2},
        {"op": "set", **init, **entry(30, 0, 3, 3), **same, **none},
        {
            "op": "set",
            **init,
            **entry(30, 0, 2, 2),
            **same,
            "left": [leaving(30, 0, 3, 3, "updated")],
        },
        {"op": "clear", "p": "init:1", "n": 1, "left": [leaving(10, 0, 1, 1, "cleared")]},
        {"op": "set", "p": "wm", **entry(10, 0, 1, 4), **new, **none},
        {"op": "remains", **init, **entry(20, 1, 2, 2)},
        {"op": "remains", **init, **entry(30, 0, 2, 2)},
        {"op": "remains", "p": "recur", **entry(5, 0, 3, 3)},
        {"op": "remains", "p": "wm", **entry(10, 0, 1, 4)},
        {
            "op": "end",
            "complete": True,
            "tally": {"get": 6, "set": 6, "clear": 1, "hget": 3, "node": 0},
        },
    ]
    assert check_trace(path).accepted


def test_an_object_keeps_its_number_while_it_is_stored_and_no_longer(tmp_path: Path) -> None:
    """Set again, or in its own place, it is stored once; once it has left, it is forgotten."""
    m, path, one, other = manager(size=1), tmp_path / "run.jsonl", Window(1), Window(2)
    with Recorder(m, path, contents):
        m.set_init_cache(0, 1, one)
        m.set_init_cache(0, 1, one)
        m.set_init_cache(0, 2, one)
        m.get_init_cache(0, 2)
        m.set_init_cache(0, 2, one)
        m.set_init_cache(0, 2, other)
        m.set_init_cache(0, 3, one)
        m.set_init_cache(1, 3, one)
        m.clear_init_caches(0)
        m.get_init_cache(1, 3)
    _, *records = written(path)
    numbers = [one["o"] for one in records if one["op"] in ("set", "get")]
    assert numbers == [1, 1, 1, 1, 1, 2, 3, 3, 3]
    assert check_trace(path).accepted


def test_under_copy_what_was_given_is_fingerprinted_and_what_is_stored_is_numbered(
    tmp_path: Path,
) -> None:
    """A copy that is not what was given cannot be told from one that is, but at a hit."""
    m, path = manager(ownership=Ownership.COPY), tmp_path / "run.jsonl"

    class Wrong(Window):
        def clone(self) -> Window:
            return Window(99)

    given = Wrong(1)
    with Recorder(m, path, contents):
        m.set_init_cache(0, 10, given)
        m.set_init_cache(0, 10, given)
        m.get_init_cache(0, 10)
    _, first, second, got, *_ = written(path)
    assert (first["fp"], first["o"]) == (number(1), 1)
    assert (second["fp"], second["o"], second["new"]) == (number(1), 2, False)
    assert [(one["fp"], one["o"]) for one in second["left"]] == [(number(99), 1)]
    assert (got["fp"], got["o"]) == (number(99), 2)


def test_loads_come_by_age_and_remains_in_eviction_order(tmp_path: Path) -> None:
    m, path = manager(EvictionStrategy.PRIORITY), tmp_path / "run.jsonl"
    m.set_init_cache(0, 10, Window(1), priority=5)
    m.set_init_cache(0, 20, Window(2), priority=-2.5)
    with Recorder(m, path, contents):
        m.set_recur_cache(7, Window(3))
    _, *records = written(path)
    loads = [(one["k"], one["priority"]) for one in records if one["op"] == "load"]
    assert [key for key, _ in loads] == [number(10), number(20)]
    remains = [one for one in records if one["op"] == "remains"]
    assert [one["k"] for one in remains] == [number(20), number(10), number(7)]
    assert [one["priority"] for one in remains] == [
        loads[1][1],
        loads[0][1],
        remains[2]["priority"],
    ]
    (stored,) = (one for one in records if one["op"] == "set")
    assert stored["priority"] == remains[2]["priority"]
    fifo = manager()
    with Recorder(fifo, path, contents):
        fifo.set_init_cache(0, 1, Window(1))
    assert not any("priority" in one for one in written(path))


@pytest.mark.parametrize("told", [-1, 2**64, 2**64 - 1, -(2**64) - 3, 2**63, 0])
def test_a_fingerprint_is_told_modulo_2_to_the_64(told: int, tmp_path: Path) -> None:
    m, path = manager(), tmp_path / "run.jsonl"
    with Recorder(m, path, lambda window: told):
        m.set_init_cache(0, 1, Window(1))
    assert written(path)[1]["fp"] == number(told % 2**64)


def test_each_value_is_fingerprinted_as_it_is_when_it_is_told(tmp_path: Path) -> None:
    """A client that writes into what it stored: the next hit, and its lookup, tell the new."""
    m, path, one = manager(), tmp_path / "run.jsonl", Window(1)
    with Recorder(m, path, contents):
        m.set_init_cache(0, 1, one)
        one.data = 7
        m.hierarchical_get(0, 1)
        m.set_recur_cache(2, Window(5))
        m.hierarchical_get(0, 1)
    fps = [record["fp"] for record in written(path) if record.get("op") in ("get", "hget", "set")]
    assert fps == [number(n) for n in (1, 7, 7, 5, 7, 7)]


def test_a_lookup_is_fingerprinted_once(tmp_path: Path) -> None:
    m, calls = manager(), list[int]()

    def counted(window: Window) -> int:
        calls.append(window.data)
        return window.data

    m.set_init_cache(0, 1, Window(1))
    m.set_recur_cache(2, Window(2))
    recorder = Recorder(m, tmp_path / "run.jsonl", counted)
    calls.clear()
    m.hierarchical_get(0, 1)
    m.hierarchical_get(0, 2)
    assert calls == [1, 2]
    recorder.close()


def test_a_clear_of_many_keeps_the_order_of_slots(tmp_path: Path) -> None:
    m, path = manager(size=5000), tmp_path / "run.jsonl"
    for key in range(5000):
        m.set_init_cache(0, key, Window(key))
    with Recorder(m, path, contents):
        m.clear_init_caches(0)
        m.set_init_cache(0, 1, Window(1))
    _, *records = written(path)
    parts = [one["left"] for one in records if one["op"] in ("leaving", "clear")]
    assert [one["slot"] for part in parts for one in part] == list(range(5000))
    assert [one["o"] for part in parts for one in part] == list(range(1, 5001))
    assert len(parts) == -(-5000 * 116 // 2**17)
    assert max(map(len, parts)) - min(map(len, parts[:-1])) <= 1
    assert next(one for one in records if one["op"] == "clear")["n"] == 5000
    assert check_trace(path).accepted


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_record_is_as_long_as_a_reader_takes(over: int, tmp_path: Path) -> None:
    """A line, with its end, has fewer than `LONGEST_LINE` bytes."""
    m, path = manager(), tmp_path / "run.jsonl"
    with Recorder(m, path, contents):
        m.get_init_cache(0, 1)
    short = len(path.read_text().splitlines()[1]) - 16 + 1
    digits = LONGEST_LINE + over - short
    recorder = Recorder(m, path, contents)
    m.get_init_cache(0, 16 ** (digits - 1))
    assert (recorder.failure is None) == (over < 0)
    if over < 0:
        recorder.close()
        assert check_trace(path).accepted
    else:
        with pytest.raises(KVCacheIOError, match="too long"):
            recorder.close()


def test_two_recordings_of_one_run_are_the_same_bytes(tmp_path: Path) -> None:
    """Gzipped too: neither names nor times are in them."""
    paths = [tmp_path / name for name in ("a.jsonl.gz", "other.jsonl.gz", "plain.gz.jsonl")]
    for path in paths:
        m = manager()
        with Recorder(m, path, contents):
            for key in range(50):
                m.set_init_cache(0, key, Window(key))
    one, other, plain = (path.read_bytes() for path in paths)
    assert one == other
    assert gzip.decompress(one) == plain
    assert one[4:8] == bytes(4), "no time"
    assert b"jsonl" not in one[:40]
    assert all(check_trace(path).accepted for path in (paths[0], paths[2]))


def test_a_recording_replaces_what_was_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("something longer\n" * 1000)
    with Recorder(manager(), path, contents):
        pass
    assert [one.get("op") for one in written(path)] == [None, "end"]


def bad(window: Window) -> int:
    raise ZeroDivisionError("no fingerprint")


def test_a_recording_that_cannot_begin_leaves_no_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No observer, no file, and what was in the file stays if nothing was to be written."""
    m, kept = manager(), tmp_path / "kept.jsonl"
    m.set_init_cache(0, 1, Window(1))
    kept.write_text("mine")
    attempts: list[Callable[[], object]] = [
        lambda: Recorder(m, kept, bad),
        lambda: Recorder(m, tmp_path / "nowhere" / "run.jsonl", contents),
        lambda: Recorder(m, tmp_path, contents),
        lambda: Recorder(m, tmp_path / "a\0b", contents),
    ]
    with caplog.at_level(logging.INFO, logger="kvref.recording"):
        for attempt in attempts:
            with pytest.raises((KVCacheIOError, ZeroDivisionError)):
                attempt()
        m.get_init_cache(0, 1)
        m.clear_all()
    assert caplog.text == ""
    assert kept.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit])
def test_what_a_block_did_before_it_raised_is_recorded(
    error: type[BaseException], tmp_path: Path
) -> None:
    m, path = manager(), tmp_path / "run.jsonl"

    def block() -> None:
        with Recorder(m, path, contents):
            m.set_init_cache(0, 1, Window(1))
            raise error("mine")

    with pytest.raises(error):
        block()
    assert [one.get("op") for one in written(path)] == [None, "set", "remains", "end"]
    assert check_trace(path).accepted


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, SystemExit])
def test_what_a_block_raised_is_what_shows_though_the_recording_failed(
    error: type[BaseException], tmp_path: Path
) -> None:
    m = manager()

    def block() -> None:
        with Recorder(m, tmp_path / "run.jsonl", bad):
            m.set_init_cache(0, 1, Window(1))
            raise error("mine")

    with pytest.raises(error, match="mine"):
        block()


def test_nothing_is_recorded_after_the_end(tmp_path: Path) -> None:
    m, path = manager(), tmp_path / "run.jsonl"
    with Recorder(m, path, contents) as recorder:
        m.set_init_cache(0, 1, Window(1))
    before = path.read_bytes()
    m.set_init_cache(0, 2, Window(2))
    recorder.close()
    assert path.read_bytes() == before
    assert recorder.failure is None
    with Recorder(m, path, contents):
        pass
    assert [one.get("op") for one in written(path)][1:3] == ["load", "load"]


def test_an_end_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    """The last entries cannot be fingerprinted: no end, no more recording, and no more errors."""
    m, path, fails = manager(), tmp_path / "run.jsonl", list[bool]()

    def fragile(window: Window) -> int:
        if fails:
            raise ZeroDivisionError("no fingerprint")
        return window.data

    recorder = Recorder(m, path, fragile)
    m.set_init_cache(0, 1, Window(1))
    fails.append(True)
    with pytest.raises(ZeroDivisionError):
        recorder.close()
    assert isinstance(recorder.failure, ZeroDivisionError)
    recorder.close()
    before = path.read_bytes()
    m.set_init_cache(0, 2, Window(2))
    assert path.read_bytes() == before
    with pytest.raises(TraceError):
        check_trace(path)


def test_a_full_disk_is_told_of_a_gzipped_recording_too(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl.gz"
    path.symlink_to("/dev/full")
    recorder = Recorder(manager(), path, contents)
    with pytest.raises(KVCacheIOError, match="space"):
        recorder.close()
    recorder.close()


@pytest.mark.parametrize("fails_at", [1, 2, 99])
def test_a_recorder_that_is_over_observes_no_more(fails_at: int, tmp_path: Path) -> None:
    """It failed in the run, at its end, or not at all; who observes cannot be added again."""
    m, calls = manager(), iter(range(1, 100))

    def fragile(window: Window) -> int:
        if next(calls) == fails_at:
            raise ZeroDivisionError("no fingerprint")
        return window.data

    recorder = Recorder(m, tmp_path / "run.jsonl", fragile)
    m.set_init_cache(0, 1, Window(1))
    if fails_at != 1:
        with suppress(ZeroDivisionError):
            recorder.close()
    m.observe(recorder)
    m.unobserve(recorder)


def test_what_was_recorded_before_it_failed_can_be_read(tmp_path: Path) -> None:
    """Gzipped, too: both files are closed, the inner one first."""
    m, path = manager(), tmp_path / "run.jsonl.gz"

    def fragile(window: Window) -> int:
        return window.data if window.data < 40 else bad(window)

    recorder = Recorder(m, path, fragile)
    for key in range(50):
        m.set_init_cache(0, key, Window(key))
    lines = gzip.decompress(path.read_bytes()).splitlines()
    assert [json.loads(line).get("op") for line in lines] == [None, *["set"] * 40]
    with pytest.raises(TraceError):
        check_trace(path)
    with suppress(KVCacheIOError):
        recorder.close()


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_recording_that_failed_asks_and_writes_nothing_more(
    error: type[BaseException], tmp_path: Path
) -> None:
    m, path, calls = manager(), tmp_path / "run.jsonl", list[int]()

    def fragile(window: Window) -> int:
        calls.append(window.data)
        if window.data == 2:
            raise error("no fingerprint")
        return window.data

    recorder = Recorder(m, path, fragile)
    m.set_init_cache(0, 1, Window(1))
    if error is KeyboardInterrupt:
        with pytest.raises(error):
            m.set_init_cache(0, 2, Window(2))
    else:
        m.set_init_cache(0, 2, Window(2))
    assert m.get_init_cache(0, 2) is not None, "the operation stands"
    m.set_init_cache(1, 3, Window(3))
    assert calls == [1, 2]
    assert [one.get("op") for one in written(path)] == [None, "set"], "what was written is there"
    with pytest.raises(KVCacheIOError, match="ended early") as told:
        recorder.close()
    assert isinstance(told.value.__cause__, error)
    assert recorder.failure is told.value.__cause__
    recorder.close()


def test_a_close_in_the_middle_is_refused_and_the_recording_goes_on(tmp_path: Path) -> None:
    m, path, refused = manager(), tmp_path / "run.jsonl", list[bool]()
    recorder = Recorder(m, path, contents)

    def within(departure: object) -> None:
        with pytest.raises(KVCacheReentryError):
            recorder.close()
        with pytest.raises(KVCacheReentryError):
            Recorder(m, tmp_path / "other.jsonl", contents)
        refused.append(True)

    m.set_init_cache(0, 1, Window(1))
    m.init_pools[0].on_evict = within
    m.clear_all()
    m.set_init_cache(0, 2, Window(2))
    recorder.close()
    assert refused == [True]
    assert not (tmp_path / "other.jsonl").exists()
    ops = [one.get("op") for one in written(path)]
    assert ops == [None, "set", "clear", "clear", "clear", "clear", "set", "remains", "end"]
    assert check_trace(path).accepted
