"""What turns operations into calls of the methods that an adapter's author wrote."""

from collections.abc import Iterable
from dataclasses import replace
from math import nan
from operator import index
from typing import Final, Protocol, assert_never

from spec.ops import (
    Cause,
    Census,
    Clear,
    ClearAll,
    Cleared,
    ClearTier,
    Counters,
    Done,
    EnvId,
    Get,
    Hit,
    Inspect,
    Key,
    Left,
    Lookup,
    ManagerOp,
    Miss,
    On,
    Op,
    Peek,
    PoolOp,
    Read,
    Refused,
    Reread,
    ResetAllStats,
    ResetStats,
    Response,
    Rewrite,
    Set,
    SlotId,
    Stored,
    Tier,
    Write,
)
from stateful_models.subjects.aspects import EVERYTHING, Aspect, counts
from stateful_models.subjects.client import Client
from stateful_models.subjects.journal import interrupted
from stateful_models.subjects.naming import PLAIN, Naming
from stateful_models.subjects.protocol import Retaining, SubjectError

CLIENT_OPS: Final = (Read, Write, Reread, Rewrite)
NO_KEY = "no key"  # what stands for a key that must be refused
NO_ENV = "no env"  # what stands for an environment id that must be refused


class Drivable(Protocol):
    """What every subject holds for its driver."""

    reports: frozenset[Aspect]
    client: Client
    private: bool
    naming: Naming
    departed: list[Left]
    error: BaseException | None


class PoolCalls(Protocol):
    """One pool, as an author writes it."""

    def get(self, key: int) -> object | None: ...

    def set(self, key: int, value: object, rank: float) -> int | None: ...

    def clear(self) -> None: ...

    def peek(self, key: int) -> object | None: ...

    def keys(self) -> Iterable[int]: ...

    def counters(self) -> Counters: ...

    def reset_counters(self) -> None: ...


class ManagerCalls(Protocol):
    """A manager, as an author writes it."""

    def get(self, tier: Tier, env: int | None, key: int) -> object | None: ...

    def set(
        self, tier: Tier, env: int | None, key: int, value: object, rank: float
    ) -> int | None: ...

    def clear(self, tier: Tier | None, env: int | None) -> None: ...

    def lookup(self, env: int, key: int) -> object | None: ...

    def peek(self, tier: Tier, env: int | None, key: int) -> object | None: ...

    def keys(self, tier: Tier, env: int | None) -> Iterable[int]: ...

    def counters(self, tier: Tier, env: int | None) -> Counters: ...

    def reset_counters(self, tier: Tier | None, env: int | None) -> None: ...


class DrivablePool(Drivable, PoolCalls, Retaining, Protocol):
    pass


class DrivableManager(Drivable, ManagerCalls, Protocol):
    pass


class PoolAt:
    """One of a manager's pools, called as a pool is."""

    __slots__ = ("env", "manager", "tier")

    def __init__(self, manager: ManagerCalls, tier: Tier, env: int | None) -> None:
        self.manager, self.tier, self.env = manager, tier, env

    def get(self, key: int) -> object | None:
        return self.manager.get(self.tier, self.env, key)

    def set(self, key: int, value: object, rank: float) -> int | None:
        return self.manager.set(self.tier, self.env, key, value, rank)

    def clear(self) -> None:
        self.manager.clear(self.tier, self.env)

    def peek(self, key: int) -> object | None:
        return self.manager.peek(self.tier, self.env, key)

    def keys(self) -> Iterable[int]:
        return self.manager.keys(self.tier, self.env)

    def counters(self) -> Counters:
        return self.manager.counters(self.tier, self.env)

    def reset_counters(self) -> None:
        self.manager.reset_counters(self.tier, self.env)


def refused(subject: Drivable, error: BaseException) -> Refused:
    """Whatever a cache raises is a refusal, kept in `error`; not what its author told wrongly."""
    if isinstance(error, SubjectError) or interrupted(error):
        raise error
    subject.error = error.with_traceback(None)  # frames would keep objects alive
    return Refused()


def drive_pool(subject: DrivablePool, op: Op) -> Response:
    subject.departed.clear()
    subject.error = None
    try:
        if isinstance(op, CLIENT_OPS):
            return subject.client.perform(op)
        return given_back(subject, on_pool(subject, subject, op, subject))
    except BaseException as error:
        return refused(subject, error)


def drive_manager(subject: DrivableManager, op: ManagerOp) -> Response:
    subject.departed.clear()
    subject.error = None
    try:
        return given_back(subject, on_manager(subject, op))
    except BaseException as error:
        return refused(subject, error)


def given_back(subject: Drivable, response: Response) -> Response:
    """Whoever borrows gives back what it holds whenever something was stored or cleared."""
    if subject.client.borrows and isinstance(response, (Stored, Cleared)):
        subject.client.hand = None
    return response


def on_manager(subject: DrivableManager, op: ManagerOp) -> Response:
    match op:
        case On(tier, env, pool_op):
            where = environment(env) if tier is Tier.INIT else env
            return on_pool(subject, PoolAt(subject, tier, where), pool_op)
        case Lookup(env, key):
            value = subject.lookup(environment(env), operand(subject.naming, key))
            return found(subject, value, subject.private)
        case ClearTier(tier):
            subject.clear(tier, None)
            return Cleared(left_by(subject))
        case ClearAll():
            subject.clear(None, None)
            return Cleared(left_by(subject))
        case ResetAllStats():
            subject.reset_counters(None, None)
            return Done()
        case Read() | Write() | Reread() | Rewrite():
            return subject.client.perform(op)
        case _:
            assert_never(op)


def on_pool(
    subject: Drivable, pool: PoolCalls, op: PoolOp, keeper: Retaining | None = None
) -> Response:
    """`keeper` can tell what the pool keeps alive; of one of a manager's pools nobody can."""
    match op:
        case Set():
            value = None if op.ref is None else subject.client.objects[op.ref]
            names = subject.naming
            slot = pool.set(operand(names, op.key), value, rank(names, op.priority))
            place = slot if type(slot) is int else slot_told(subject.reports, slot)
            return Stored(SlotId(place), left_by(subject))
        case Get():
            return found(subject, pool.get(operand(subject.naming, op.key)), subject.private)
        case Peek():
            return found(subject, pool.peek(operand(subject.naming, op.key)), hold=False)
        case Clear():
            pool.clear()
            return Cleared(left_by(subject))
        case Inspect():
            return census(subject.reports, subject.naming, pool, keeper)
        case ResetStats():
            pool.reset_counters()
            return Done()
        case _:
            assert_never(op)


def left_by(subject: Drivable) -> tuple[Left, ...]:
    """What was told to leave; an author may have told anything."""
    for one in subject.departed:
        if type(one) is not Left or type(one.cause) is not Cause:
            raise SubjectError(f"`departed` must receive Left values with a Cause, not {one!r}")
    if subject.naming is PLAIN:
        return tuple(subject.departed)
    return tuple([replace(one, key=subject.naming.key_of(one.key)) for one in subject.departed])


def census(
    tells: frozenset[Aspect], naming: Naming, pool: PoolCalls, keeper: Retaining | None
) -> Census:
    everything = tells is EVERYTHING  # Enum hashing is slow, and this is a hot path
    inspected = everything or Aspect.INSPECTION in tells
    keys = keys_told(pool.keys(), naming) if inspected else frozenset()
    counters = pool.counters() if everything or counts(tells) else Counters()
    if not isinstance(counters, Counters):
        raise SubjectError(f"counters() must give Counters, not {counters!r}")
    if keeper is None or not (everything or Aspect.RETENTION in tells):
        return Census(keys, frozenset(), 0, counters)
    return Census(keys, *keeper.retained(), counters)


def keys_told(keys: Iterable[int], naming: Naming) -> frozenset[Key]:
    if not isinstance(keys, Iterable):
        raise SubjectError(f"keys() must give the keys of what is stored, not {keys!r}")
    return frozenset(map(Key if naming is PLAIN else naming.key_of, keys))


def slot_told(tells: frozenset[Aspect], slot: object) -> int:
    """The slot of a subject that tells slots; what others return counts for nothing."""
    if Aspect.SLOTS not in tells or slot is None:
        return 0
    try:
        return index(slot)  # type: ignore[arg-type]  # an author may have told anything
    except TypeError:
        told = f"set() must return the slot, an integer, not {slot!r}"
        raise SubjectError(f"{told}: Aspect.SLOTS is among `reports`") from None


def operand(naming: Naming, key: Key | None) -> int:
    if key is None:
        return NO_KEY  # type: ignore[return-value]  # bad input on purpose
    return key if naming is PLAIN else naming.key(key)


def environment(env: EnvId | None) -> int:
    return NO_ENV if env is None else env  # type: ignore[return-value]  # bad input on purpose


def rank(naming: Naming, priority: int | None) -> float:
    """A priority for the cache; NaN stands for one that must be refused."""
    if priority is None:
        return nan
    return priority if naming is PLAIN else naming.rank(priority)


def found(subject: Drivable, value: object | None, hold: bool) -> Response:
    """What a get answers; where copies are stored the client holds on to what it got."""
    if value is None:
        return Miss()
    if hold:
        subject.client.hand = value
    ref = None if subject.private else subject.client.ref_of(value)
    return Hit(ref, subject.client.read(value))
