"""kvref's manager as a subject: the driver and the abstraction function."""

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from kvref import KVCacheManager, KVCachePool, RecurScope, SizingProfile
from spec.manager import Lookups, ManagerState
from spec.ops import Contents, Counters, Tier
from spec.profile import KVREF, Profile
from spec.sizing import Config
from stateful_models.reference.pool import (
    OWNERSHIP,
    STRATEGY,
    abstract_heap,
    abstract_pool,
    counters,
    keys,
    note,
    offered,
)
from stateful_models.subjects.aspects import EVERYTHING, Aspect
from stateful_models.subjects.client import box
from stateful_models.subjects.manager import ManagerSubject


class KvrefManager(ManagerSubject):
    """kvref's own manager. What one pool keeps alive is shown by its abstraction instead."""

    reports = EVERYTHING - {Aspect.RETENTION}
    profiles: ClassVar[tuple[Profile, ...]] = KVREF
    manager_type: ClassVar[type[KVCacheManager[object]]] = KVCacheManager
    manager: KVCacheManager[object]

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        self.config = config
        self.as_set: dict[tuple[str, int], Contents] = {}
        self.manager = self.manager_type(
            config,
            envs,
            profile.counting,
            eviction_strategy=STRATEGY[profile.policy],
            ownership=OWNERSHIP[profile.ownership],
            sizing=SizingProfile[profile.sizing.name],
            recur_scope=RecurScope[profile.recur_scope.name],
            on_evict=partial(note, self.departed, self.private),
        )

    def abstract(self) -> ManagerState:
        manager, profile = self.manager, self.profile
        seen = manager.lookup_stats
        return ManagerState(
            profile,
            self.config,
            manager.env_num,
            tuple([abstract_pool(profile, pool, self.as_set) for pool in manager.pools]),
            abstract_heap(self.client, manager.pools),
            Lookups() if seen is None else Lookups(seen.init_hits, seen.recur_hits, seen.misses),
        )

    def pool(self, tier: Tier, env: int | None) -> KVCachePool[object]:
        if tier is Tier.INIT:
            return self.manager.init_pools[env or 0]
        if tier is Tier.RECUR:
            return self.manager.recur_pools[env or 0 if len(self.manager.recur_pools) > 1 else 0]
        return self.manager.wm_pool

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        if tier is Tier.INIT and env is not None:
            return self.manager.get_init_cache(env, key)
        if tier is Tier.RECUR:
            return self.manager.get_recur_cache(key, env_id=env)
        return self.manager.get_wm_cache(key)

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        priority = offered(self.profile.policy.ranked, rank)
        if tier is Tier.INIT and env is not None:
            slot = self.manager.set_init_cache(env, key, value, priority=priority)
        elif tier is Tier.RECUR:
            slot = self.manager.set_recur_cache(key, value, priority=priority, env_id=env)
        else:
            slot = self.manager.set_wm_cache(key, value, priority=priority)
        self.as_set[self.pool(tier, env).name, key] = box(value).contents
        return slot

    def clear(self, tier: Tier | None, env: int | None) -> None:
        if tier is None:
            self.manager.clear_all()
        elif tier is Tier.INIT:
            self.manager.clear_init_caches(env)
        elif tier is Tier.RECUR:
            self.manager.clear_recur_cache(env)
        else:
            self.manager.clear_wm_cache()

    def lookup(self, env: int, key: int) -> object | None:
        return self.manager.hierarchical_get(env, key)

    def peek(self, tier: Tier, env: int | None, key: int) -> object | None:
        return self.pool(tier, env).peek(key)

    def keys(self, tier: Tier, env: int | None) -> Iterable[int]:
        return keys(self.pool(tier, env))

    def counters(self, tier: Tier, env: int | None) -> Counters:
        return counters(self.pool(tier, env))

    def reset_counters(self, tier: Tier | None, env: int | None) -> None:
        if tier is None:
            self.manager.reset_stats()
            return
        stats = self.pool(tier, env).stats
        if stats is not None:
            stats.reset()
