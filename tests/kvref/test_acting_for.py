"""A recorder that is told for which node an operation is, and writes that and nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kvref import (
    Departure,
    Event,
    KVCacheError,
    KVCacheManager,
    KVCacheTypeError,
    KVCacheValueError,
    Recorder,
    RecurScope,
)
from kvref.tensors import KeysValues, SearchSession
from stateful_models.traces.judge import check_trace
from tests.support.making import window

CONFIG = SimpleNamespace(game_segment_length=2, num_simulations=1)


def manager(size: int = 2) -> KVCacheManager[int]:
    return KVCacheManager(SimpleNamespace(game_segment_length=size, num_simulations=2), 1)


def recorder(made: KVCacheManager[int], path: Path) -> Recorder[int]:
    return Recorder(made, path, fingerprint=lambda number: number)


def told(path: Path) -> list[tuple[Any, ...]]:
    """Of each record: what it is, and for whom."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["op"], line.get("node")) for line in lines[1:]]


def test_what_happens_in_a_block_is_for_its_node(tmp_path: Path) -> None:
    m, path = manager(), tmp_path / "run.jsonl"
    with recorder(m, path) as recording:
        m.set_recur_cache(1, 10)
        with recording.acting_for("a"):
            m.set_recur_cache(2, 20)
            m.hierarchical_get(0, 2)
            m.recur_pool.get(3)
            m.clear_recur_cache()
            with recording.acting_for(5):
                m.set_recur_cache(3, 30)
            m.set_init_cache(0, 1, 40)
        m.get_init_cache(0, 1)
    assert told(path) == [
        ("set", None),
        ("set", "a"),
        *[("get", "a")] * 2,
        ("hget", "a"),
        ("get", "a"),
        ("clear", None),
        ("set", "#5"),
        ("set", "a"),
        ("get", None),
        *[("remains", None)] * 2,
        ("end", None),
    ]
    assert json.loads(path.read_text().splitlines()[-1])["tally"]["node"] == 7
    assert check_trace(path).accepted


@pytest.mark.parametrize("collides", [True, False])
def test_a_client_whose_keys_collide_is_rejected(tmp_path: Path, collides: bool) -> None:
    """A dictionary of latents that does not tell two nodes apart, and one that does."""
    m, path = manager(4), tmp_path / "run.jsonl"
    keys = {"left": 1, "right": 1 if collides else 2}
    with recorder(m, path) as recording:
        for contents, (node, key) in enumerate(keys.items()):
            with recording.acting_for(node):
                m.set_recur_cache(key, contents)
        for node, key in keys.items():
            with recording.acting_for(node):
                m.hierarchical_get(0, key)
    report = check_trace(path)
    assert set(report.breaches) == ({"S2"} if collides else set())
    assert report.counts["named"] == 2


def test_a_recorder_that_is_told_wrongly_is_not_believed(tmp_path: Path) -> None:
    """Two nodes, each under a key of its own; the client looks up the one and names the other."""
    m, path = manager(4), tmp_path / "run.jsonl"
    with recorder(m, path) as recording:
        for node in (1, 2):
            with recording.acting_for(node):
                m.set_recur_cache(node, node)
        with recording.acting_for(2):
            m.hierarchical_get(0, 1)
    assert set(check_trace(path).breaches) == {"S2"}


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (0, "#0"),
        (-1, "#-1"),
        (2**128 - 1, f"#{'f' * 32}"),
        (np.int64(17), "#11"),
        ("17", "17"),
        ("a" * 64, "a" * 64),
        ('say "no" \\', 'say "no" \\'),
    ],
)
def test_a_node_is_called_by_a_number_or_a_short_text(
    tmp_path: Path, node: int | str, text: str
) -> None:
    m, path = manager(), tmp_path / "run.jsonl"
    with recorder(m, path) as recording, recording.acting_for(node):
        m.set_recur_cache(1, 10)
    assert told(path)[0] == ("set", text)
    assert check_trace(path).accepted


@pytest.mark.parametrize(
    ("node", "shown", "kind"),
    [
        (2**128, "340282366920938463463374607431768211456", KVCacheValueError),
        (-(2**128), "-340282366920938463463374607431768211456", KVCacheValueError),
        ("", "''", KVCacheValueError),
        ("a" * 65, "'aaa", KVCacheValueError),
        ("#1", "'#1'", KVCacheValueError),
        (" a", "' a'", KVCacheValueError),
        ("a\n", "'a\\n'", KVCacheValueError),
        ("é", "'é'", KVCacheValueError),
        ("\ud800", "'\\ud800'", KVCacheValueError),
        (True, "True (bool)", KVCacheTypeError),
        (1.0, "1.0 (float)", KVCacheTypeError),
        (None, "None", KVCacheTypeError),
        (b"a", "b'a'", KVCacheTypeError),
        ((1,), "(1,)", KVCacheTypeError),
    ],
    ids=ascii,
)
def test_anything_else_is_refused_and_harms_nothing(
    tmp_path: Path, node: Any, shown: str, kind: type[KVCacheError]
) -> None:
    m, path = manager(), tmp_path / "run.jsonl"
    with recorder(m, path) as recording:
        with recording.acting_for("a"):
            with pytest.raises(kind) as refused:
                recording.acting_for(node)
            m.set_recur_cache(1, 10)
        m.set_recur_cache(2, 20)
    assert shown in str(refused.value)
    assert told(path)[:2] == [("set", "a"), ("set", None)]


def test_a_block_that_raises_is_over(tmp_path: Path) -> None:
    m, path = manager(), tmp_path / "run.jsonl"
    recording = recorder(m, path)
    with pytest.raises(ZeroDivisionError), recording.acting_for("a"):
        raise ZeroDivisionError
    m.set_recur_cache(1, 10)
    recording.close()
    assert told(path)[0] == ("set", None)


def test_what_an_on_evict_does_is_for_nobody(tmp_path: Path) -> None:
    """An entry that is moved down a tier is its own node's, whoever pushed it out."""
    m, path = manager(1), tmp_path / "run.jsonl"
    naming = list[Recorder[int]]()

    def demote(departure: Departure[int]) -> None:
        m.set_recur_cache(departure.key, departure.value)
        with naming[0].acting_for("mine"):
            m.get_recur_cache(departure.key)

    m.init_pools[0].on_evict = demote
    with recorder(m, path) as recording:
        naming.append(recording)
        with recording.acting_for("a"):
            m.set_init_cache(0, 1, 10)
        with recording.acting_for("b"):
            m.set_init_cache(0, 2, 20)
        m.init_pools[0].on_evict = None
    assert told(path)[:4] == [("set", "a"), ("set", None), ("get", "mine"), ("set", "b")]


def test_what_an_observer_does_is_for_nobody(tmp_path: Path) -> None:
    m, path = manager(), tmp_path / "run.jsonl"
    asked = list[Event[int]]()

    def curious(event: Event[int]) -> None:
        if not asked:
            asked.append(event)
            m.get_wm_cache(7)

    m.observe(curious)
    with recorder(m, path) as recording, recording.acting_for("a"):
        m.set_recur_cache(1, 10)
        m.set_recur_cache(2, 20)
    assert told(path)[:3] == [("set", "a"), ("get", None), ("set", "a")]


def test_for_whom_it_was_is_known_when_it_is_told_later(tmp_path: Path) -> None:
    """An observer's own operations are told when it returns, its blocks long over."""
    m, path = manager(), tmp_path / "run.jsonl"
    naming, asked = list[Recorder[int]](), list[Event[int]]()

    def busy(event: Event[int]) -> None:
        if not asked:
            asked.append(event)
            for node in ("b", "c"):
                with naming[0].acting_for(node):
                    m.get_wm_cache(7)

    m.observe(busy)
    with recorder(m, path) as recording:
        naming.append(recording)
        with recording.acting_for("a"):
            m.set_recur_cache(1, 10)
    assert told(path)[:3] == [("set", "a"), ("get", "b"), ("get", "c")]


@pytest.mark.parametrize("end", ["closed", "failed"])
def test_a_recording_that_is_over_disturbs_nobody(tmp_path: Path, end: str) -> None:
    m, path = manager(), tmp_path / "run.jsonl"
    recording = Recorder(m, path, fingerprint=lambda number: number // (number - 13) * 0 + number)
    if end == "closed":
        recording.close()
    else:
        m.set_recur_cache(1, 13)
        assert isinstance(recording.failure, ZeroDivisionError)
    before = path.read_bytes()
    with recording.acting_for("a"):
        assert m.set_recur_cache(1, 20) == 0
    assert path.read_bytes() == before
    with pytest.raises(KVCacheError):
        recording.acting_for("")


def test_every_recording_of_a_manager_says_for_whom(tmp_path: Path) -> None:
    m, paths = manager(), [tmp_path / "one.jsonl", tmp_path / "other.jsonl"]
    with recorder(m, paths[0]) as one, recorder(m, paths[1]), one.acting_for("a"):
        m.set_recur_cache(1, 10)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert told(paths[1])[0] == ("set", "a")


def test_acting_for_a_node_leaves_the_cache_as_it_is(tmp_path: Path) -> None:
    def run(act: Callable[[Recorder[int], KVCacheManager[int], int], None], path: Path) -> object:
        m = manager()
        with recorder(m, path) as recording:
            for key in range(5):
                act(recording, m, key)
        return [pool.residents() for pool in m.pools], [pool.stats for pool in m.pools]

    def plain(recording: Recorder[int], m: KVCacheManager[int], key: int) -> None:
        m.set_recur_cache(key, key)
        m.hierarchical_get(0, key - 1)

    def named(recording: Recorder[int], m: KVCacheManager[int], key: int) -> None:
        with recording.acting_for(key):
            plain(recording, m, key)

    assert str(run(plain, tmp_path / "a")) == str(run(named, tmp_path / "b"))


def session(m: KVCacheManager[KeysValues]) -> SearchSession:
    return SearchSession(m, lambda missing: [window(1) for _ in missing.rows], context_length=6)


@pytest.mark.parametrize("value", [5, "session", SearchSession, SimpleNamespace(manager=None)])
def test_a_session_is_a_session_of_the_same_manager(tmp_path: Path, value: Any) -> None:
    mine, other = (
        KVCacheManager[KeysValues](CONFIG, 1, recur_scope=scope)
        for scope in (RecurScope.SHARED, RecurScope.PER_ENV)
    )
    with pytest.raises(KVCacheTypeError, match="session must be a SearchSession"):
        Recorder(mine, tmp_path / "run.jsonl", session=value)
    with pytest.raises(KVCacheValueError, match="is not a session of"):
        Recorder(mine, tmp_path / "run.jsonl", session=session(other))
    assert not list(tmp_path.iterdir())
