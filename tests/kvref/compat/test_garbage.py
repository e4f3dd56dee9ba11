"""The classes under UniZero's names under typed garbage: refused as kvref refuses, or taken."""

import warnings
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from kvref import EvictionStrategy, Ownership, RecurScope, SizingProfile
from kvref.compat.lightzero import kv_cache_manager, kv_caching
from kvref.compat.lightzero.kv_cache_manager import KVCacheManager, KVCachePool
from kvref.compat.lightzero.kv_caching import Cache, KeysValues, KVCache
from tests.support.garbage import garbage
from tests.support.surfaces import Surface, attempt
from tests.support.unizero_windows import SIZES, filled, tokens


def held(kv: KeysValues) -> object:
    parts = [part for layer in kv for part in layer.parts]
    return [(part._cache.tolist(), part._size) for part in parts]


def surfaces() -> dict[str, Surface]:
    kv, x = filled(), tokens(0)
    layer, part, state = kv[0], kv[0]._k_cache, partial(held, kv)
    making = {"ownership": Ownership.COPY, "on_evict": None, "verify": True}
    sizing = {"sizing": SizingProfile.SEED, "recur_scope": RecurScope.SHARED}
    managing = {"eviction_strategy": EvictionStrategy.LRU, **sizing, **making}
    config = SimpleNamespace(num_simulations=2, game_segment_length=2)
    pool: KVCachePool[object] = KVCachePool(2)
    return {
        "Cache": Surface(Cache, (*SIZES[:4], "cpu")),
        "KVCache": Surface(KVCache, (*SIZES[:4], "cpu")),
        "KeysValues": Surface(KeysValues, (*SIZES, "cpu")),
        "cache update": Surface(part.update, (x, 0), {}, state),
        "kv cache update": Surface(layer.update, (x, x), {}, state),
        "layer": Surface(kv.__getitem__, (0,), {}, state),
        "prune": Surface(lambda mask: filled().prune(cast(Any, mask)), ([True, False],)),
        "remove_register_tokens": Surface(
            lambda n: filled().remove_register_tokens(cast(int, n)), (0,)
        ),
        "remove_newest": Surface(lambda n: filled()[0].parts[0].remove_newest(cast(int, n)), (0,)),
        "assign _cache": Surface(partial(setattr, Cache(*SIZES[:4]), "_cache"), (x,)),
        "assign _size": Surface(partial(setattr, Cache(*SIZES[:4]), "_size"), (1,)),
        "KVCachePool": Surface(KVCachePool, (2, EvictionStrategy.LRU, True, "mine"), making),
        "set": Surface(pool.set, (7, 1)),
        "assign strategy": Surface(
            partial(setattr, KVCachePool[int](2), "eviction_strategy"), (EvictionStrategy.LRU,)
        ),
        "KVCacheManager": Surface(KVCacheManager, (config, 2, True, 3, 4), managing),
        "config": Surface(
            lambda *sizes: KVCacheManager[object](
                SimpleNamespace(num_simulations=sizes[0], max_cache_size=sizes[1]), 2
            ),
            (2, 3),
        ),
    }


@pytest.mark.parametrize("grad", [True, False])
def test_no_foreign_exception_escapes(grad: bool) -> None:
    with warnings.catch_warnings(), torch.set_grad_enabled(grad):
        warnings.simplefilter("ignore")  # of numpy, about what is garbage indeed
        found = {what: attempt(one) for what, one in surfaces().items()}
    assert {what: wrong for what, (_, wrong) in found.items() if wrong} == {}
    assert min(calls for calls, _ in found.values()) >= len(garbage())


def test_every_class_is_tried() -> None:
    public = {*kv_caching.__all__, *kv_cache_manager.__all__}
    assert public - set(surfaces()) == {"CacheStats", "EvictionStrategy"}, "those are kvref's own"
