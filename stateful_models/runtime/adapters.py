"""Ready adapters: of kvref's pools and managers, and of what is called as subjects are."""

from collections.abc import Sized
from typing import cast

from kvref import KVCacheManager, KVCachePool
from kvref.arguments import as_count, as_size, offers
from kvref.ranks import Priority
from spec.ops import Tier
from spec.sizing import Capacities
from stateful_models.runtime.calls import (
    Adapter,
    Asks,
    Call,
    Counts,
    Empties,
    Finds,
    Guarding,
    Loses,
    Part,
    Peeks,
    Readings,
    Stores,
)
from stateful_models.subjects.protocol import SubjectError

POOL = "pool"


def had(cache: object, readings: Readings) -> Readings:
    """Of the methods that the cache has."""
    return {name: reading for name, reading in readings.items() if offers(cache, name)}


def pool_calls(
    capacity: int,
    get: str = "get",
    set: str = "set",
    clear: str = "clear",
    *,
    slots: bool = True,
) -> Adapter[object]:
    """An adapter of one pool, whose methods are called so: as get(key), set(key, value) or
    set(key, value, rank), and clear(). If it has `peek`, `in` or `len`, they are read, too."""
    room, one = as_size(capacity, "capacity"), (POOL,)
    methods: Readings = {
        get: lambda key: Asks(one, key),
        set: lambda key, value, rank=None: Stores(POOL, key, value, rank),
        "peek": lambda key: Peeks(one, key),
        "__contains__": lambda key: Finds(POOL, key),
        "__len__": lambda: Counts(POOL),
    }
    clears: Readings = {clear: lambda: Empties(one)}

    def calls(cache: object) -> Guarding:
        required = [name for name in (get, set, clear) if not offers(cache, name)]
        if required:
            raise SubjectError(f"{type(cache).__name__} has no method {', '.join(required)}")
        filled = offers(cache, "__len__") and len(cast(Sized, cache)) > 0
        part = Part(cache, one, had(cache, methods), clears)
        return Guarding({POOL: room}, (part,), slots, one if filled else ())

    return calls


def manager_calls(
    capacities: Capacities, envs: int, per_env: bool = False, *, slots: bool = True
) -> Adapter[object]:
    """An adapter of a manager that is called as a `ManagerSubject`: get(tier, env, key),
    set(tier, env, key, value, rank), clear(tier, env), lookup(env, key), perhaps peek.

    `per_env`: each environment has a recur pool of its own."""
    count = as_count(envs, "envs", 1)
    inits = tuple(f"init:{env}" for env in range(count))
    recurs = tuple(f"recur:{env}" for env in range(count)) if per_env else ("recur",)
    names = {Tier.INIT: inits, Tier.RECUR: recurs, Tier.WM: ("wm",)}
    sizes = {name: getattr(capacities, t.value) for t, every in names.items() for name in every}
    every = tuple(sizes)

    def pool(tier: Tier, env: int | None) -> str:
        own = names[tier]
        return own[0 if len(own) == 1 and tier is not Tier.INIT else require(env)]

    def require(env: int | None) -> int:
        if env is None or not 0 <= env < count:
            raise SubjectError(f"there is no environment {env}")
        return env

    def empties(tier: Tier | None, env: int | None) -> Call:
        if tier is None:
            return Empties(every)
        return Empties(names[tier] if env is None else (pool(tier, env),))

    methods: Readings = {
        "get": lambda tier, env, key: Asks((pool(tier, env),), key),
        "set": lambda tier, env, key, value, rank=None: Stores(pool(tier, env), key, value, rank),
        "lookup": lambda env, key: Asks((pool(Tier.INIT, env), pool(Tier.RECUR, env)), key),
        "peek": lambda tier, env, key: Peeks((pool(tier, env),), key),
    }

    def calls(cache: object) -> Guarding:
        part = Part(cache, every, had(cache, methods), {"clear": empties})
        return Guarding(sizes, (part,), slots)

    return calls


def pool_part(pool: KVCachePool[object]) -> Part:
    """A pool of kvref, also as sessions use it and as several are cleared or put back together."""
    name, one = pool.name, (pool.name,)

    def stores(cache_key: object, kv_cache: object, *, priority: Priority | None = None) -> Stores:
        return Stores(name, cache_key, kv_cache, priority)

    methods: Readings = {
        "get": lambda cache_key: Asks(one, cache_key),
        "_met": lambda key, value: Asks(one, key, value),
        "set": stores,
        "peek": lambda cache_key: Peeks(one, cache_key),
        "__contains__": lambda cache_key: Finds(name, cache_key),
        "__len__": lambda: Counts(name),
        "_restore": lambda saved: Loses(name),
    }
    return Part(pool, one, methods, {"_empty": lambda: Empties(one)})


def kvref_pool(pool: KVCachePool[object]) -> Guarding:
    filled = (pool.name,) if len(pool) else ()
    return Guarding({pool.name: pool.pool_size}, (pool_part(pool),), filled=filled, leaves=True)


def kvref_manager(manager: KVCacheManager[object]) -> Guarding:
    """Each of its pools, whoever calls them; and what a lookup makes of what they answer."""
    apart = len(manager.recur_pools) > 1
    asked = [
        (init.name, manager.recur_pools[env if apart else 0].name)
        for env, init in enumerate(manager.init_pools)
    ]
    every = tuple(pool.name for pool in (*manager.init_pools, *manager.recur_pools))

    def looks_up(env_id: int, cache_key: object) -> Peeks:
        return Peeks(asked[env_id], cache_key)

    whole = Part(manager, every, {"hierarchical_get": looks_up}, {})
    sizes = {pool.name: pool.pool_size for pool in manager.pools}
    filled = tuple(pool.name for pool in manager.pools if len(pool))
    return Guarding(sizes, (whole, *map(pool_part, manager.pools)), filled=filled, leaves=True)


def calls_of(cache: object) -> Guarding:
    """Of kvref's own; of what is none of them, an adapter must say."""
    if isinstance(cache, KVCacheManager):
        return kvref_manager(cast(KVCacheManager[object], cache))
    if isinstance(cache, KVCachePool):
        return kvref_pool(cast(KVCachePool[object], cache))
    raise SubjectError(
        f"{type(cache).__name__} is no pool or manager of kvref: say how it is called (adapter=)"
    )
