"""What is written down of a subject is what `kvref.Recorder` writes of kvref's own pool."""

from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from kvref import EvictionStrategy, KVCacheManager, Recorder
from spec.ops import Clear, Get, Inspect, Key, Op, Ref, Refused, Set
from spec.profile import FIFO_REFERENCE, LRU_REFERENCE, PRIORITY_REFERENCE, Profile
from stateful_models.reference.pool import KvrefPool
from stateful_models.traces.format import ClearRecord, GetRecord, PoolShape, SetRecord, Strategy
from stateful_models.traces.pool import PoolTrack
from stateful_models.traces.reader import TraceReader
from stateful_models.traces.writer import PoolWriter

RUN, CAPACITY = 200, 3


def run(profile: Profile) -> list[Op]:
    random, ranked = Random(3), profile.policy.ranked
    ops: list[Op] = []
    for number in range(RUN):
        key, rank = Key(random.randrange(5)), random.randrange(3) if ranked else 0
        ops += random.choices((Set(key, Ref(number), rank), Get(key), Clear()), (6, 6, 1))
    return ops


def written(profile: Profile) -> list[dict[str, object]]:
    subject = KvrefPool(profile, CAPACITY, RUN)
    track = PoolTrack.of("wm", PoolShape(CAPACITY, cast(Strategy, profile.policy.value)), False)
    writer, told = PoolWriter(track, True), []
    for op in run(profile):
        record = writer.record(op, subject.perform(op))
        assert record is not None
        assert track.take(record) == []
        told.append(common(record))
    return told


def recorded(profile: Profile, path: Path) -> list[dict[str, object]]:
    """The same run of a manager's wm pool, whose values are the objects' numbers."""
    config = SimpleNamespace(game_segment_length=1, num_simulations=1)
    policy = EvictionStrategy(cast(Strategy, profile.policy.value))
    manager: KVCacheManager[int] = KVCacheManager(config, CAPACITY, eviction_strategy=policy)
    with Recorder(manager, path, fingerprint=lambda number: number):
        for op in run(profile):
            if isinstance(op, Set) and op.key is not None and op.ref is not None:
                rank = op.priority if profile.policy.ranked else None
                manager.set_wm_cache(op.key, op.ref, priority=rank)
            elif isinstance(op, Get) and op.key is not None:
                manager.get_wm_cache(op.key)
            else:
                manager.clear_wm_cache()
    records = [line.record for line in TraceReader(path).records()]
    kinds = GetRecord, SetRecord, ClearRecord
    return [common(one) for one in records if isinstance(one, kinds)]


def common(record: GetRecord | SetRecord | ClearRecord) -> dict[str, object]:
    """Without what only the other tells: numbers of objects, and who left with which contents."""
    fields = msgspec.structs.asdict(record)
    told = {name: fields.get(name, msgspec.UNSET) for name in ("i", "p", "k", "n", "hit", "new")}
    told["fp"] = fields.get("fp", msgspec.UNSET)
    if isinstance(record, SetRecord):
        left = [] if isinstance(record.left, msgspec.UnsetType) else record.left
        gone = [one.k for one in left if one.why == "evicted"]
        told["ev"] = record.ev if not isinstance(record.ev, msgspec.UnsetType) else gone
        told["ev"] = [told["ev"]] if isinstance(told["ev"], str) else told["ev"]
    return told


@pytest.mark.parametrize("profile", [FIFO_REFERENCE, LRU_REFERENCE, PRIORITY_REFERENCE])
def test_the_writer_and_the_recorder_agree(profile: Profile, tmp_path: Path) -> None:
    assert written(profile) == recorded(profile, tmp_path / "run.jsonl")


def test_what_no_trace_has_is_not_written() -> None:
    track = PoolTrack.of("pool", PoolShape(2, "fifo"), True)
    writer = PoolWriter(track, True)
    assert writer.record(Inspect(), Refused()) is None
    assert writer.record(Set(Key(0), Ref(0)), Refused()) is None
    assert writer.count == 0
