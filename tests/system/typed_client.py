"""What a user writes against kvref, for `mypy --strict` and an installed wheel.

Checked by tests/system/test_typed_client.py, which does not run it.
"""

from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import assert_type

import numpy as np
import torch

import kvref
import kvref.shadow
import kvref.tensors as kt
import stateful_models

pool: kvref.KVCachePool[str] = kvref.KVCachePool(4, kvref.EvictionStrategy.PRIORITY)
assert_type(pool.get(1), str | None)
assert_type(pool.set(np.int64(1), "a", priority=Fraction(1, 3)), int)
assert_type(pool.set(torch.tensor(2), "b", priority=np.float32(0.5)), int)
assert_type(pool.set(3, "c", priority=np.int64(3)), int)
assert_type(pool.peek(1), str | None)
assert_type(pool.pool_size, int)
assert_type(pool.eviction_strategy, kvref.EvictionStrategy | Callable[[], kvref.EvictionOrder])
assert_type(pool.enable_stats, bool)
assert_type(pool.stats, kvref.CacheStats | None)
for resident in pool.residents():
    assert_type(resident.value, str)
    assert_type(resident.priority, int | float | Fraction | None)

stats = kvref.CacheStats(hits=10, misses=5, evictions=2, total_queries=15)
stats.hits = 7
stats.total_queries = 10
assert_type(stats.hits, int)
assert_type(stats.hit_rate, float)


def told(event: kvref.Event[str]) -> None:
    match event:
        case kvref.Got():
            assert_type(event.slot, int | None)
        case kvref.Stored():
            assert_type(event.new, bool)
        case kvref.Cleared() | kvref.LookedUp():
            pass


pool.observe(told)
pool.on_evict = print

guarded = stateful_models.guard(pool, stateful_models.LRU_REFERENCE, sample=100)
assert_type(guarded, kvref.KVCachePool[str])
assert_type(guarded.get(1), str | None)

manager: kvref.KVCacheManager[kt.KeysValues] = kvref.KVCacheManager(
    SimpleNamespace(num_simulations=2, game_segment_length=2), 2, ownership=kvref.Ownership.SEALED
)
assert_type(manager.init_pools, tuple[kvref.KVCachePool[kt.KeysValues], ...])
assert_type(manager.recur_pool, kvref.KVCachePool[kt.KeysValues])
assert_type(manager.hierarchical_get(np.int64(0), 1), kt.KeysValues | None)
assert_type(manager.keys_values_wm_list, list[kt.KeysValues])
manager.keys_values_wm_size_list = [1]


def rebuild(missing: kt.Missing) -> list[kt.KeysValues]:
    return [kt.KeysValues(1, 1, 4, 2, 1) for _ in missing.rows]


session = kt.SearchSession(manager, rebuild, context_length=4, keys=kt.by_env_and_latent())
latents = torch.zeros(2, 3)
roots = session.root([0, 1], latents)
assert_type(roots, kt.Roots)
assert_type(roots.nodes, tuple[kt.Node, ...])
session.root(roots.nodes)
session.root(np.array([0, 1]), latents)
session.root(torch.tensor([0, 1]), latents)
session.root(range(2), latents)
with session.step(np.array([0, 1]), latents) as step:
    assert_type(step.keys_values, kt.KeysValues)
    assert_type(step.mask(1), torch.Tensor)
    step.children(latents)
with session.advance(torch.tensor([0, 1]), latents) as step:
    step.children(latents)
session.end_episode(np.int64(0))

assert_type(kvref.hash_state(np.zeros(3)), int)
assert_type(kt.salted_hash_state(latents, np.int64(1), 2), int)
assert_type(kt.salted_hash_states(latents, np.array([[1], [2]])), tuple[int, ...])
batch, lengths = kt.align([kt.KeysValues(1, 1, 4, 2, 1)])
assert_type(batch, kt.KeysValues)
assert_type(lengths, tuple[int, ...])
assert_type(kt.split(batch, lengths, firsts=np.array([0])), tuple[kt.KeysValues, ...])
kt.attention_mask(np.array([1]), np.int64(1))
batch[0].prune(np.array([True]))
batch.prune(torch.tensor([True]))

with kvref.Recorder(manager, "run.jsonl.gz") as recorder:
    assert_type(recorder.failure, BaseException | None)


class Mine(stateful_models.PoolSubject):
    profiles = (stateful_models.LRU_REFERENCE,)

    def start(self, profile: stateful_models.Profile, capacity: int) -> None:
        self.cache: dict[int, object] = {}

    def get(self, key: int) -> object | None:
        return self.cache.get(key)

    def set(self, key: int, value: object, rank: float) -> None:
        self.cache[key] = value

    def clear(self) -> None:
        self.cache.clear()


report = stateful_models.check(Mine, "small")
assert_type(report, stateful_models.Report)
assert_type(report.conforms, bool)
assert_type(report.counterexample, stateful_models.Counterexample | None)
assert_type(report.statement, str)
assert_type(kvref.__version__, str)


class Windows(stateful_models.WindowSubject):
    tells_first = False


class Old:
    """A dictionary that forgets nothing."""

    def __init__(self) -> None:
        self.entries: dict[int, kt.KeysValues] = {}

    def get(self, pool: str, key: int) -> kt.KeysValues | None:
        return self.entries.get(key)

    def set(self, pool: str, key: int, value: kt.KeysValues, priority: object) -> None:
        self.entries[key] = value

    def clear(self, pool: str) -> None:
        self.entries.clear()

    def size(self, pool: str) -> int:
        return len(self.entries)

    def slot(self, pool: str, key: int) -> None:
        return None


shadow = kvref.shadow.Shadow(
    Old(),
    kvref.shadow.ManagerSide(manager),
    kvref.shadow.Mode.COMPARE,
    snapshot=kt.contents,
    same=kt.close(rtol=1e-4),
)
assert_type(shadow.get("recur", 1), kt.KeysValues | None)
assert_type(shadow.counts[kvref.shadow.Verdict.MISSING], int)
shadow.set("recur", 1, 5)  # type: ignore[arg-type]  # no window
