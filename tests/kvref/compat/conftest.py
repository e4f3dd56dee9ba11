"""A tree that tells which nodes are expanded, where LightZero's search has it."""

import gc
from collections.abc import Iterator

import pytest

from kvref.compat.lightzero.tree import Tree
from tests.support.standin.playing import Chooser, planted


@pytest.fixture
def tree() -> Iterator[Chooser]:
    if Tree.watchers:
        gc.collect()  # models that other tests have left attached to
    made = Chooser(seed=0, actions=3)
    with planted(made):
        yield made
