"""Equivalence theorems: for every bounded well-formed input spec's function and kvref's agree."""

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from kvref import window_drop
from kvref.arguments import as_env
from kvref.errors import KVCacheError
from kvref.policy import EvictionStrategy, FifoOrder, LruOrder, PriorityOrder
from kvref.pool import KVCachePool
from kvref.sizing import RecurScope as KvrefScope
from kvref.sizing import SizingProfile, pool_sizes
from kvref.stats import PoolStats
from spec.manager import ManagerState, pool_index
from spec.ops import Counters, EnvId, Get, Key, ResetStats, Set, Stored, Tier
from spec.policy import Need
from spec.pool import Pool, PoolState, order_of, step
from spec.profile import CLASSIC, Policy, Profile, RecurScope, Sizing
from spec.sizing import Config, capacities
from spec.window import drop
from stateful_models.engines.contracts import equivalence_faults as faults
from stateful_models.engines.contracts.condition import Condition, Theorem
from stateful_models.engines.contracts.states import HEAP, OLD, Cell, apart, state

STRATEGIES: Final = {
    Policy.FIFO: EvictionStrategy.FIFO,
    Policy.LRU: EvictionStrategy.LRU,
    Policy.PRIORITY: EvictionStrategy.PRIORITY,
}


class Configuration(NamedTuple):
    """What kvref reads sizes from."""

    game_segment_length: int
    num_simulations: int
    max_cache_size: int


def same_drop(capacity: int) -> Theorem:
    def theorem(room: int, size: int, new: int) -> None:
        assert 1 <= room <= 2 * capacity
        assert 0 <= size <= room
        assert 0 <= new <= room
        gone = window_drop.drop(room, size, new)
        assert gone == drop(room, size, new)

    return theorem


def same_sizes(sizing: Sizing, capacity: int) -> Theorem:
    """Of every configuration that kvref takes, and any number of environments."""
    profile = SizingProfile(sizing.value)

    def theorem(segment: int, simulations: int, most: int, envs: int, apart: bool) -> None:
        assert 1 <= segment <= 1 << 62
        assert 1 <= simulations <= 1 << 62
        assert 1 <= most <= 1 << 62
        assert 1 <= envs <= 1 << 20
        scope = RecurScope.PER_ENV if apart else RecurScope.SHARED
        theirs = KvrefScope.PER_ENV if apart else KvrefScope.SHARED
        said = capacities(sizing, Config(segment, simulations, most), envs, scope)
        made = pool_sizes(Configuration(segment, simulations, most), envs, profile, theirs)
        assert said is not None
        assert (made.init, made.recur, made.wm) == said

    return theorem


def choose(which: int, capacity: int) -> int:
    """A concrete key for a symbolic choice: kvref's dictionaries would make it concrete anyway."""
    for key in range(capacity):
        if which == key:
            return key
    return capacity


def rows_of(ranks: tuple[int, ...]) -> tuple[Cell, ...]:
    return tuple(Cell(key, key, rank) for key, rank in enumerate(ranks))


def goes_first(pool: Pool) -> Key:
    return pool.profile.policy.victim(order_of(pool), Need(Key(-1))).key


def same_victim(capacity: int) -> Theorem:
    """Priorities are any integers; after an update of any entry to any other priority."""

    def theorem(ranks: tuple[int, ...], which: int, rank: int) -> None:
        assert len(ranks) == capacity
        assert 0 <= which < capacity
        order, key = PriorityOrder(), choose(which, capacity)
        for number, one in enumerate(ranks):
            order.slots[number] = number
            order.place(number, one)
        order.place(key, rank)
        after, _ = step(state(Policy.PRIORITY, capacity, rows_of(ranks)), Set(Key(key), OLD, rank))
        assert order.victim() == goes_first(after.pool)

    return theorem


def same_order(policy: Policy, capacity: int) -> Theorem:
    """Of a pool's keys, after a hit of one and a set of another."""

    def theorem(hit: int, again: int) -> None:
        assert 0 <= hit < capacity
        assert 0 <= again < capacity
        one, other = choose(hit, capacity), choose(again, capacity)
        order = (LruOrder if policy == Policy.LRU else FifoOrder)((k, k) for k in range(capacity))
        for key in (one, other):
            if order.touch is not None:
                order.touch(key)
        before = state(policy, capacity, rows_of((0,) * capacity))
        between, _ = step(before, Get(Key(one)))
        after, _ = step(between, Set(Key(other), OLD))
        assert tuple(order) == tuple(entry.key for entry in after.pool.entries)

    return theorem


def same_set(policy: Policy, capacity: int) -> Theorem:
    """kvref's own pool, full: a hit, then a set of a resident key or of a new one.

    Priorities are any integers; which key is hit makes no difference to PRIORITY.
    """
    ranked = policy.ranked
    hits = 1 if ranked else capacity

    def theorem(ranks: tuple[int, ...], hit: int, which: int, rank: int) -> None:
        assert len(ranks) == capacity
        assert 0 <= hit < hits
        assert 0 <= which <= capacity
        pool: KVCachePool[object] = KVCachePool(capacity, STRATEGIES[policy], False)
        for number, one in enumerate(ranks):
            pool.set(number, OLD, priority=one if ranked else None)
        got, key = choose(hit, capacity), choose(which, capacity)
        pool.get(got)
        slot = pool.set(key, OLD, priority=rank if ranked else None)
        before = state(policy, capacity, rows_of(ranks if ranked else (0,) * capacity))
        between, _ = step(before, Get(Key(got)))
        after, answer = step(between, Set(Key(key), OLD, rank if ranked else 0))
        assert isinstance(answer, Stored)
        assert slot == answer.slot
        assert len(pool) == len(after.pool.entries)
        assert pool._order.victim() == goes_first(after.pool)
        assert all(
            pool._slots[e.key] == e.slot and pool._order.priority(e.key) in (None, e.priority)
            for e in after.pool.entries
        )

    return theorem


def same_set_of_any_keys(capacity: int) -> Theorem:
    def theorem(keys: tuple[int, ...], key: int) -> None:
        assert apart(tuple(Cell(k, n, 0) for n, k in enumerate(keys)), capacity)
        pool: KVCachePool[object] = KVCachePool(capacity, EvictionStrategy.FIFO, False)
        for one in keys:
            pool.set(one, OLD)
        slot = pool.set(key, OLD)
        before = state(Policy.FIFO, capacity, tuple(Cell(k, n, 0) for n, k in enumerate(keys)))
        _, answer = step(before, Set(Key(key), OLD))
        assert isinstance(answer, Stored)
        assert slot == answer.slot

    return theorem


def same_reset(capacity: int) -> Theorem:
    """P9 across a reset, of counters that balance, without a bound."""

    def theorem(counters: Counters, residents: int) -> None:
        assert residents >= 0
        assert all(count >= 0 for count in counters)
        assert counters.insertions + counters.carried == residents + counters.evictions + (
            counters.cleared
        )
        stats = PoolStats()
        stats._restore(counters)
        stats.reset()
        mine = Counters(carried=residents)
        assert tuple(stats.as_dict().values()) == mine

    return theorem


def same_reset_of_pool(capacity: int) -> Theorem:
    """What `same_reset` says is what the specification's pool does."""

    def theorem(counters: Counters, rows: tuple[Cell, ...]) -> None:
        assert apart(rows, capacity)
        pool = state(Policy.FIFO, capacity, rows).pool._replace(counters=counters)
        after, _ = step(PoolState(pool, HEAP), ResetStats())
        assert after.pool.counters == Counters(carried=len(rows))

    return theorem


def same_environment(capacity: int) -> Theorem:
    """Which environment ids are in range, of any number of environments up to the bound."""

    def theorem(env: int, envs: int) -> None:
        assert 1 <= envs <= capacity
        try:
            taken: int | None = as_env(env, envs)
        except KVCacheError:
            taken = None
        pools = (Pool(Profile(), 1),) * (envs + 2)
        manager = ManagerState(Profile(), Config(), envs, pools, HEAP)
        assert taken == pool_index(manager, Tier.INIT, EnvId(env))

    return theorem


def equivalences() -> Iterator[Condition]:
    yield from of_sizes()
    yield from of_orders()
    yield from of_the_rest()


def of_sizes() -> Iterator[Condition]:
    yield Condition(
        "same drop",
        "kvref drops as many tokens as the specification.",
        same_drop,
        faults.DROPS_SINGLY,
    )
    for sizing in Sizing:
        yield Condition(
            f"same sizes {sizing.value}",
            "kvref's capacities are the specification's, shared or per environment.",
            partial(same_sizes, sizing),
            faults.SIZES_FOR_ONE,
        )


def of_orders() -> Iterator[Condition]:
    yield Condition(
        "same victim priority",
        "kvref names the specification's victim.",
        same_victim,
        faults.OLDEST_GOES,
    )
    for policy in (Policy.FIFO, Policy.LRU):
        yield Condition(
            f"same order {policy.value}",
            "Two touches of kvref's order leave it as a hit and a set leave the specification's.",
            partial(same_order, policy),
            faults.TOUCHES[policy],
        )
    for policy in CLASSIC:
        yield Condition(
            f"same set {policy.value}",
            "A full pool of kvref's has the same keys, slots and victim after a hit and a set.",
            partial(same_set, policy),
            faults.TOUCHES[policy],
        )
    yield Condition(
        "same set of any keys",
        "As above, of any keys at all.",
        same_set_of_any_keys,
        faults.SLOT_0,
    )


def of_the_rest() -> Iterator[Condition]:
    yield Condition(
        "same reset",
        "Counters that balance do so after a reset, too.",
        same_reset,
        faults.FORGETS_RESIDENTS,
    )
    yield Condition(
        "same reset of a pool",
        "A reset leaves as many carried as are resident.",
        same_reset_of_pool,
        faults.KEEPS_COUNTING,
    )
    yield Condition(
        "same environments",
        "kvref takes the environment ids that the specification takes.",
        same_environment,
        faults.WRAPS,
    )
