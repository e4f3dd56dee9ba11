"""Altered recordings are rejected; right ones of every recur scope are accepted."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kvref import EvictionStrategy, KVCacheManager, Ownership, Recorder, RecurScope
from stateful_models.traces.format import TraceError
from stateful_models.traces.judge import check_trace
from tests.support.paths import TRACES

Line = dict[str, Any]
LINES = 700


@dataclass
class Value:
    """What every ownership can store."""

    number: int

    def clone(self) -> "Value":
        return Value(self.number)

    def copy(self) -> "Value":
        return Value(self.number)

    def seal(self) -> None:
        """Nothing changes it anyway."""


def altered(path: Path, letter: str, wanted: Callable[[Line], bool], **fields: object) -> Path:
    """The beginning of a recorded run, the fifth line of that kind altered."""
    (source,) = TRACES.glob(f"{letter}_*.jsonl.gz")
    with gzip.open(source, "rt") as file:
        lines = [json.loads(next(file)) for _ in range(LINES)]
    place = [n for n, line in enumerate(lines) if n and wanted(line)][:5][-1]
    lines[place] |= fields
    lines.append({"i": LINES - 1, "op": "end", "complete": True})
    made = path / "t.jsonl"
    made.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return made


@pytest.mark.parametrize(
    ("field", "value", "law"), [("fp", "a" * 16, "R4"), ("sz", 7, "R4"), ("slot", 3, "P4")]
)
def test_an_altered_working_copy(tmp_path: Path, field: str, value: object, law: str) -> None:
    def copy(line: Line) -> bool:
        return bool(line["op"] == "wm_copy" and line[field] != value)

    before = check_trace(altered(tmp_path, "e4", copy)).breaches
    after = check_trace(altered(tmp_path, "e4", copy, **{field: value})).breaches
    count = before[law].count if law in before else 0
    assert after[law].count > count


def test_an_evicted_key_that_is_not_there(tmp_path: Path) -> None:
    path = altered(tmp_path, "e1", lambda line: line["op"] == "set", ev="b" * 16)
    assert "P3" in check_trace(path).breaches


@pytest.mark.parametrize("op", ["get", "set"])
def test_an_environment_that_cannot_be(tmp_path: Path, op: str) -> None:
    path = altered(tmp_path, "e1", lambda x: x["op"] == op and x["p"] == "init:0", env=1)
    with pytest.raises(TraceError, match="environment 1 in pool init:0"):
        check_trace(path)


def test_a_recur_get_of_another_environment(tmp_path: Path) -> None:
    def of_recur(line: Line) -> bool:
        return bool(line["op"] == "get" and line["p"] == "recur" and line["env"] != 7)

    assert "M3" in check_trace(altered(tmp_path, "e1", of_recur, env=7)).breaches


@pytest.mark.parametrize("letter", ["e1", "c1", "g1"])
def test_lookups_left_out(tmp_path: Path, letter: str) -> None:
    (source,) = TRACES.glob(f"{letter}_*.jsonl.gz")
    with gzip.open(source, "rt") as file:
        head, *lines = [json.loads(line) for line in file]
    kept = [line for line in lines if line["op"] != "hget"]
    path = tmp_path / "t.jsonl"
    path.write_text(
        "".join(json.dumps(x) + "\n" for x in [head, *[x | {"i": i} for i, x in enumerate(kept)]])
    )
    assert "M3" in check_trace(path).breaches


@pytest.mark.parametrize("policy", EvictionStrategy)
@pytest.mark.parametrize("ownership", Ownership)
@pytest.mark.parametrize("scope", RecurScope)
def test_right_recordings(
    tmp_path: Path, policy: EvictionStrategy, ownership: Ownership, scope: RecurScope
) -> None:
    config = SimpleNamespace(game_segment_length=2, num_simulations=2)
    manager = KVCacheManager[Value](
        config, 2, eviction_strategy=policy, ownership=ownership, recur_scope=scope
    )
    path = tmp_path / "run.jsonl"
    ranks: list[float | Fraction] = [
        float("inf"),
        10**400,
        -float("inf"),
        -(10**400),
        Fraction(1, 3),
    ]
    with Recorder(manager, path, fingerprint=lambda value: value.number):
        pools = manager.init_pools[0], *manager.recur_pools, manager.wm_pool
        for number in range(12):
            key = (-1) ** number * 2 ** (60 + number)
            for pool in pools:
                rank = ranks[number % 5] if policy is EvictionStrategy.PRIORITY else None
                pool.set(key, Value(number), priority=rank)
            manager.hierarchical_get(0, key)
        manager.clear_recur_cache()
        manager.clear_all()
    assert check_trace(path).accepted


def test_the_report_in_words() -> None:
    (path,) = TRACES.glob("e4_*.jsonl.gz")
    told = str(check_trace(path))
    assert told.startswith(f"{path.name}: breaks P")
    assert "P3 where it mattered" in told
