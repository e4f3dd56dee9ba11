"""Random histories find what the explorer merges away, and give it back cut down."""

from functools import cache, partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase

from spec.ops import Clear, Get, Key, Op, Set, Tier
from spec.pool import PoolState
from spec.profile import (
    FIFO_COPY,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_REFERENCE,
    PRIORITY_REFERENCE,
    Profile,
)
from stateful_models.bugs.caches.graveyard import Graveyard
from stateful_models.engines.fuzz import Fuzzed, Store, run
from stateful_models.engines.judge import Divergence, first_divergence
from stateful_models.engines.rows import PoolSetting, Wider
from stateful_models.engines.sample import LONG, Sampled, Sampling, Setting, sample, sampled, whole
from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import KvrefPool
from stateful_models.reference.tensor_pool import KvrefTensorPool
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.naming import Values
from stateful_models.subjects.pool import PoolSubject
from stateful_models.subjects.pool_of_manager import pool_of_manager
from tests.support.exploring import explore_pool
from tests.support.night import NIGHT


class StaleRing(PoolSubject):
    """A clear forgets keys and cursor, not which key each slot had: a live key dies later."""

    reports = frozenset({Aspect.SLOTS})
    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        self.values: list[object] = [None] * capacity
        self.slot_of: dict[int, int] = {}
        self.key_in: dict[int, int] = {}
        self.cursor = 0

    def get(self, key: int) -> object | None:
        slot = self.slot_of.get(key)
        return None if slot is None else self.values[slot]

    def set(self, key: int, value: object, rank: float) -> int:
        slot = self.slot_of.get(key)
        if slot is None:
            slot = self.cursor
            self.cursor = (slot + 1) % len(self.values)
            self.slot_of.pop(self.key_in.get(slot, -1), None)
            self.slot_of[key], self.key_in[slot] = slot, key
        self.values[slot] = value
        return slot

    def clear(self) -> None:
        self.slot_of.clear()
        self.cursor = 0


ONE = PoolScope(FIFO_REFERENCE, 1, keys=2, objects=2)  # a set evicts here, too
SCOPE = PoolScope(FIFO_REFERENCE, 2, keys=3, objects=2)


def test_the_explorer_alone_misses_it() -> None:
    """This is the limit that the output states; without it `sample` would not be needed."""
    assert explore_pool(SCOPE, StaleRing).divergence is None


@cache
def stale() -> Divergence[PoolState, Op] | None:
    return sample(SCOPE, partial(SCOPE.build, StaleRing), 200)


def test_sampling_finds_it_and_cuts_it_down() -> None:
    build, found = partial(SCOPE.build, StaleRing), stale()
    assert found is not None
    assert any(isinstance(op, Clear) for op in found.history)
    assert len(found.history) <= 7
    for place in range(len(found.history)):
        shorter: tuple[Op, ...] = (*found.history[:place], *found.history[place + 1 :])
        assert first_divergence(SCOPE, build, shorter) is None


def test_cutting_down_ends_where_the_last_look_is_put_back() -> None:
    """Without its last operation, a look at what is kept alive, such a history finds it anew."""
    scope = PoolScope(FIFO_REFERENCE, 1, keys=2, objects=2)
    found = sample(scope, partial(scope.build, Graveyard), 20)
    assert found is not None
    assert len(found.history) == 3  # what is set leaves, and is looked for


def test_sampling_is_repeatable() -> None:
    assert sample(SCOPE, partial(SCOPE.build, StaleRing), 200) == stale()


def test_kvref_passes() -> None:
    for profile in (LRU_REFERENCE, PRIORITY_REFERENCE):
        scope = PoolScope(profile, 2, keys=4, objects=2)
        assert sample(scope, partial(scope.build, KvrefPool), 60) is None


class IgnoresUpdates(KvrefManager):
    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        there = self.pool(tier, env)
        return there._slots[key] if key in there else super().set(tier, env, key, value, rank)


def test_a_managers_own_pools_are_held_to_the_pool_laws() -> None:
    scope = PoolScope(FIFO_REFERENCE, 2, keys=3, objects=2) if NIGHT else ONE
    for tier in (Tier.INIT, Tier.RECUR):
        right = pool_of_manager(KvrefManager, tier)
        assert explore_pool(scope, right).divergence is None
        found = explore_pool(scope, pool_of_manager(IgnoresUpdates, tier)).divergence
        assert found is not None
        assert [type(op) for op in found.history[:2]] == [Set, Set]


def test_one_long_history_is_enough_and_short_ones_are_compared() -> None:
    """What takes a minute to cut down is cut down once."""
    scope = PoolScope(FIFO_REFERENCE, 1, 2, 1)
    setting: Setting[PoolState, Op] = Setting(scope, partial(scope.build, KvrefPool))

    def found(operations: int) -> Sampled[PoolState, Op]:
        history: tuple[Op, ...] = (Get(Key(0)),) * operations
        state = scope.initial()
        return Sampled(10, setting, Divergence(history, None, None, state, None, ()))

    nothing: Sampled[PoolState, Op] = Sampled(10)
    several = [nothing, found(9), found(4), nothing]
    assert whole(iter(several)) == found(4)._replace(tried=40)
    asked = iter([nothing, found(LONG + 1), found(4)])
    assert whole(asked) == found(LONG + 1)._replace(tried=20)
    assert next(asked) == found(4), "nobody asked for it"


OWN_OBJECTS = (FIFO_REFERENCE, FIFO_SEALED, FIFO_COPY)


@pytest.mark.parametrize("profile", OWN_OBJECTS, ids=lambda profile: profile.ownership.value)
def test_a_client_that_keeps_objects_of_its_own_is_called_by_no_other_values(
    profile: Profile,
) -> None:
    """A right pool of windows, whose client knows nothing of values that are equal or empty."""
    sampling = Sampling(6, 30)
    draw = Wider(PoolScope(profile, 1, 2, 2), PoolSetting(KvrefTensorPool), sampling)
    assert sampled(draw, sampling).divergence is None
    drawn = [draw(Random(seed)).scope for seed in range(30)]
    namings = [one.naming for one in drawn if isinstance(one, PoolScope)]
    assert {one.values for one in namings} == {Values.PLAIN}
    assert any(one.keys for one in namings)
    part = Fuzzed("pool", KvrefTensorPool, None, (profile,))
    with TemporaryDirectory() as folder:
        assert run("windows", part, 0, Store(Path(folder)), 3, (Phase.generate,)).found is None
