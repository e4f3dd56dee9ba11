"""The benchmarks run and print their ratios; what the times are is not a matter for tests."""

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

import pytest
import torch
from torch import Tensor

from kvref import Ownership
from tests.benchmarks.search import needed, plan, session
from tests.support.moving import moved
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


FOUR, EIGHT = torch.ones(4), torch.ones(8)


@pytest.mark.parametrize(
    ("work", "floats"),
    [
        (lambda: FOUR.clone(), 4),
        (lambda: EIGHT.narrow(0, 2, 4).copy_(FOUR), 4),
        (lambda: torch.cat((FOUR, FOUR)), 8),
        (lambda: torch.cat((FOUR, FOUR), out=EIGHT), 8),
        (lambda: torch._foreach_copy_([FOUR, EIGHT], [FOUR, EIGHT]), 12),
        (lambda: torch.nn.functional.pad(FOUR, (2, 0)), 6),
        (lambda: EIGHT.view(2, 4).t().reshape(8), 8),
        (lambda: EIGHT.view(2, 4)[1].detach().contiguous(), 0),
        (lambda: torch.empty_like(EIGHT), 0),
    ],
)
def test_what_is_written_is_counted_whoever_writes_it(
    work: Callable[[], Tensor], floats: int
) -> None:
    for around in (torch.inference_mode, torch.no_grad):
        with around():
            assert moved(work) == floats * EIGHT.element_size()


def test_a_search_with_forks_moves_little_more_than_it_must() -> None:
    """Bytes are no matter of the machine. With a join before the copy it is 2.2 times."""
    told = plan(50)
    with torch.inference_mode():
        least = needed(told)
        assert least < moved(lambda: session(told, Ownership.SEALED)) <= 1.3 * least
