"""A lookup that misses is counted as two misses."""

from spec.profile import FIFO_REFERENCE
from stateful_models.reference.manager import KvrefManager


class LookupCountsTwice(KvrefManager):
    profiles = (FIFO_REFERENCE,)

    def lookup(self, env: int, key: int) -> object | None:
        value = super().lookup(env, key)
        seen = self.manager.lookup_stats
        if value is None and seen is not None:
            seen.misses += 1
        return value
