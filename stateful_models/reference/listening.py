"""kvref while others act: listeners that pry or demote, objects that look when they die.

A pool must not be moved by being looked at while an entry leaves, so the specification of a
listener that pries is the specification of none. Demotion has one of its own (`spec.listening`).
"""

from collections.abc import Callable
from functools import partial
from typing import ClassVar
from weakref import ref as weak

from kvref import Cause, Departure, KVCacheReentryError, Ownership
from spec.ops import Contents, Op, Ref, Response, Tier
from spec.pool import Pool, PoolState
from spec.profile import (
    FIFO_COPY,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_COPY,
    LRU_REFERENCE,
    PRIORITY_COPY,
    Profile,
)
from spec.sizing import Config
from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import KvrefPool, abstract_pool, note
from stateful_models.subjects.client import Box, Client, box


def alike(ownership: Ownership, got: object | None, peeked: object | None) -> bool:
    """Whether a get and a peek delivered the same: one object, or two of one's copies."""
    if ownership is not Ownership.COPY_BOTH or got is None or peeked is None:
        return got is peeked
    one, other = box(got), box(peeked)
    return one is not other and (one.ref, one.contents) == (other.ref, other.contents)


class PryingPool(KvrefPool):
    """Its listener gets and peeks every key, and tries to change the pool, which is refused."""

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        pool, departed, private = self.pool, self.departed, self.private

        def pry(departure: Departure[object]) -> None:
            note(departed, private, departure)
            for key in (*pool, departure.key, 99):
                if not alike(pool.ownership, pool.get(key), pool.peek(key)):
                    raise AssertionError(f"get and peek of {key} differ")
            for change in (pool.clear, lambda: pool.set(departure.key, departure.value)):
                try:
                    change()
                except KVCacheReentryError:
                    continue
                raise AssertionError("a change was not refused")

        self.pool.on_evict = pry


class Dying(Box):
    """An object whose private copies look at their pool when they die."""

    look: Callable[[], object] | None = None
    private = False

    def clone(self) -> "Dying":
        copy = Dying(self.ref, self.contents, self.copies)
        copy.look, copy.private = self.look, True
        self.copies.append(weak(copy))
        return copy

    def __del__(self) -> None:
        if self.private and self.look is not None:
            self.look()


class DyingClient(Client):
    def make(self, ref: Ref) -> Dying:
        return Dying(ref, Contents(ref), self.copies)


class FinalizedPool(KvrefPool):
    """Copies look when they die; a state that one saw which is not the state after is shown."""

    profiles: ClassVar[tuple[Profile, ...]] = (FIFO_COPY, LRU_COPY, PRIORITY_COPY)

    def make_client(self, objects: int) -> Client:
        return DyingClient(objects)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.seen: list[Pool] = []
        for one in self.client.objects:
            assert isinstance(one, Dying)
            one.look = partial(look, weak(self))

    def perform(self, op: Op) -> Response:
        self.seen.clear()
        return super().perform(op)

    def abstract(self) -> PoolState:
        after = super().abstract()
        early = next((pool for pool in self.seen if pool != after.pool), after.pool)
        return PoolState(early, after.heap)


def look(subject: "weak[FinalizedPool]") -> None:
    watched = subject()
    if watched is not None:
        watched.seen.append(abstract_pool(watched.profile, watched.pool, watched.as_set))


class DemotingManager(KvrefManager):
    """What leaves the recur pool is stored in the init pool of environment 0."""

    profiles: ClassVar[tuple[Profile, ...]] = (FIFO_REFERENCE, LRU_REFERENCE, FIFO_SEALED)

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        super().start(profile, config, envs)

        def demote(departure: Departure[object]) -> None:
            note(self.departed, self.private, departure)
            if departure.pool == "recur" and departure.cause is not Cause.UPDATED:
                self.set(Tier.INIT, 0, departure.key, departure.value, 0)

        for pool in self.manager.pools:
            pool.on_evict = demote
