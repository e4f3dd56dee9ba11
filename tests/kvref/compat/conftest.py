"""A tree that tells which nodes are expanded, where LightZero's search has it."""

from collections.abc import Iterator

import pytest

from tests.support.standin.playing import Chooser, planted


@pytest.fixture
def tree() -> Iterator[Chooser]:
    made = Chooser(seed=0, actions=3)
    with planted(made):
        yield made
