"""`SearchSession.root`, step by step: in which order it looks, rebuilds, clears and stores, and
what is left when one of these is refused."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from kvref import (
    Cause,
    Departure,
    EvictionStrategy,
    KVCacheError,
    KVCacheManager,
    KVCacheReentryError,
    KVCacheValueError,
    Ownership,
    RecurScope,
)
from kvref.tensors import KeysValues, Missing, SearchSession, Source, by_env_and_latent

LATENTS = torch.arange(6.0).view(6, 1)


def filled(value: float, samples: int = 1) -> KeysValues:
    kv = KeysValues(samples, 1, 6, 1, 1)
    kv[0].update(*(torch.full((samples, 1, 2, 1), value),) * 2)
    return kv


class Searching:
    """A session whose latents are their own histories, and all that happens to it."""

    def __init__(
        self,
        size: int = 3,
        envs: int = 2,
        policy: EvictionStrategy = EvictionStrategy.FIFO,
        scope: RecurScope = RecurScope.SHARED,
    ) -> None:
        sizes = SimpleNamespace(game_segment_length=size, num_simulations=4)
        self.pools: KVCacheManager[KeysValues] = KVCacheManager(
            sizes,
            envs,
            ownership=Ownership.SEALED,
            eviction_strategy=policy,
            recur_scope=scope,
        )
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.made: Callable[[list[KeysValues]], Sequence[KeysValues]] = lambda windows: windows
        self.search = SearchSession(
            self.pools, self.rebuild, context_length=6, tokens_per_step=1, keys=self.keys
        )
        self.named = by_env_and_latent()

    def keys(self, envs: tuple[int, ...], latents: Tensor) -> Sequence[int]:
        self.asked.append("keys")
        return self.named(envs, latents)

    def rebuild(self, missing: Missing) -> Sequence[KeysValues]:
        self.asked.append("rebuild")
        self.meanwhile()
        return self.made([filled(float(one)) for one in missing.latents])

    def root(self, envs: Sequence[int], latents: Sequence[int]) -> tuple[Source, ...]:
        return self.search.root(envs, LATENTS[list(latents)]).sources

    def simulate(self, envs: Sequence[int], latents: Sequence[int]) -> None:
        parents = LATENTS[list(latents)]
        with torch.no_grad(), self.search.step(envs, parents) as step:
            step.keys_values[0].update(*(torch.zeros(len(envs), 1, 1, 1),) * 2)
            step.children(parents + 100)

    def all(self) -> object:
        pools = [
            (pool.residents(), pool.stats and pool.stats.as_dict()) for pool in self.pools.pools
        ]
        return pools, self.pools.lookup_stats and self.pools.lookup_stats.as_dict()


def begun(**options: Any) -> Searching:
    """Both environments have searched: a root each in init, a child each in recur."""
    one = Searching(**options)
    one.root([0, 1], [0, 1])
    one.simulate([0, 1], [0, 1])
    one.asked.clear()
    return one


def test_it_looks_then_clears_recur_then_stores() -> None:
    one, told = begun(), list[Any]()
    one.pools.observe(told.append)
    assert one.root([1, 0], [2, 0]) == (Source.REBUILT, Source.INIT)
    assert [(type(event).__name__, event.pool) for event in told] == [
        ("Got", "init:1"),
        ("Got", "init:0"),
        ("Cleared", "recur"),
        ("Stored", "init:1"),
    ]
    assert told[0].value is None
    assert told[1].value is not None
    assert one.asked == ["keys", "rebuild"]


def test_nothing_has_happened_while_contexts_are_rebuilt() -> None:
    one, seen = begun(), list[object]()
    one.meanwhile = lambda: seen.append(one.all())
    before = one.all()
    one.root([0, 1], [0, 2])
    assert seen == [before]


@pytest.mark.parametrize("policy", EvictionStrategy)
def test_recur_is_empty_when_a_root_leaves_init(policy: EvictionStrategy) -> None:
    """Whoever is told of the eviction sees a search that has begun."""
    one, seen = begun(size=1, policy=policy), list[tuple[str, int]]()

    def look(departure: Departure[KeysValues]) -> None:
        seen.append((departure.pool, len(one.pools.recur_pools[0])))

    for pool in one.pools.init_pools:
        pool.on_evict = look
    one.root([0, 1], [2, 3])
    assert seen == [("init:0", 0), ("init:1", 0)]


def test_a_hit_is_older_than_what_is_stored() -> None:
    """LRU: the lookup of a root comes before the storing of another; each counts once."""
    one = Searching(envs=1, size=3, policy=EvictionStrategy.LRU)
    for latent in (0, 1, 2):
        one.root([0], [latent])
    (init,) = one.pools.init_pools
    keys = one.named((0,) * 4, LATENTS[:4])
    assert one.root([0, 0], [3, 1]) == (Source.REBUILT, Source.INIT)
    assert list(init) == [keys[2], keys[1], keys[3]]
    assert init.stats is not None
    assert (init.stats.hits, init.stats.misses, init.stats.insertions) == (1, 4, 4)


def test_every_environment_s_recur_is_cleared() -> None:
    one = begun(scope=RecurScope.PER_ENV)
    one.root([1], [2])
    assert [len(pool) for pool in one.pools.recur_pools] == [0, 0]
    assert [len(pool) for pool in one.pools.init_pools] == [1, 2]


def raising(text: str = "not now") -> Callable[..., Any]:
    def refuse(*_: object) -> Any:
        raise RuntimeError(text)

    return refuse


WRONG: dict[str, Callable[[list[KeysValues]], Any]] = {
    "raises": raising(),
    "too few": lambda windows: windows[1:],
    "no windows": lambda windows: ["kv"] * len(windows),
    "two samples": lambda windows: [filled(1.0, 2)] * len(windows),
    "two kinds": lambda windows: [*windows[1:], KeysValues(1, 1, 6, 2, 1)],
    "no list": lambda windows: None,
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_rebuilt_leaves_all_as_it_was(wrong: str) -> None:
    one = begun()
    one.made = WRONG[wrong]
    before, told = one.all(), list[object]()
    one.pools.observe(told.append)
    with pytest.raises((KVCacheError, RuntimeError)):
        one.root([0, 1, 1], [0, 2, 3])
    assert one.all() == before
    assert told == []
    one.made = lambda windows: windows
    assert one.root([0, 1], [0, 2]) == (Source.INIT, Source.REBUILT), "it is open no more"


def test_two_histories_of_one_root_leave_all_as_it_was() -> None:
    one, before, told = begun(), object(), list[object]()
    one.made = lambda windows: [filled(7.0 + row) for row in range(len(windows))]
    one.pools.recur_pool.on_evict = told.append
    before = one.all()
    one.pools.observe(told.append)
    with pytest.raises(KVCacheValueError, match="two histories"):
        one.root([1, 1], [2, 2])
    assert (one.all(), told) == (before, [])


@pytest.mark.parametrize("vetoed", ["init:0", "init:1", "recur"])
def test_a_veto_leaves_all_as_it_was(vetoed: str) -> None:
    """Of a root that leaves, or of a child of the search before."""
    one, told = begun(size=1), list[object]()
    (pool,) = (pool for pool in one.pools.pools if pool.name == vetoed)
    pool.on_evict = raising("this one stays")
    before = one.all()
    one.pools.observe(told.append)
    with pytest.raises(RuntimeError, match="this one stays"):
        one.root([0, 1], [2, 3])
    assert (one.all(), told) == (before, [])
    pool.on_evict = None
    assert one.root([0, 1], [2, 3]) == (Source.REBUILT, Source.REBUILT)


def test_roots_that_do_not_stay_leave_all_as_it_was() -> None:
    """Whatever leaves one environment's pool drives out what another's has just been given."""
    one = begun(size=2)
    one.root([1], [2])
    first, second = one.pools.init_pools

    def fills(departure: Departure[KeysValues]) -> None:
        for key in (111, 222) if departure.cause is Cause.EVICTED else ():
            first.set(key, filled(9.0))

    def drops(departure: Departure[KeysValues]) -> None:
        if departure.key == 111:
            second.clear()

    first.on_evict, second.on_evict = drops, fills
    before, told = one.all(), list[object]()
    one.pools.observe(told.append)
    with pytest.raises(KVCacheValueError, match="do not stay in init"):
        one.root([0, 1], [0, 3])
    assert (one.all(), told) == (before, [])


def test_a_root_found_is_stored_again_if_an_on_evict_drops_it() -> None:
    one = begun(size=1)

    def drops(departure: Departure[KeysValues]) -> None:
        one.pools.init_pools[0].clear()

    kept = one.pools.init_pools[0].residents()[0].value
    one.pools.init_pools[1].on_evict = drops
    assert one.root([0, 1], [0, 3]) == (Source.INIT, Source.REBUILT)
    assert [one.value for one in one.pools.init_pools[0].residents()] == [kept]


@pytest.mark.parametrize(
    "call",
    [
        lambda one: one.root([0], [0]),
        lambda one: one.simulate([0], [0]),
        lambda one: one.search.end_episode(0),
        lambda one: one.search.close(),
    ],
)
def test_one_call_at_a_time_also_from_within(call: Callable[[Searching], object]) -> None:
    one, refused = begun(), list[bool]()

    def within() -> None:
        with pytest.raises(KVCacheReentryError):
            call(one)
        refused.append(True)

    one.meanwhile = within
    assert one.root([0], [2]) == (Source.REBUILT,)
    assert refused == [True]
    assert [len(pool) for pool in one.pools.init_pools] == [2, 1]


def test_who_is_refused_is_asked_nothing() -> None:
    """Neither keys nor contexts, of a session with an open step or of one that is over."""
    one = begun()
    with torch.no_grad(), one.search.step([0], LATENTS[:1]) as step:
        one.asked.clear()
        for envs, latents in (([0], [0]), ([9], [0]), ([], [])):
            with pytest.raises(KVCacheReentryError):
                one.root(envs, latents)
        step.keys_values[0].update(*(torch.zeros(1, 1, 1, 1),) * 2)
        step.children(LATENTS[:1] + 7)
    assert one.asked == ["keys"]
    one.search.close()
    other = SearchSession(
        one.pools, one.rebuild, context_length=6, tokens_per_step=1, keys=by_env_and_latent()
    )
    one.asked.clear()
    for envs in ([0], [9]):
        with pytest.raises(KVCacheValueError, match="serves another session"):
            one.root(envs, [0])
    assert one.asked == []
    assert other.root([0], LATENTS[:1]).sources == (Source.REBUILT,)


def test_rows_without_room_are_refused_before_they_are_rebuilt() -> None:
    one = begun(size=1)
    before = one.all()
    with pytest.raises(KVCacheValueError, match="do not fit into pool 'init:0'"):
        one.root([0, 0], [2, 3])
    assert one.asked == ["keys"]
    assert one.all() == before
    assert one.root([0, 1], [2, 3]) == (Source.REBUILT, Source.REBUILT)


def test_a_root_found_stays_whatever_the_others_push_out() -> None:
    one = Searching(envs=1, size=2)
    for latent in (0, 1):
        one.root([0], [latent])
    kept = one.pools.init_pools[0].residents()[0].value
    assert one.root([0, 0], [0, 2]) == (Source.INIT, Source.REBUILT)
    held = {resident.key: resident.value for resident in one.pools.init_pools[0].residents()}
    keys = one.named((0, 0), LATENTS[[0, 2]])
    assert set(held) == set(keys)
    assert held[keys[0]] is kept
