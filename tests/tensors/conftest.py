"""Where the tensors of these tests live; `tests/gpu` runs them again on CUDA."""

import pytest


@pytest.fixture
def device() -> str:
    return "cpu"
