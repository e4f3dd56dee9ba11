"""Calls on a manager and its pools at random, recorded."""

import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from fractions import Fraction
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Final

from kvref import (
    EvictionStrategy,
    KVCacheError,
    KVCacheManager,
    Ownership,
    Priority,
    Recorder,
    RecurScope,
)
from kvref.pool import KVCachePool

CONFIG: Final = SimpleNamespace(game_segment_length=3, num_simulations=2)
ENVS: Final = 2
KEYS: Final = [0, -1, 1, 2**63, 2**64 - 1, 2**64, -(2**64), 3 * 2**80, -(2**300), 2**4096 + 1]
RANKS: Final[list[Priority]] = [
    0,
    -0.0,
    1,
    1.0,
    Fraction(1, 3),
    Fraction(-(10**400), 7),
    2**53 + 1,
    float(2**53),
    10**400,
    -(10**400),
    2**5000,
    -(2**5000),
    Fraction(2**5000, 3),
    1e308,
    5e-324,
    inf,
    -inf,
]


class Cell:
    """A value that can be cloned and sealed."""

    def __init__(self, number: int) -> None:
        self.number = number

    def clone(self) -> "Cell":
        return Cell(self.number)

    def seal(self) -> None:
        pass


def number_of(cell: Cell) -> int:
    return cell.number


class Drive:
    """Every call on a manager and its pools, at random; some are refused, some only look."""

    def __init__(self, manager: KVCacheManager[Cell], rng: random.Random) -> None:
        self.manager, self.rng = manager, rng
        self.apart = manager.recur_scope is RecurScope.PER_ENV
        self.ranked = manager.wm_pool.eviction_strategy is EvictionStrategy.PRIORITY
        self.cells = [Cell(number) for number in range(4)]
        self.made = 4
        self.recorder: Recorder[Cell] | None = None
        """Is told of most operations for which node they are: one for each key."""
        self.telling = random.Random(0)

    def run(self, steps: int) -> None:
        calls: list[Callable[[], object]] = [
            *(4 * [self.set, self.look_up]),
            *(2 * [self.get, self.look]),
            self.refused,
            self.clear,
            self.manager.reset_stats,
        ]
        for _ in range(steps):
            self.rng.choice(calls)()

    def acting_for(self, key: int) -> AbstractContextManager[None]:
        if self.recorder is None or self.telling.random() < 0.2:
            return nullcontext()
        return self.recorder.acting_for(key if abs(key) < 2**128 else f"node of {key % 1000}")

    def pool(self) -> KVCachePool[Cell]:
        return self.rng.choice(self.manager.pools)

    def key(self) -> int:
        return self.rng.choice(KEYS)

    def env(self) -> int:
        return self.rng.randrange(ENVS)

    def cell(self) -> Cell:
        if self.rng.random() < 0.5:
            return self.rng.choice(self.cells)
        self.made += 1
        return Cell(self.made)

    def set(self) -> None:
        rank = self.rng.choice(RANKS) if self.ranked else None
        key = self.key()
        with self.acting_for(key):
            self.store(key, self.cell(), self.env(), rank)

    def store(self, key: int, cell: Cell, env: int, rank: Priority | None) -> None:
        match self.rng.randrange(4):
            case 0:
                self.manager.set_init_cache(env, key, cell, priority=rank)
            case 1:
                scope = env if self.apart else self.rng.choice([None, env])
                self.manager.set_recur_cache(key, cell, priority=rank, env_id=scope)
            case 2:
                self.manager.set_wm_cache(key, cell, priority=rank)
            case _:
                self.pool().set(key, cell, priority=rank)

    def get(self) -> None:
        pool, key = self.pool(), self.key()
        with self.acting_for(key):
            pool.get(key)

    def look_up(self) -> None:
        env, key = self.env(), self.key()
        with self.acting_for(key):
            self.manager.hierarchical_get(env, key)

    def look(self) -> None:
        pool, key = self.pool(), self.key()
        assert (pool.peek(key) is None) is (key not in pool)
        assert len(list(pool)) == len(pool)

    def refused(self) -> None:
        with suppress(KVCacheError):
            self.manager.hierarchical_get(ENVS, self.key())
        with suppress(KVCacheError):
            self.pool().set(self.key(), self.cell(), priority=float("nan"))
        with suppress(KVCacheError):
            self.manager.get_wm_cache("key")  # type: ignore[arg-type]  # what is refused

    def clear(self) -> None:
        match self.rng.randrange(8):
            case 0:
                self.manager.clear_all()
            case 1:
                self.manager.clear_recur_cache()
            case 2:
                self.manager.clear_recur_cache(self.env())
            case 3:
                self.manager.clear_init_caches()
            case 4:
                self.manager.clear_init_caches(self.env())
            case 5:
                self.manager.clear_wm_cache()
            case _:
                self.pool().clear()


def recorded(
    path: Path,
    policy: EvictionStrategy,
    ownership: Ownership,
    scope: RecurScope,
    seed: int = 0,
    named: bool = False,
) -> Path:
    manager: KVCacheManager[Cell] = KVCacheManager(
        CONFIG, ENVS, eviction_strategy=policy, ownership=ownership, recur_scope=scope
    )
    drive = Drive(manager, random.Random(f"{policy} {ownership} {scope} {seed}"))
    drive.run(60)
    drive.set()
    with Recorder(manager, path, number_of) as recorder:
        drive.recorder = recorder if named else None
        drive.run(500)
    return path
