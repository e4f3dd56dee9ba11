"""Memory over 100,000 steps of a search session: it must not grow.

    python -m tests.benchmarks.memory [--quick]

Searches of 50 simulations in two environments, moves that end in advances, episodes that end. At
ten points of the run: what Python holds (tracemalloc, after a garbage collection) and the bytes of
all the storages that the pools hold.
"""

import gc
import sys
import tracemalloc
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor

from kvref import EvictionStrategy, KVCacheManager, OnEvict, Ownership
from kvref.tensors import KeysValues, Missing, SearchSession, by_env_and_latent
from tests.support.making import storages

ENVS, SIMULATIONS, MOVES, CONTEXT = [0, 1], 50, 7, 12
NEW = torch.randn(2, 2, 2, 2, 4)  # K and V of two tokens: (2, environments, heads, tokens, dim)


class Config:
    game_segment_length = 5

    def __init__(self, num_simulations: int) -> None:
        self.num_simulations = num_simulations


class Sample(NamedTuple):
    """Bytes, after so many steps."""

    steps: int
    python: int
    tensors: int


class Run:
    """A search session that goes on and on."""

    def __init__(
        self, ownership: Ownership, on_evict: OnEvict[KeysValues] | None, simulations: int
    ) -> None:
        self.simulations = simulations
        self.manager: KVCacheManager[KeysValues] = KVCacheManager(
            Config(simulations),
            2,
            ownership=ownership,
            eviction_strategy=EvictionStrategy.LRU,
            on_evict=on_evict,
        )
        self.session = SearchSession(
            self.manager, self.rebuild, context_length=CONTEXT, keys=by_env_and_latent()
        )
        self.random = Random(0)
        self.latents = torch.Generator().manual_seed(0)

    def rebuild(self, missing: Missing) -> list[KeysValues]:
        return [self.window() for _ in missing.rows]

    def window(self) -> KeysValues:
        made = KeysValues(1, 2, CONTEXT, 8, 2, dtype=torch.float32)
        for layer in made:
            layer.update(NEW[0, :1, :, :1], NEW[1, :1, :, :1])
        return made

    def fresh(self) -> Tensor:
        return torch.randn(2, 4, generator=self.latents)

    def steps(self) -> Iterator[None]:
        """A step at a time, for ever."""
        while True:
            roots = self.fresh()
            for _ in range(MOVES):
                self.session.root(ENVS, roots)
                nodes = [roots]
                for _ in range(self.simulations):
                    nodes.append(self.step(self.random.choice(nodes), recurrent=True))
                    yield
                roots = self.step(roots, recurrent=False)
                yield
            self.session.end_episode(self.random.choice(ENVS))

    def step(self, parents: Tensor, recurrent: bool) -> Tensor:
        session, children = self.session, self.fresh()
        how = session.step if recurrent else session.advance
        with how(ENVS, parents) as step:
            for layer in step.keys_values:
                layer.update(NEW[0], NEW[1])
            step.children(children)
        return children

    def held(self) -> int:
        return storages(*(one.value for pool in self.manager.pools for one in pool.residents()))


@torch.no_grad()
def samples(
    ownership: Ownership,
    steps: int,
    on_evict: OnEvict[KeysValues] | None = None,
    simulations: int = SIMULATIONS,
) -> list[Sample]:
    """Ten of them, the first after a tenth of the steps, each right before recur is cleared."""
    run, taken = Run(ownership, on_evict, simulations), list[Sample]()
    tracemalloc.start()
    try:
        period, due = simulations + 1, 1
        for number, _ in enumerate(run.steps(), 1):
            if number >= due * steps // 10 and number % period == simulations:
                gc.collect()
                taken.append(Sample(number, tracemalloc.get_traced_memory()[0], run.held()))
                due += 1
            if due > 10:
                return taken
    finally:
        tracemalloc.stop()
    return taken


def growth(taken: list[Sample]) -> tuple[float, float]:
    """The most held in the second half of the run against the most in the first."""
    half = len(taken) // 2
    early, late = taken[:half], taken[half:]
    python = max(one.python for one in late) / max(one.python for one in early)
    return python, max(one.tensors for one in late) / max(one.tensors for one in early)


def main(quick: bool) -> None:
    for ownership in Ownership:
        taken = samples(ownership, 110, None, 10) if quick else samples(ownership, 100_000)
        print(f"{ownership.name}: bytes held by Python, by the pools' tensors")
        for one in taken:
            print(f"  after {one.steps:7,} steps {one.python:10,} {one.tensors:10,}")
        python, tensors = growth(taken)
        print(f"  most in the second half to most in the first: {python:.3f}, {tensors:.3f}")


if __name__ == "__main__":
    main("--quick" in sys.argv)
