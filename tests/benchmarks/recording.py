"""What recording costs, and how fast recordings are judged: ratios from one run.

    python -m tests.benchmarks.recording [--quick]

Recorded sets are compared with unrecorded ones of the same manager, without a fingerprint to speak
of, in pools that hold few and many entries. Judging is compared with decoding the same file.
"""

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from kvref import KVCacheManager, Recorder
from stateful_models.traces.judge import check_trace
from stateful_models.traces.reader import TraceReader
from tests.benchmarks.measure import Work, best_of

FOLDER = TemporaryDirectory()
SIZES = (128, 8192)


def manager(size: int) -> KVCacheManager[int]:
    sizes = SimpleNamespace(game_segment_length=1, num_simulations=size)
    made: KVCacheManager[int] = KVCacheManager(sizes, 1)
    for key in range(size):
        made.set_recur_cache(-key, key)
    return made


def sets(made: KVCacheManager[int], count: int) -> Work:
    def work() -> None:
        for key in range(count):
            made.recur_pool.set(key, 7)

    return work


def recorded_run(count: int) -> Path:
    path = Path(FOLDER.name) / f"{count}.jsonl.gz"
    made = manager(SIZES[0])
    with Recorder(made, path, hash):
        for key in range(count):
            made.set_recur_cache(key % 300, key)
            made.hierarchical_get(0, (7 * key) % 300)
    return path


def peak_of(work: Callable[[], object]) -> int:
    tracemalloc.start()
    work()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def main(quick: bool) -> None:
    count, rounds = (200, 2) if quick else (4000, 9)
    works = {f"plain {size}": sets(manager(size), count) for size in SIZES}
    recorders = []
    for size in SIZES:
        made = manager(size)
        path = Path(FOLDER.name) / f"sets{size}.jsonl"
        recorders.append(Recorder(made, path, lambda value: 0))
        works[f"recorded {size}"] = sets(made, count)
    took = best_of(works, rounds)
    print("a recorded set against an unrecorded one, into a full pool, no fingerprint:")
    for size in SIZES:
        print(f"  {size:5} residents  {took[f'recorded {size}'] / took[f'plain {size}']:.1f}")
    grown = took[f"recorded {SIZES[1]}"] / took[f"recorded {SIZES[0]}"]
    print(f"  {SIZES[1]} residents against {SIZES[0]}: {grown:.2f} of the time")
    for recorder in recorders:
        recorder.close()
    path = recorded_run(5 * count)
    records = sum(1 for _ in TraceReader(path).records())
    judged: dict[str, Work] = {
        "judged": lambda: check_trace(path),
        "decoded": lambda: sum(1 for _ in TraceReader(path).records()),
    }
    took = best_of(judged, max(2, rounds // 3))
    rate = records / took["judged"]
    print(f"judging {records} records: {rate:,.0f} a second, ", end="")
    print(f"{took['judged'] / took['decoded']:.2f} of the time of decoding them")
    short, long = (peak_of(lambda n=n: check_trace(recorded_run(n * count))) for n in (1, 8))  # type: ignore[misc]  # bound now
    print(f"  most memory for eight times the records: {long / short:.2f} times")


if __name__ == "__main__":
    main("--quick" in sys.argv)
