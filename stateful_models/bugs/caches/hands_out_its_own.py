"""It copies what it is given and hands out its only copy.

Callers who are told that what they get is theirs write into it. Consequence: the next hit delivers
what the last caller made of the entry.
"""

from typing import ClassVar

from spec.profile import FIFO_COPY_BOTH, LRU_COPY_BOTH, PRIORITY_COPY_BOTH, Profile
from stateful_models.reference.pool import KvrefPool


class HandsOutItsOwn(KvrefPool):
    profiles: ClassVar[tuple[Profile, ...]] = (FIFO_COPY_BOTH, LRU_COPY_BOTH, PRIORITY_COPY_BOTH)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.pool._find = self.pool._values.get

    def clear(self) -> None:
        super().clear()
        self.pool._find = self.pool._values.get
