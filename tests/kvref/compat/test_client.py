"""A client with UniZero's habits runs on the classes under its names, and is right to the bit."""

from types import SimpleNamespace

import pytest
import torch

from kvref import Ownership
from kvref.compat.lightzero.kv_cache_manager import KVCacheManager
from tests.support.newer_unizero import Client, Manager


def lived(manager: Manager, seed: int, envs: int = 4) -> Client:
    """Ten roots, of each a search of fifteen simulations."""
    with torch.no_grad():
        client = Client(manager, envs, seed)
        for _ in range(10):
            client.search(15)
            client.act()
    return client


@pytest.mark.parametrize("seed", range(2))
def test_every_prediction_is_right(seed: int) -> None:
    """With what a config without a word on sizes leads to."""
    client = lived(KVCacheManager(config=SimpleNamespace(), env_num=4), seed)
    assert client.predictions > 450
    assert (client.misses, client.wrong) == (0, 0)


def test_and_with_copies_both_ways() -> None:
    both = Ownership.COPY_BOTH
    client = lived(KVCacheManager(SimpleNamespace(), 4, ownership=both), seed=0)
    assert (client.misses, client.wrong) == (0, 0)


def test_one_environment() -> None:
    client = lived(KVCacheManager(SimpleNamespace(), 1), seed=0, envs=1)
    assert (client.misses, client.wrong) == (0, 0)


def test_references_to_its_one_window_are_found_wrong() -> None:
    """Each entry is the same object, and holds what was stored last."""
    client = lived(KVCacheManager(SimpleNamespace(), 4, ownership=Ownership.REFERENCE), seed=0)
    assert client.misses == 0
    assert client.wrong > client.predictions / 2


def test_pools_that_are_too_small_are_found_missing() -> None:
    client = lived(KVCacheManager(SimpleNamespace(num_simulations=4), 4), seed=0)
    assert client.misses > 50
