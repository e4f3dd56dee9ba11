"""A search without its network: what the cache costs, in time, in bytes held, in bytes moved.

    python -m tests.benchmarks.search [--quick]

One search of 50 simulations in 8 environments: 2 layers, 8 heads of 96, contexts of 20 tokens, two
new ones a step. The usual way clones at every lookup and at every store.

Bytes moved are all that torch writes in the search, latents and keys and padding included. Those
that must move are the K and V of each root, kept once; of each context, gathered into the batch
without its padding; of new tokens, appended to the batch and kept. Each is counted once.
"""

import sys
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor

from kvref import EvictionStrategy, KVCacheManager, Ownership
from kvref.tensors import KeysValues, Missing, SearchSession, by_latent, hash_state, hash_states
from spec.window import drop
from tests.benchmarks.measure import best_of
from tests.benchmarks.usual import UsualSearch
from tests.support.making import storages
from tests.support.moving import moved

ENVS, LAYERS, HEADS, HEAD_DIM, CONTEXT, NEW = 8, 2, 8, 96, 20, 2
TOKEN = 2 * LAYERS * HEADS * HEAD_DIM * 4  # bytes: K and V of every layer, float32


class Config:
    game_segment_length = 20

    def __init__(self, num_simulations: int) -> None:
        self.num_simulations = num_simulations


class Plan(NamedTuple):
    """A search, decided beforehand: which nodes are visited, and the new tokens' K and V."""

    simulations: int
    parents: list[list[int]]
    latents: Tensor  # (nodes, environments, ...)
    new: list[list[tuple[Tensor, Tensor]]]
    roots: list[KeysValues]


def plan(simulations: int) -> Plan:
    random = Random(0)
    parents = [[random.randrange(n + 1) for _ in range(ENVS)] for n in range(simulations)]
    shape = ENVS, HEADS, NEW, HEAD_DIM
    new = [[(torch.randn(shape), torch.randn(shape)) for _ in range(LAYERS)] for _ in range(4)]
    roots = [window(6 + env) for env in range(ENVS)]
    return Plan(simulations, parents, torch.randn(simulations + 1, ENVS, 768), new, roots)


def window(tokens: int) -> KeysValues:
    made = KeysValues(1, HEADS, CONTEXT, HEADS * HEAD_DIM, LAYERS, dtype=torch.float32)
    for layer in made:
        layer.update(*torch.randn(2, 1, HEADS, tokens, HEAD_DIM).unbind())
    return made


def pools(simulations: int, ownership: Ownership) -> KVCacheManager[KeysValues]:
    return KVCacheManager(
        Config(simulations), ENVS, ownership=ownership, eviction_strategy=EvictionStrategy.LRU
    )


def visited(told: Plan, simulation: int) -> Tensor:
    """The latent states of the parents."""
    rows = told.parents[simulation]
    return torch.stack([told.latents[parent, env] for env, parent in enumerate(rows)])


def usual(told: Plan) -> KVCacheManager[KeysValues]:
    manager = pools(told.simulations, Ownership.REFERENCE)
    search = UsualSearch(manager, CONTEXT)
    search.root(told.latents[0], told.roots)
    for number in range(told.simulations):
        new = told.new[number % len(told.new)]
        search.step(visited(told, number), told.latents[number + 1], new)
    return manager


def session(told: Plan, ownership: Ownership) -> KVCacheManager[KeysValues]:
    manager = pools(told.simulations, ownership)

    def rebuild(missing: Missing) -> list[KeysValues]:
        return [told.roots[env] for env in missing.env_ids]

    search = SearchSession(manager, rebuild, context_length=CONTEXT, keys=by_latent)
    envs = list(range(ENVS))
    search.root(envs, told.latents[0])
    for number in range(told.simulations):
        with search.step(envs, visited(told, number)) as step:
            for layer, (k, v) in zip(step.keys_values, told.new[number % 4], strict=True):
                layer.update(k, v)
            step.children(told.latents[number + 1])
    return manager


def stored(manager: KVCacheManager[KeysValues]) -> list[KeysValues]:
    return [one.value for pool in manager.pools for one in pool.residents()]


def needed(told: Plan) -> int:
    """Bytes that no way can do without, which runs all rows at once in one tensor."""
    sizes = [[6 + env for env in range(ENVS)]]
    tokens = sum(sizes[0])
    for parents in told.parents:
        given = [sizes[parent][env] for env, parent in enumerate(parents)]
        fitting = [size - drop(CONTEXT, size, NEW) for size in given]
        tokens += sum(fitting) + 2 * ENVS * NEW
        sizes.append([size + NEW for size in fitting])
    return tokens * TOKEN


def main(quick: bool) -> None:
    told = plan(5 if quick else 50)
    ways: dict[str, Callable[[], KVCacheManager[KeysValues]]] = {
        "clone per lookup and store": lambda: usual(told),
        "session, COPY": lambda: session(told, Ownership.COPY),
        "session, SEALED with forks": lambda: session(told, Ownership.SEALED),
        "session, REFERENCE": lambda: session(told, Ownership.REFERENCE),
    }
    with torch.inference_mode():
        seconds = best_of(ways, 1 if quick else 15)
        least = needed(told)
        held = {name: storages(*stored(way())) for name, way in ways.items()}
        counted = {name: moved(way) for name, way in ways.items()}
    base = "clone per lookup and store"
    print(f"one search of {told.simulations} simulations x {ENVS} environments, no network:")
    for name in ways:
        print(
            f"  {name:27} time {seconds[name] / seconds[base]:5.2f}   "
            f"bytes held at the end {held[name] / 1e6:6.1f} MB, 1/{held[base] / held[name]:.1f}   "
            f"bytes moved {counted[name] / least:5.2f} times those that had to"
        )
    keys(200 if quick else 5000)


def keys(rounds: int) -> None:
    latents = torch.randn(8, 768)
    ways = {
        "together": lambda: [hash_states(latents) for _ in range(rounds)],
        "one by one": lambda: [[hash_state(one) for one in latents] for _ in range(rounds)],
    }
    best = best_of(ways, 5)
    ratio = best["together"] / best["one by one"]
    print(f"hash_states of 8 latents of 768 floats: {ratio:.2f} of eight calls of hash_state")


if __name__ == "__main__":
    main("--quick" in sys.argv)
