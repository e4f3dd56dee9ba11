"""The benchmarks run and print their ratios; what the ratios are is not a matter for tests."""

import subprocess
import sys
from importlib import import_module

import pytest

from tests.support.paths import ROOT


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("explorer", ("checked transitions/s", "specification alone")),
        ("search", ("clone per lookup and store", "COPY", "SEALED with forks", "hash_states")),
        ("windows", ("of the time of a clone", "of the bytes of its tokens")),
        ("recording", ("128 residents", "of the time of decoding", "eight times the records")),
        ("guard", ("lookup", "get", "put", "search", "one history in 100")),
        ("groups", ("groups a step", "row by row", "of the time with a mask", "differ by")),
        ("memory", ("REFERENCE", "SEALED", "COPY", "most in the second half")),
    ],
)
def test_benchmark_prints_ratios(
    name: str, pieces: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    import_module(f"tests.benchmarks.{name}").main(quick=True)
    told = capsys.readouterr().out
    for piece in pieces:
        assert piece in told


def test_a_benchmark_is_a_program() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.pool", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for piece in ("FIFO", "LRU", "PRIORITY", "cachetools", "cachebox", "lru-dict"):
        assert piece in run.stdout
