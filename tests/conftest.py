"""Where the tensors of tests live: on the CPU, and on CUDA in the GPU tier (`pytest -m gpu`).

One thread a process, here and in processes that tests start: the tensors are small, and `-n auto`
has a process for every core. Where a test asks for more threads they wait without a core.
"""

import gc
import os
from collections import Counter

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.pop("COLUMNS", None)  # what commands print is as wide as where nobody looks

import pytest
import torch


@pytest.fixture
def cuda() -> str:
    """A real CUDA device, or no test."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here: the GPU tier did not run")
    return "cuda:0"


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    if request.param == "cpu":
        return "cpu"
    found: str = request.getfixturevalue("cuda")
    return found


def pytest_collection_finish() -> None:
    """Garbage is looked for among what tests make, not among all that was imported for them."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each reason to skip, not for each test skipped."""
    skipped: list[pytest.TestReport] = terminalreporter.stats.get("skipped", [])
    reasons = Counter(one.longrepr[2] for one in skipped if isinstance(one.longrepr, tuple))
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} skipped, {reason.removeprefix('Skipped: ')}")
