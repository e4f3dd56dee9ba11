"""kvref's own recordings: accepted as written, rejected after any one alteration."""

import json
import math
import random
import tracemalloc
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from kvref import (
    EvictionStrategy,
    KVCacheError,
    KVCacheIOError,
    KVCacheManager,
    KVCacheTypeError,
    Ownership,
    Priority,
    Rank,
    Recorder,
    RecurScope,
    hash_state,
)
from kvref.policy import PriorityOrder
from kvref.records import LONGEST_LINE
from kvref.tensors import KeysValues
from stateful_models.traces.format import TraceError
from stateful_models.traces.judge import TraceJudge, TraceReport, check_trace
from stateful_models.traces.reader import TraceReader
from tests.support.night import NIGHT

Record = dict[str, Any]
CONFIG = SimpleNamespace(game_segment_length=3, num_simulations=2)


class Window:
    """A value with contents that can be cloned and sealed."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def clone(self) -> "Window":
        return Window(self.data)

    def seal(self) -> None:
        pass


def fingerprint(window: Window) -> int:
    return hash_state(window.data)


def drive(manager: KVCacheManager[Window], rng: random.Random, steps: int) -> None:
    ranked = manager.recur_pool.eviction_strategy is EvictionStrategy.PRIORITY
    for step in range(steps):
        key, env = rng.choice([-5, 1, 2, 3, 4, 2**64 - 7]), rng.randrange(2)
        priority = rng.choice([1, 2.5, -1]) if ranked else None
        window = Window(step.to_bytes(4, "little"))
        match rng.randrange(12):
            case 0 | 1 | 2:
                manager.set_init_cache(env, key, window, priority=priority)
            case 3 | 4 | 5:
                manager.set_recur_cache(key, window, priority=priority)
            case 6 | 7 | 8 | 9:
                manager.hierarchical_get(env, key)
            case 10:
                manager.get_wm_cache(key)
            case _:
                [manager.clear_recur_cache, manager.clear_all, manager.clear_init_caches][
                    step % 3
                ]()


def new_manager(
    strategy: EvictionStrategy = EvictionStrategy.FIFO,
    ownership: Ownership = Ownership.REFERENCE,
) -> KVCacheManager[Window]:
    return KVCacheManager(CONFIG, 2, eviction_strategy=strategy, ownership=ownership)


@pytest.mark.parametrize("strategy", list(EvictionStrategy))
@pytest.mark.parametrize("ownership", list(Ownership))
@pytest.mark.parametrize("name", ["run.jsonl", "run.jsonl.gz"])
def test_a_recorded_run_is_accepted(
    tmp_path: Path, strategy: EvictionStrategy, ownership: Ownership, name: str
) -> None:
    manager = new_manager(strategy, ownership)
    rng = random.Random(0)
    drive(manager, rng, 30)
    with Recorder(manager, tmp_path / name, fingerprint):
        drive(manager, rng, 300)
    drive(manager, rng, 30)
    report = check_trace(tmp_path / name)
    assert report.accepted, report.breaches
    assert report.counts["Load"] > 0
    assert report.counts["evicted"] > 0
    assert report.counts["Lookup"] > 50
    assert report.profile.policy.value == strategy.value
    assert report.profile.ownership.value == ownership.value


def test_recording_leaves_no_trace_on_the_manager(tmp_path: Path) -> None:
    manager = new_manager()
    before = [vars(pool).keys() for pool in manager.pools]
    with Recorder(manager, tmp_path / "run.jsonl", fingerprint) as recorder:
        manager.set_recur_cache(1, Window(b"x"))
    recorder.close()
    assert [vars(pool).keys() for pool in manager.pools] == before
    assert "hierarchical_get" not in vars(manager)


def test_numpy_values_need_no_fingerprint(tmp_path: Path) -> None:
    manager: KVCacheManager[np.ndarray[Any, Any]] = KVCacheManager(CONFIG, 1)
    with Recorder(manager, tmp_path / "run.jsonl"):
        manager.set_init_cache(0, 1, np.arange(4.0))
        manager.hierarchical_get(0, 1)
    assert check_trace(tmp_path / "run.jsonl").accepted


def test_a_client_that_writes_into_what_it_stored_breaks_r4(tmp_path: Path) -> None:
    manager = new_manager()
    with Recorder(manager, tmp_path / "run.jsonl", fingerprint):
        window = Window(b"before")
        manager.set_recur_cache(1, window)
        window.data = b"after"
        manager.get_recur_cache(1)
    report = check_trace(tmp_path / "run.jsonl")
    assert set(report.breaches) == {"R4"}
    assert report.breaches["R4"].record == 1


def test_refused_operations_are_not_recorded(tmp_path: Path) -> None:
    manager = new_manager()
    with Recorder(manager, tmp_path / "run.jsonl", fingerprint):
        for bad in (
            lambda: manager.set_recur_cache(True, Window(b"x")),
            lambda: manager.set_init_cache(9, 1, Window(b"x")),
            lambda: manager.hierarchical_get(9, 1),
            lambda: manager.set_recur_cache(1, None),  # type: ignore[arg-type]  # wrong on purpose
        ):
            with pytest.raises(KVCacheError):
                bad()
    report = check_trace(tmp_path / "run.jsonl")
    assert report.accepted
    assert report.counts["Set"] == report.counts["Get"] == 0


def test_what_cannot_be_recorded_is_named(tmp_path: Path) -> None:
    with pytest.raises(KVCacheTypeError, match="KVCacheManager"):
        Recorder(object(), tmp_path / "run.jsonl")  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(KVCacheTypeError, match="callable"):
        Recorder(new_manager(), tmp_path / "run.jsonl", 3)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(KVCacheIOError, match="nowhere"):
        Recorder(new_manager(), tmp_path / "nowhere" / "run.jsonl", fingerprint)


def test_two_recorders_at_once_write_the_same(tmp_path: Path) -> None:
    manager = new_manager()
    files = [tmp_path / "one.jsonl", tmp_path / "other.jsonl"]
    with Recorder(manager, files[0], fingerprint), Recorder(manager, files[1], fingerprint):
        drive(manager, random.Random(0), 50)
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("ownership", list(Ownership))
def test_the_same_object_set_again_is_accepted(tmp_path: Path, ownership: Ownership) -> None:
    """REFERENCE and SEALED keep the object, so nothing leaves; COPY replaces its copy."""
    manager = new_manager(ownership=ownership)
    window = Window(b"x")
    with Recorder(manager, tmp_path / "run.jsonl", fingerprint):
        for _ in range(2):
            manager.set_recur_cache(1, window)
    report = check_trace(tmp_path / "run.jsonl")
    assert report.accepted, report.breaches


def test_ages_of_loaded_entries_are_kept(tmp_path: Path) -> None:
    """Key 2 is the younger, though it goes first when the recording begins."""
    manager = new_manager(EvictionStrategy.PRIORITY)
    for key, priority in ((1, 5), (2, 1), (3, 9)):
        manager.set_init_cache(0, key, Window(bytes([key])), priority=priority)
    with Recorder(manager, tmp_path / "run.jsonl", fingerprint):
        manager.set_init_cache(0, 2, Window(b"a"), priority=5)
        manager.set_init_cache(0, 4, Window(b"b"), priority=9)
    assert 1 not in manager.init_pools[0]
    report = check_trace(tmp_path / "run.jsonl")
    assert report.accepted, report.breaches


class OtherValue(KVCacheManager[Window]):
    def _looked_up(self, env: int, key: int, init: Window | None, recur: Window | None) -> None:
        super()._looked_up(env, key, init and Window(b"another"), recur)


class NoValue(KVCacheManager[Window]):
    def _looked_up(self, env: int, key: int, init: Window | None, recur: Window | None) -> None:
        super()._looked_up(env, key, None, None)


class DropsPriority(KVCacheManager[Window]):
    """An update keeps the old priority."""

    def __init__(self) -> None:
        super().__init__(CONFIG, 2, eviction_strategy=EvictionStrategy.PRIORITY)
        order = self.recur_pool._order
        assert isinstance(order, PriorityOrder)
        place, known = order.place, dict[int, Rank]()
        vars(order)["place"] = lambda key, rank: place(key, known.setdefault(key, rank))


def test_wrong_managers_are_rejected_by_their_recordings(tmp_path: Path) -> None:
    for wrong in (OtherValue(CONFIG, 2), NoValue(CONFIG, 2)):
        with Recorder(wrong, tmp_path / "run.jsonl", fingerprint):
            wrong.set_init_cache(0, 1, Window(b"x"))
            wrong.hierarchical_get(0, 1)
            wrong.hierarchical_get(0, 1)
        assert set(check_trace(tmp_path / "run.jsonl").breaches) == {"M3"}, wrong
    dropping = DropsPriority()
    with Recorder(dropping, tmp_path / "run.jsonl", fingerprint):
        for key, priority in ((1, 5), (2, 3), (1, 1)):
            dropping.set_recur_cache(key, Window(bytes([key])), priority=priority)
    assert not check_trace(tmp_path / "run.jsonl").accepted


@pytest.mark.parametrize("failing", range(8))
def test_a_failing_fingerprint_ends_the_recording_and_nothing_else(
    tmp_path: Path, failing: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The manager ends as one that was never recorded; the file is refused; it is told once."""
    calls = iter(range(1000))

    def fragile(window: Window) -> int:
        if next(calls) == failing:
            raise RuntimeError("out of memory")
        return fingerprint(window)

    managers = [new_manager(EvictionStrategy.LRU), new_manager(EvictionStrategy.LRU)]
    recorder = Recorder(managers[0], tmp_path / "run.jsonl", fragile)
    for manager in managers:
        drive(manager, random.Random(1), 60)
    assert everything(managers[0]) == everything(managers[1])
    assert isinstance(recorder.failure, RuntimeError)
    assert "cannot be judged" in caplog.text
    with pytest.raises(KVCacheIOError, match="out of memory"):
        recorder.close()
    recorder.close()
    with pytest.raises(TraceError):
        check_trace(tmp_path / "run.jsonl")


def everything(manager: KVCacheManager[Window]) -> list[object]:
    stats = [pool.stats.as_dict() for pool in manager.pools if pool.stats is not None]
    entries = [(one.key, one.slot, one.value.data) for p in manager.pools for one in p.residents()]
    return [entries, stats, manager.lookup_stats]


def test_a_full_disk_ends_the_recording_and_nothing_else() -> None:
    for blocks in (2, 2000):  # found when the file is closed; found when its buffer is written
        manager = new_manager()
        recorder = Recorder(manager, "/dev/full", fingerprint)
        drive(manager, random.Random(1), blocks)
        with pytest.raises((KVCacheIOError, OSError), match="space"):
            recorder.close()
        recorder.close()
        manager.set_recur_cache(1, Window(b"x"))
        assert 1 in manager.recur_pool


def test_what_the_block_raises_is_what_its_caller_sees(tmp_path: Path) -> None:
    def bad(window: Window) -> int:
        raise ValueError("fingerprint")

    manager = new_manager()
    recorder = Recorder(manager, tmp_path / "run.jsonl", bad)
    manager.set_recur_cache(1, Window(b"x"))
    with pytest.raises(KeyError, match="mine"), recorder:
        raise KeyError("mine")


def test_a_fingerprint_is_an_integer(tmp_path: Path) -> None:
    manager = new_manager()
    recorder = Recorder(manager, tmp_path / "run.jsonl", lambda window: cast(int, None))
    manager.set_recur_cache(1, Window(b"x"))
    assert isinstance(recorder.failure, KVCacheTypeError)
    assert len(manager.recur_pool) == 1
    with Recorder(manager, tmp_path / "run.jsonl", lambda window: np.int64(-3)):
        manager.set_recur_cache(1, Window(b"x"))
    assert check_trace(tmp_path / "run.jsonl").accepted


@pytest.fixture(params=[EvictionStrategy.FIFO, EvictionStrategy.LRU, EvictionStrategy.PRIORITY])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> list[Record]:
    manager = new_manager(request.param)
    with Recorder(manager, tmp_path / "run.jsonl", fingerprint):
        drive(manager, random.Random(7), 250)
    return [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]


def other_hex(text: str) -> str:
    return f"{int(text, 16) ^ 1:016x}"


def flip_hit(record: Record) -> Iterator[Record]:
    if record.get("op") == "get" and record["hit"]:
        yield {k: v for k, v in record.items() if k not in ("slot", "fp", "o")} | {"hit": False}
        yield {**record, "hit": False}
    elif record.get("op") == "get":
        yield {**record, "hit": True}
        yield {**record, "hit": True, "slot": 0, "fp": "0" * 16, "o": 1}


def change_slot(record: Record) -> Iterator[Record]:
    if "slot" in record:
        yield {**record, "slot": (record["slot"] + 1) % 3}
    for place, left in enumerate(record.get("left", [])):
        changed = {**left, "slot": (left["slot"] + 1) % 3}
        yield {**record, "left": [*record["left"][:place], changed, *record["left"][place + 1 :]]}


def change_fingerprint(record: Record) -> Iterator[Record]:
    if "fp" in record and record["op"] != "hget":
        yield {**record, "fp": other_hex(record["fp"])}


def change_object(record: Record) -> Iterator[Record]:
    if "o" in record:
        yield {**record, "o": record["o"] + 10_000}


def change_novelty(record: Record) -> Iterator[Record]:
    if "new" in record:
        yield {**record, "new": not record["new"]}


def change_lookup(record: Record) -> Iterator[Record]:
    if record.get("op") == "hget":
        yield {**record, "env": 1 - record["env"]}
        yield {**record, "k": other_hex(record["k"])}
        yield {**record, "parts": 3 - record["parts"]}
        yield {**record, "from": "init" if record["from"] == "recur" else "recur"}
        yield {**record, "fp": "0" * 16}


def change_count(record: Record) -> Iterator[Record]:
    if "n" in record:
        yield {**record, "n": record["n"] + 1}


ALTERATIONS = [
    flip_hit,
    change_slot,
    change_fingerprint,
    change_object,
    change_novelty,
    change_lookup,
    change_count,
]


def verdict(tmp_path: Path, lines: list[Record]) -> TraceReport | TraceError:
    path = tmp_path / "altered.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    try:
        return check_trace(path)
    except TraceError as error:
        return error


def first_bad(found: TraceReport | TraceError) -> int | None:
    """The line that the verdict rests on."""
    if isinstance(found, TraceError):
        return int(str(found).split(":")[1])
    return min((breach.line for breach in found.breaches.values()), default=None)


TRIES = 60 if NIGHT else 10  # places in a recording


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=lambda f: f.__name__)
def test_any_altered_record_is_rejected(
    tmp_path: Path, recorded: list[Record], alteration: Callable[[Record], Iterator[Record]]
) -> None:
    """At that record or, for what only later records contradict, at the first that does."""
    choices = [
        (place, changed)
        for place, record in enumerate(recorded[1:], 1)
        for changed in alteration(record)
    ]
    assert choices
    for place, changed in random.Random(3).sample(choices, min(len(choices), TRIES)):
        bad = first_bad(verdict(tmp_path, [*recorded[:place], changed, *recorded[place + 1 :]]))
        assert bad is not None, changed
        assert bad >= place + 1, (changed, bad)
        if alteration in (flip_hit, change_slot, change_lookup, change_count, change_novelty):
            assert bad == place + 1, (changed, bad)


def test_any_dropped_record_is_rejected(tmp_path: Path, recorded: list[Record]) -> None:
    """At the gap; or, with the rest renumbered, at the latest by the tally in the end record."""
    for place in random.Random(4).sample(range(1, len(recorded) - 1), TRIES):
        gap = [*recorded[:place], *recorded[place + 1 :]]
        assert first_bad(verdict(tmp_path, gap)) == place + 1
        renumbered = [gap[0], *({**one, "i": i} for i, one in enumerate(gap[1:]))]
        bad = first_bad(verdict(tmp_path, renumbered))
        assert bad is not None, recorded[place]
        assert bad >= place + 1


def test_swapped_records_are_rejected(tmp_path: Path, recorded: list[Record]) -> None:
    for place in random.Random(5).sample(range(1, len(recorded) - 2), TRIES):
        swapped = [*recorded[:place], recorded[place + 1], recorded[place], *recorded[place + 2 :]]
        assert first_bad(verdict(tmp_path, swapped)) == place + 1


KEYS = [
    -1,
    -(2**60) + 1,
    -(2**60),
    -(2**61) + 2,
    -(2**63),
    -(2**64) + 1,
    -(2**64),
    0,
    2**64,
    2**256,
]


@pytest.mark.parametrize("scope", RecurScope)
def test_every_key_can_be_recorded_and_read(tmp_path: Path, scope: RecurScope) -> None:
    manager: KVCacheManager[Window] = KVCacheManager(CONFIG, 2, recur_scope=scope)
    with Recorder(manager, tmp_path / "run.jsonl", fingerprint):
        for key in [*KEYS, 2**40000, -(2**40000)]:
            manager.set_recur_cache(key, Window(b"x"), env_id=1)
            assert manager.hierarchical_get(1, key) is not None
            manager.hierarchical_get(0, key)
    report = check_trace(tmp_path / "run.jsonl")
    assert report.accepted, report.breaches


def test_a_key_that_no_line_holds_ends_the_recording(tmp_path: Path) -> None:
    manager = new_manager()
    recorder = Recorder(manager, tmp_path / "run.jsonl", fingerprint)
    manager.set_recur_cache(2**5_000_000, Window(b"x"))
    assert "too long to be read" in str(recorder.failure)
    assert len(manager.recur_pool) == 1


def test_every_priority_can_be_recorded_and_read(tmp_path: Path) -> None:
    manager = new_manager(EvictionStrategy.PRIORITY)
    with Recorder(manager, tmp_path / "run.jsonl", fingerprint):
        ranks: list[Priority] = [0, Fraction(1, 3), 0.1, 10**5000, -math.inf, np.int64(7)]
        for number, rank in enumerate(ranks):
            manager.set_init_cache(0, number, Window(b"x"), priority=rank)
    report = check_trace(tmp_path / "run.jsonl")
    assert report.accepted, report.breaches


def test_a_clear_of_very_many_is_recorded_in_parts(tmp_path: Path) -> None:
    """20,000 entries, more than a line holds; altering one that a part lists is found."""
    size = 100_000 if NIGHT else 20_000  # both longer than a line
    sizes = SimpleNamespace(game_segment_length=1, num_simulations=size)
    manager: KVCacheManager[int] = KVCacheManager(sizes, 1)
    for number in range(size):
        manager.set_recur_cache(number, number)
    path = tmp_path / "run.jsonl"
    with Recorder(manager, path, hash):
        manager.clear_recur_cache()
    report = check_trace(path)
    assert report.accepted
    assert report.counts["Leaving"] > 10
    assert path.stat().st_size > LONGEST_LINE
    lines = path.read_text().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if '"op":"leaving"' in line)
    for old, new in (('"slot":7,', '"slot":8,'), ('"fp":"0000000000000007"', f'"fp":"{"f" * 16}"')):
        assert old in lines[at]
        altered = [*lines[:at], lines[at].replace(old, new, 1), *lines[at + 1 :]]
        path.write_text("".join(altered))
        assert not check_trace(path).accepted


def test_pools_used_directly_are_recorded(tmp_path: Path) -> None:
    manager = new_manager()
    with Recorder(manager, tmp_path / "run.jsonl", fingerprint):
        manager.init_pools[1].set(1, Window(b"x"))
        manager.init_pools[1].get(1)
        manager.init_pools[1].clear()
    report = check_trace(tmp_path / "run.jsonl")
    assert report.accepted
    assert (report.counts["Set"], report.counts["Get"], report.counts["Clear"]) == (1, 1, 1)


def test_windows_need_no_fingerprint_of_the_users(tmp_path: Path) -> None:
    """`KeysValues.fingerprint`: equal contents, equal fingerprints, however they are stored."""
    manager: KVCacheManager[KeysValues] = KVCacheManager(CONFIG, 2, ownership=Ownership.SEALED)
    with Recorder(manager, tmp_path / "run.jsonl"), torch.no_grad():
        window = KeysValues(1, 2, 4, 4, 2)
        window[0].update(torch.ones(1, 2, 1, 2), torch.zeros(1, 2, 1, 2))
        window[1].update(torch.ones(1, 2, 1, 2), torch.zeros(1, 2, 1, 2))
        told = window.fingerprint()
        manager.set_init_cache(0, 1, window)
        manager.hierarchical_get(0, 1)
        assert window.fork().fingerprint() == window.clone().fingerprint() == told
        window = window.extended(torch.ones(4, 1, 2, 1, 2))
        assert window.fingerprint() != told
        manager.set_init_cache(0, 1, window)
    assert check_trace(tmp_path / "run.jsonl").accepted


@pytest.mark.parametrize("listening", [False, True])
def test_a_demotion_in_a_clear_is_recorded_in_the_order_of_the_books(
    tmp_path: Path, listening: bool
) -> None:
    manager = new_manager()
    for pool in manager.pools:
        pool.on_evict = lambda departure: (
            manager.set_init_cache(0, departure.key, departure.value)
            if listening and departure.pool == "recur"
            else None
        )
    with Recorder(manager, tmp_path / "run.jsonl", fingerprint):
        for key in range(6):
            manager.set_recur_cache(key, Window(bytes([key])))
            manager.set_init_cache(0, key + 10, Window(bytes([key])))
        manager.clear_all()
        manager.get_init_cache(0, 5)
    report = check_trace(tmp_path / "run.jsonl")
    assert report.accepted, report.breaches


def copy_judged(path: Path, quickly: bool) -> TraceReport:
    """The same trace, with the short way for right records or by the specification alone."""
    reader = TraceReader(path)
    judge = TraceJudge(reader)
    for pool in judge.pools.values():
        pool.quickly = quickly
    for line in reader.records():
        judge.take(line.record, line.number)
    return judge.report


@pytest.mark.parametrize("ownership", Ownership)
@pytest.mark.parametrize("strategy", EvictionStrategy)
def test_the_short_way_agrees_with_the_specification(
    tmp_path: Path, strategy: EvictionStrategy, ownership: Ownership
) -> None:
    """On right recordings and on altered ones: the same laws, as often, at the same records."""
    manager = new_manager(strategy, ownership)
    path = tmp_path / "run.jsonl"
    with Recorder(manager, path, fingerprint):
        drive(manager, random.Random(3), 150)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    rng, compared = random.Random(4), 0
    for alter in (None, *ALTERATIONS, *ALTERATIONS):
        changed = list(records)
        if alter is not None:
            places = [n for n, one in enumerate(records) if list(alter(one))]
            at = rng.choice(places)
            changed[at] = rng.choice(list(alter(records[at])))
        path.write_text("".join(json.dumps(one) + "\n" for one in changed))
        try:
            judged = [copy_judged(path, quickly) for quickly in (True, False)]
        except TraceError:
            continue
        compared += 1
        assert judged[0].breaches == judged[1].breaches
        assert judged[0].wrong_misses == judged[1].wrong_misses
    assert compared > len(ALTERATIONS), "what is no trace at all is refused before it is judged"


def test_a_recording_begins_and_ends_between_operations(tmp_path: Path) -> None:
    manager = new_manager()
    manager.set_recur_cache(1, Window(b"x"))
    recorder = Recorder(manager, tmp_path / "run.jsonl", fingerprint)
    refused: list[KVCacheError] = []

    def in_the_middle(departure: object) -> None:
        for attempt in (
            recorder.close,
            lambda: Recorder(manager, tmp_path / "other.jsonl", fingerprint),
        ):
            try:
                attempt()
            except KVCacheError as error:
                refused.append(error)

    manager.recur_pool.on_evict = in_the_middle
    manager.clear_all()
    recorder.close()
    assert len(refused) == 2
    assert check_trace(tmp_path / "run.jsonl").accepted


def test_a_vetoed_clear_with_a_lookup_leaves_no_trace(tmp_path: Path) -> None:
    manager = new_manager()

    def veto(departure: object) -> None:
        manager.hierarchical_get(1, 5)
        raise ZeroDivisionError

    with Recorder(manager, tmp_path / "run.jsonl", fingerprint):
        manager.set_init_cache(0, 1, Window(b"x"))
        manager.init_pools[0].on_evict = veto
        with pytest.raises(ZeroDivisionError):
            manager.clear_all()
    report = check_trace(tmp_path / "run.jsonl")
    assert report.accepted, report.breaches
    assert report.counts["Lookup"] == 0


def test_an_interrupted_record_ends_the_recording(tmp_path: Path) -> None:
    manager = new_manager()

    def interrupted(window: Window) -> int:
        raise KeyboardInterrupt

    recorder = Recorder(manager, tmp_path / "run.jsonl", interrupted)
    with pytest.raises(KeyboardInterrupt):
        manager.set_recur_cache(1, Window(b"x"))
    assert isinstance(recorder.failure, KeyboardInterrupt)
    with pytest.raises(TraceError):
        check_trace(tmp_path / "run.jsonl")


def test_departures_without_their_clear_are_refused(recorded: list[Record], tmp_path: Path) -> None:
    at = next(n for n, one in enumerate(recorded) if one.get("op") == "get")
    left = {"k": "0" * 16, "slot": 0, "fp": "0" * 16, "o": 1, "why": "cleared"}
    for pool in ("recur", "nowhere"):
        bogus: Record = {"i": 0, "op": "leaving", "p": pool, "left": [left]}
        changed = [*recorded[:at], bogus, *recorded[at:]]
        lines = [{**one, "i": n - 1} if n else one for n, one in enumerate(changed)]
        path = tmp_path / "run.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in lines))
        with pytest.raises(TraceError):
            check_trace(path)


def test_an_update_told_as_an_eviction_is_rejected(tmp_path: Path) -> None:
    manager, path = new_manager(), tmp_path / "run.jsonl"
    with Recorder(manager, path, fingerprint):
        for data in (b"x", b"y"):
            manager.set_recur_cache(1, Window(data))
    path.write_text(path.read_text().replace('"updated"', '"evicted"'))
    assert not check_trace(path).accepted


def test_judging_takes_no_more_memory_for_a_longer_recording(tmp_path: Path) -> None:
    peaks = []
    for count in (500, 8000):
        manager = new_manager()
        with Recorder(manager, tmp_path / "run.jsonl", fingerprint):
            for key in range(count):
                manager.get_recur_cache(key)
        tracemalloc.start()
        check_trace(tmp_path / "run.jsonl")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 200_000
