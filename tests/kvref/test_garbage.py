"""The public surface under typed garbage: what is refused is a `KVCacheError`, and has changed
nothing; no other exception escapes, whatever the argument."""

import warnings
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

import kvref
import kvref.tensors as kt
from kvref import (
    CacheStats,
    EvictionStrategy,
    KVCacheError,
    KVCacheManager,
    KVCachePool,
    Ownership,
    Recorder,
    RecurScope,
    SizingProfile,
    hash_state,
    pool_sizes,
)
from tests.support.garbage import garbage
from tests.support.surfaces import Surface, attempt

CONFIG = SimpleNamespace(num_simulations=2, game_segment_length=2, max_cache_size=9)


def books(*pools: KVCachePool[Any]) -> object:
    return [
        (
            [(one.key, one.slot, id(one.value), one.priority) for one in pool.residents()],
            pool.stats and pool.stats.as_dict(),
            (pool.pool_size, pool.eviction_strategy, pool.ownership, pool.name, pool.on_evict),
        )
        for pool in pools
    ]


def pool_surfaces() -> dict[str, Surface]:
    made: dict[str, Surface] = {}
    for policy in EvictionStrategy:
        pool: KVCachePool[object] = KVCachePool(2, policy)
        pool.set(1, "one")
        pool.set(2, "two")
        rank = {"priority": 3} if policy is EvictionStrategy.PRIORITY else {}
        for name, arguments, named in (
            ("get", (1,), {}),
            ("peek", (1,), {}),
            ("set", (7, "x"), rank),
            ("__contains__", (1,), {}),
            ("observe", (print,), {}),
            ("unobserve", (print,), {}),
        ):
            call = getattr(pool, name)
            made[f"{policy.name} {name}"] = Surface(call, arguments, named, partial(books, pool))
    names = ("pool_size", "eviction_strategy", "ownership", "name", "verify", "stats", "on_evict")
    for name in names:
        other: KVCachePool[object] = KVCachePool(2)
        made[f"assign {name}"] = Surface(partial(setattr, other, name), (None,))
    making = {"ownership": Ownership.COPY, "on_evict": None, "verify": False}
    made["pool"] = Surface(KVCachePool, (2, EvictionStrategy.LRU, True, "mine"), making)
    verifying: KVCachePool[object] = KVCachePool(2, ownership=Ownership.COPY, verify=True)
    made["set of a copy"] = Surface(
        verifying.set, (7, kt.KeysValues(1, 1, 2, 2, 1)), {}, lambda: books(verifying)
    )
    copying: KVCachePool[object] = KVCachePool(2, ownership=Ownership.COPY)
    made["set of any copy"] = Surface(lambda value: copying.set(7, value), (3,))
    return made


def manager_surfaces() -> dict[str, Surface]:
    made: dict[str, Surface] = {}
    m: KVCacheManager[object] = KVCacheManager(CONFIG, 2, recur_scope=RecurScope.PER_ENV)
    for name, arguments, named in (
        ("get_init_cache", (0, 1), {}),
        ("set_init_cache", (0, 1, "x"), {"priority": None}),
        ("get_recur_cache", (1,), {"env_id": 0}),
        ("set_recur_cache", (1, "x"), {"env_id": 0}),
        ("get_wm_cache", (1,), {}),
        ("set_wm_cache", (1, "x"), {}),
        ("hierarchical_get", (0, 1), {}),
        ("clear_init_caches", (0,), {}),
        ("clear_recur_cache", (0,), {}),
        ("observe", (print,), {}),
    ):
        made[name] = Surface(getattr(m, name), arguments, named, lambda: books(*m.pools))
    for name in ("keys_values_wm_list", "env_num", "init_pools", "lookup_stats"):
        made[f"assign {name}"] = Surface(partial(setattr, m, name), ([],))
    options = {
        "eviction_strategy": EvictionStrategy.FIFO,
        "ownership": Ownership.COPY,
        "sizing": SizingProfile.SEED,
        "recur_scope": RecurScope.SHARED,
        "on_evict": None,
        "verify": True,
    }
    made["manager"] = Surface(KVCacheManager, (CONFIG, 2, True), options)
    made["config"] = Surface(
        lambda *sizes: pool_sizes(
            SimpleNamespace(num_simulations=sizes[0], max_cache_size=sizes[1]),
            2,
            SizingProfile.SEARCH_SAFE,
        ),
        (2, 3),
    )
    made["pool_sizes"] = Surface(pool_sizes, (CONFIG, 2, SizingProfile.SEED, RecurScope.SHARED))
    return made


def other_surfaces(path: Path) -> dict[str, Surface]:
    m: KVCacheManager[object] = KVCacheManager(CONFIG, 1)
    stats = CacheStats()
    made = {
        "Recorder": Surface(Recorder, (m, path / "run.jsonl", hash), {}, lambda: books(*m.pools)),
        "recorded fingerprint": Surface(lambda told: recorded(path, told), (3,)),
        "hash_state": Surface(hash_state, (b"abc",)),
        "CacheStats": Surface(CacheStats, (1, 2, 3, 4), {"insertions": 1, "carried": 2}),
    }
    for name in ("hits", "misses", "total_queries", "cleared"):
        made[f"assign {name}"] = Surface(partial(setattr, stats, name), (1,), state=stats.as_dict)
    return made


def recorded(path: Path, told: object) -> None:
    """Whatever a fingerprint answers, no operation of the manager fails by it."""
    m: KVCacheManager[str] = KVCacheManager(CONFIG, 1)
    recorder = Recorder(m, path / "garbage.jsonl", lambda value: cast(int, told))
    m.set_recur_cache(1, "x")
    assert m.recur_pool.get(1) == "x"
    recorder.close()


def filled(size: int = 2, sealed: bool = False) -> kt.KeysValues:
    kv = kt.KeysValues(2, 1, 4, 2, 1)
    with torch.no_grad():
        kv[0].update(torch.ones(2, 1, size, 2), torch.ones(2, 1, size, 2))
    if sealed:
        kv.seal()
    return kv


def whole(kv: kt.KeysValues) -> object:
    return [[part.get().tolist(), part.first] for layer in kv for part in layer.parts], kv.mark()


def window_surfaces() -> dict[str, Surface]:
    kv, sealed, x = filled(), filled(sealed=True), torch.ones(2, 1, 1, 2)
    state = lambda: (whole(kv), whole(sealed))  # noqa: E731 - one line for all
    sizes = (2, 1, 4, 2)
    buffer = kt.BatchBuffer(4, 1, 8, 2, 1)
    made = {
        "Cache": Surface(kt.Cache, (*sizes, "cpu"), {"dtype": torch.float32}),
        "KVCache": Surface(kt.KVCache, (*sizes, "cpu"), {"dtype": torch.float32}),
        "KeysValues": Surface(
            kt.KeysValues, (*sizes, 1, "cpu"), {"dtype": torch.float32, "first": 0}
        ),
        "BatchBuffer": Surface(kt.BatchBuffer, (*sizes, 1, "cpu"), {"dtype": torch.float32}),
        "layer": Surface(kv.__getitem__, (0,), {}, state),
        "extended": Surface(sealed.extended, (torch.ones(2, 2, 1, 1, 2),), {}, state),
        "contents": Surface(kt.contents, (kv,), {}, state),
        "close": Surface(kt.close, (0.1, 0.2)),
        "align": Surface(kt.align, ([kv, sealed], buffer), {}, state),
        "align one": Surface(lambda one: kt.align([kv, cast(Any, one)]), (kv,), {}, state),
        "split": Surface(kt.split, (kv, [1, 2]), {"firsts": [0, 3]}, state),
        "split one": Surface(lambda one: kt.split(kv, [1, cast(Any, one)]), (1,), {}, state),
        "attention_mask": Surface(kt.attention_mask, ([1, 2], 1, 3, "cpu")),
        "hash_state": Surface(kt.hash_state, (x,)),
        "hash_states": Surface(kt.hash_states, (x,)),
        "salted_hash_state": Surface(kt.salted_hash_state, (x, 1, 2)),
        "salted_hash_states": Surface(kt.salted_hash_states, (x, [(1,), (2,)])),
        "salted, one": Surface(
            lambda one: kt.salted_hash_states(x, [(1,), cast(Any, one)]), ((2,),)
        ),
        "by_latent": Surface(lambda one: kt.by_latent((0,), cast(Any, one)), (x,)),
        "by_env_and_latent version": Surface(
            lambda one: kt.by_env_and_latent(cast(Any, one))((0, 1), x), (1,)
        ),
    }
    for name, part in (("cache", kv[0].parts[0]), ("kv cache", kv[0])):
        new = (x, x) if name == "kv cache" else (x,)
        made[f"{name} update"] = Surface(part.update, new, {}, state)
        made[f"{name} prune"] = Surface(copy(part).prune, ([True, True],), {}, state)
    made["remove_newest"] = Surface(kv[0].parts[0].remove_newest, (0,), {}, state)
    made["prune"] = Surface(
        lambda mask: copy(kv).prune(cast(Any, mask)), ([True, False],), {}, state
    )
    made["remove_register_tokens"] = Surface(kv.remove_register_tokens, (0,), {}, state)
    return made


def session_surfaces() -> dict[str, Surface]:
    answers: dict[str, object] = {}

    def rebuild(missing: kt.Missing) -> Sequence[kt.KeysValues]:
        made = [kt.KeysValues(1, 1, 4, 2, 1) for _ in missing.rows]
        return cast("Sequence[kt.KeysValues]", answers.get("rebuild", made))

    def keys(envs: tuple[int, ...], latents: torch.Tensor) -> Sequence[int]:
        return cast("Sequence[int]", answers.get("keys", [-7 - env for env in envs]))

    m: KVCacheManager[kt.KeysValues] = KVCacheManager(CONFIG, 2, ownership=Ownership.SEALED)
    session = kt.SearchSession(m, rebuild, context_length=4, keys=keys)
    x, envs = torch.ones(2, 2), [0, 1]
    state = lambda: books(*m.pools)  # noqa: E731 - one line for all

    def answering(name: str) -> Callable[[object], object]:
        def call(answer: object) -> object:
            answers[name] = answer
            try:
                return session.root([0, 1], x)
            finally:
                answers.clear()
                m.clear_all()
                m.reset_stats()

        return call

    def entered(*arguments: Any) -> None:
        with session.step(*arguments):
            raise KVCacheError("enough")

    def opened(call: Callable[[kt.Step, Any], object]) -> Callable[[object], object]:
        def inside(argument: object) -> object:
            with session.step(envs, x) as step:
                call(step, argument)
                raise KVCacheError("enough")

        return inside

    def made_session(*arguments: Any, **named: Any) -> object:
        other: KVCacheManager[kt.KeysValues] = KVCacheManager(CONFIG, 2)
        return kt.SearchSession(*(arguments or (other,)), **{"rebuild": rebuild, **named})

    other: KVCacheManager[kt.KeysValues] = KVCacheManager(CONFIG, 2, ownership=Ownership.SEALED)
    chained = kt.SearchSession(other, rebuild, context_length=4)
    nodes = chained.begin(envs, x)
    numbers = {"context_length": 4, "tokens_per_step": 2, "role": 1, "simulations": 1}
    flags = {"tokens": True, "verify": True, "grouped": False}
    options = {**numbers, **flags, "keys": keys, "on_drop": None}
    return {
        "SearchSession": Surface(made_session, (), {"rebuild": rebuild, **options}),
        "SearchSession of": Surface(lambda one: made_session(one, context_length=4), (m,)),
        "root": Surface(session.root, (envs, x), {}, lambda: len(m.recur_pool)),
        "root of nodes": Surface(chained.root, (nodes,)),
        "step of nodes": Surface(chained.step, (nodes,)),
        "advance of nodes": Surface(chained.advance, (nodes,)),
        "stored_under": Surface(chained.stored_under, (nodes[0],)),
        "begin": Surface(chained.begin, (envs, x), {"ids": [1, 2]}),
        "follow": Surface(chained.follow, (nodes, x), {"ids": [1, 2], "outputs": [1, 2]}),
        "step": Surface(session.step, (envs, x), {}, state),
        "advance": Surface(session.advance, (envs, x), {}, state),
        "entered": Surface(entered, (envs, x)),
        "keys": Surface(answering("keys"), ([1, 2],)),
        "one key": Surface(lambda one: answering("keys")([1, one]), (2,)),
        "rebuild": Surface(answering("rebuild"), ([],)),
        "a window": Surface(lambda one: answering("rebuild")([one, one]), (None,)),
        "end_episode": Surface(session.end_episode, (0,), {}, state),
        "mask": Surface(opened(lambda step, new: step.mask(new)), (1,)),
        "positions": Surface(opened(lambda step, new: step.positions(new)), (1,)),
        "run": Surface(opened(lambda step, made: step.run(lambda group: made)), ([x],)),
        "children": Surface(opened(lambda step, one: step.children(one)), (x,)),
    }


SURFACES: dict[str, Callable[[Path], dict[str, Surface]]] = {
    "pools": lambda path: pool_surfaces(),
    "managers": lambda path: manager_surfaces(),
    "others": other_surfaces,
    "windows": lambda path: window_surfaces(),
    "sessions": lambda path: session_surfaces(),
}


@pytest.mark.parametrize("name", SURFACES)
def test_no_foreign_exception_escapes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some garbage is taken for the name of a file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numpy, about what is garbage indeed
        found = {what: attempt(one) for what, one in SURFACES[name](tmp_path).items()}
    assert {what: wrong for what, (_, wrong) in found.items() if wrong} == {}
    assert min(calls for calls, _ in found.values()) >= len(garbage())


def test_every_public_function_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes no argument, and types that only say what a caller must offer, are not."""
    monkeypatch.chdir(tmp_path)
    tried = {
        name for make in SURFACES.values() for what in make(tmp_path) for name in what.split()
    } | {"KVCachePool", "KVCacheManager"}
    functions = {
        name
        for module in (kvref, kt)
        for name in module.__all__
        if callable(getattr(module, name)) and not hasattr(getattr(module, name), "__members__")
    }
    passive = {name for name in functions if issubclass_of_exception(name) or name in TYPES}
    assert functions - passive - tried == set()


TYPES = {
    "Aligned", "Cleared", "Cloneable", "Copyable", "Departure", "Event", "EvictionOrder",
    "Fingerprinted", "Got", "LookedUp", "LookupStats", "Missing", "Node", "Observer", "OnDrop",
    "OnEvict", "PoolSizes", "Priority", "Rank", "Rebuilt", "Resident", "Roots", "Sealable",
    "StatsSummary", "Step", "Stored", "Verifiable", "Working",
}  # fmt: skip


def issubclass_of_exception(name: str) -> bool:
    kind = getattr(kvref, name, None)
    return isinstance(kind, type) and issubclass(kind, Exception)


def test_the_fuzz_finds_a_planted_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is taken for what it is not: `int(key)` instead of its `__index__`."""
    monkeypatch.setattr("kvref.pool.as_key", int)
    pool: KVCachePool[object] = KVCachePool(2)
    _, wrong = attempt(Surface(pool.get, (1,)))
    assert any("HostileError" in one or "TypeError" in one for one in wrong)
