"""One side of a shadow as a pool under test: what the specification is asked about it."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias, TypeVar

from kvref.ranks import Rank
from kvref.shadow import Asked, Put, Side, Step
from spec.ops import Clear, Get, Key, Op, Ref, Set
from spec.profile import Profile
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.client import Client
from stateful_models.subjects.naming import Naming
from stateful_models.subjects.pool import PoolSubject

K = TypeVar("K", bound=Hashable)

SideFactory: TypeAlias = Callable[[], Side[object]]
"""Makes one of the two caches, new and empty; it is given objects of a `Client`."""
ClientFactory: TypeAlias = Callable[[int], Client]
"""Makes so many objects to be stored."""


class Two(NamedTuple):
    """How the two of a shadow are made anew, and what they are to store."""

    primary: SideFactory
    candidate: SideFactory
    clients: ClientFactory


UNTOLD: Final = frozenset[Aspect]()


class Telling(NamedTuple):
    """A shadow's history as the specification has one, of the pool that it ends in.

    `between`: before each of its operations, and behind the last, what other pools were told.
    """

    pool: str
    scope: PoolScope
    history: tuple[Op, ...]
    between: tuple[tuple[Step, ...], ...]


def telling(steps: Sequence[Step], pool: str, profile: Profile, capacity: int) -> Telling:
    """Keys, values and priorities get the specification's small names."""
    own = [step for step in steps if step.pool == pool]
    keys = numbered(step.key for step in own if isinstance(step, (Asked, Put)))
    numbers = numbered(step.number for step in own if isinstance(step, Put))
    ranks = sorted({step.priority or 0 for step in own if isinstance(step, Put)} | {0})
    places = numbered(ranks)
    between, ops = [list[Step]()], list[Op]()
    for step in steps:
        if step.pool != pool:
            between[-1].append(step)
            continue
        between.append([])
        if isinstance(step, Asked):
            ops.append(Get(Key(keys[step.key])))
        elif isinstance(step, Put):
            rank = places[step.priority or 0] if profile.policy.ranked else 0
            ops.append(Set(Key(keys[step.key]), Ref(numbers[step.number]), rank))
        else:
            ops.append(Clear())
    scope = PoolScope(
        profile,
        capacity,
        max(1, len(keys)),
        max(1, len(numbers)),
        max(2, len(ranks)),
        Naming(tuple(keys), told_ranks(ranks, profile)),
    )
    return Telling(pool, scope, tuple(ops), tuple(map(tuple, between)))


def numbered(values: Iterable[K]) -> dict[K, int]:
    """Each by its place among the different ones."""
    return {value: place for place, value in enumerate(dict.fromkeys(values))}


def told_ranks(ranks: Sequence[Rank], profile: Profile) -> tuple[float, ...]:
    """As a naming has them: any numbers that ascend."""
    if not profile.policy.ranked:
        return ()
    return tuple(ranks)  # type: ignore[arg-type]  # a fraction compares as a float does


class SideSubject(PoolSubject):
    """One pool of a side; what other pools were told between its operations is told them, too."""

    def __init__(
        self, make: SideFactory, clients: ClientFactory, told: Telling, reports: frozenset[Aspect]
    ) -> None:
        self.make, self.clients, self.told, self.reports = make, clients, told, reports
        scope = told.scope
        super().__init__(scope.profile, scope.capacity, scope.objects)
        self.naming = scope.naming

    def make_client(self, objects: int) -> Client:
        return self.clients(objects)

    def start(self, profile: Profile, capacity: int) -> None:
        self.side = self.make()
        self.others = self.clients(1 + max((len(steps) for steps in self.told.between), default=0))
        self.done = 0

    def perform_others(self) -> None:
        """What other pools were told before the next operation."""
        steps = self.told.between[self.done] if self.done < len(self.told.between) else ()
        self.done += 1
        for number, step in enumerate(steps):
            tell(self.side, step, self.others.objects[number])

    def get(self, key: int) -> object | None:
        self.perform_others()
        value = self.side.get(self.told.pool, key)
        return None if value is None else self.original(value)

    def original(self, value: object) -> object:
        """The client's object of these contents, which nobody writes; else the value itself."""
        contents = self.client.read(value)
        mine = (one for one in self.client.objects if self.client.read(one) == contents)
        return next(mine, value)

    def set(self, key: int, value: object, rank: float) -> int | None:
        self.perform_others()
        ranked = self.profile.policy.ranked
        slot = self.side.set(self.told.pool, key, value, rank if ranked else None)
        return self.side.slot(self.told.pool, key) if slot is None else slot

    def clear(self) -> None:
        self.perform_others()
        self.side.clear(self.told.pool)


def tell(side: Side[object], step: Step, value: object) -> None:
    """One step of a shadow's history; `value` is what a set stores."""
    match step:
        case Asked(pool, key):
            side.get(pool, key)
        case Put(pool, key, _, priority):
            side.set(pool, key, value, priority)
        case _:
            side.clear(step.pool)
