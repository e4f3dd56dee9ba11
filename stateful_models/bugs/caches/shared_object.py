"""One shared object stored under every key.

UniZero (LightZero, first commit of its KVCacheManager) stored the world model's working object
itself, under every key, and went on writing into it: 87% of hits delivered other contents than
were stored.
"""

from typing import SupportsIndex

from kvref import KVCachePool, Priority
from spec.ops import Contents, Ref
from stateful_models.reference.pool import KvrefPool
from stateful_models.subjects.client import Box, box


class Pool(KVCachePool[object]):
    shared = Box(Ref(-1), Contents(-1), [])

    def set(
        self, cache_key: SupportsIndex, kv_cache: object, *, priority: Priority | None = None
    ) -> int:
        self.shared.contents = box(kv_cache).contents
        return super().set(cache_key, self.shared, priority=priority)


class SharedObject(KvrefPool):
    pool_type = Pool
