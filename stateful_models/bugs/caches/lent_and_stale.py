"""LRU over slots whose storage is lent and used again; a hit forgets to refresh.

A lent slot shows its next contents to whoever still looks, so claimed as COPY it is charged with
that, and with nothing behind it. Consequence: the entry that is in use is the one that goes.
"""

from collections import OrderedDict
from typing import ClassVar

from spec.profile import LRU_LENT, Profile
from stateful_models.subjects.client import Box, box
from stateful_models.subjects.pool import PoolSubject


class LentAndStale(PoolSubject):
    profiles: ClassVar[tuple[Profile, ...]] = (LRU_LENT,)

    def start(self, profile: Profile, capacity: int) -> None:
        self.free: list[Box] = [box(self.client.objects[0]).clone() for _ in range(capacity)]
        self.lent: OrderedDict[int, Box] = OrderedDict()

    def get(self, key: int) -> object | None:
        return self.lent.get(key)

    def set(self, key: int, value: object, rank: float) -> None:
        old = self.lent.pop(key, None)
        if old is None:
            old = self.free.pop() if self.free else self.lent.popitem(last=False)[1]
        old.write(box(value).contents)
        self.lent[key] = old

    def clear(self) -> None:
        self.free += self.lent.values()
        self.lent.clear()
