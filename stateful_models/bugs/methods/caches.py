"""The methods that pools and managers can be put to."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final, TypeVar, cast

from hypothesis import Phase

from spec.isolation_laws import M2, M5
from spec.manager import ManagerState
from spec.ops import Clear, EnvId, Get, Key, ManagerOp, Op, Ref, Set
from spec.pool import PoolState
from spec.profile import Profile
from spec.sizing import Config
from stateful_models.bugs.caches import BEYOND, EXHIBITS, ISOLATION, Exhibit
from stateful_models.bugs.matrix import Caught, Check, Exhibited
from stateful_models.engines.explore import shortest_of
from stateful_models.engines.fuzz import EXAMPLES, Fuzzed, Store, run
from stateful_models.engines.isolation import Driven, IsolationRun
from stateful_models.engines.isolation_sample import LongRuns
from stateful_models.engines.judge import Divergence
from stateful_models.engines.rows import PoolSetting, Wider
from stateful_models.engines.sample import Sampled, Sampling, sample, sampled
from stateful_models.engines.settle import settled
from stateful_models.reference.listening import DemotingManager
from stateful_models.scopes.demoting import DemotingScope
from stateful_models.scopes.isolation import IsolationScope
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.manager import ManagerSubject
from stateful_models.subjects.pool import PoolSubject
from stateful_models.subjects.protocol import ManagerFactory, PoolFactory, Transparent
from stateful_models.traces.format import PoolShape, Strategy
from stateful_models.traces.pool import PoolTrack
from stateful_models.traces.writer import PoolWriter

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states

PoolFound = Divergence[PoolState, Op]
ManagerFound = Divergence[ManagerState, ManagerOp]
CAPACITIES: Final = (1, 2)
HISTORIES: Final = 10
SAMPLING: Final = Sampling(30, 200)
OF_TENSORS: Final = Sampling(10, 100)  # what takes ten times as long
RUN: Final = 400  # operations of a recorded run
ISOLATED: Final = 3  # operations: as far as two runs are compared


def of(found: Divergence[S, O] | None) -> Caught | None:
    return None if found is None else Caught(found.laws, len(found.history))


def shortest(found: list[Divergence[S, O] | None]) -> Caught | None:
    told = [one for one in found if one is not None]
    return of(min(told, key=lambda one: len(one.history), default=None))


def pool_scopes(subject: type[PoolSubject]) -> Iterator[PoolScope]:
    """Every profile; where one after another passes, capacity 1 alone."""
    capacities = CAPACITIES if len(subject.profiles) <= 3 else CAPACITIES[:1]
    for profile in subject.profiles:
        for capacity in capacities:
            yield PoolScope(profile, capacity, keys=capacity + 1, objects=2)


def manager_scopes(subject: type[ManagerSubject]) -> Iterator[ManagerScope]:
    scope = DemotingScope if issubclass(subject, DemotingManager) else ManagerScope
    for profile in subject.profiles:
        for capacity in CAPACITIES:
            yield scope(profile, Config(capacity, 1), envs=2, keys=2)
        yield scope(profile, Config(1, 2), envs=1, keys=3)


def explored_pool(subject: type[PoolSubject]) -> Caught | None:
    return of(shortest_of((s, partial(s.build, subject)) for s in pool_scopes(subject)))


def explored_manager(subject: type[ManagerSubject]) -> Caught | None:
    return of(shortest_of((s, partial(s.build, subject)) for s in manager_scopes(subject)))


def sampled_pool(subject: type[PoolSubject], sampling: Sampling = SAMPLING) -> Caught | None:
    """Profile by profile, up to the first in which something is found."""
    for profile in subject.profiles:
        draw = Wider(PoolScope(profile, 1, 2, 2), PoolSetting(subject), sampling)
        found = settled_in(sampled(draw, sampling))
        if found is not None:
            return of(found)
    return None


def settled_in(seen: Sampled[PoolState, Op]) -> PoolFound | None:
    """With the laws that the operation breaks which made the difference."""
    if seen.divergence is None or seen.setting is None:
        return None
    return settled(seen.setting.scope, seen.setting.build, seen.divergence)


def sampled_manager(subject: type[ManagerSubject]) -> Caught | None:
    scopes = manager_scopes(subject)
    return shortest([sample(s, partial(s.build, subject), 3 * HISTORIES) for s in scopes])


def machine(
    subject: type[PoolSubject] | type[ManagerSubject], examples: int = EXAMPLES
) -> Caught | None:
    """One run of a campaign; what it finds is cut down by leaving operations out."""
    if issubclass(subject, ManagerSubject):
        part = Fuzzed("manager", None, cast(ManagerFactory, subject), subject.profiles)
    else:
        part = Fuzzed("pool", cast(PoolFactory, subject), None, subject.profiles)
    with TemporaryDirectory() as folder:
        store, phases = Store(Path(folder)), (Phase.generate,)
        found = run(subject.__name__, part, 0, store, examples, phases).found
    return None if found is None else of(found.divergence)


def isolated(subject: type[ManagerSubject]) -> Caught | None:
    """M2 (M5 where each environment has a recur pool): with the others' operations and without."""
    profile = subject.profiles[0]
    law = M5 if M5.applies(profile) else M2
    scope = IsolationScope(profile, keys=1, simulations=2 if law is M5 else 1)
    machine = Driven(scope, subject, issubclass(subject, Transparent))
    alphabet = scope.alphabet(subject.reports)
    told = IsolationRun(machine, alphabet, EnvId(0), law, ISOLATED).run()
    found = told.found[0] if told.found else LongRuns(subject, profile, law, scope).run().found
    return None if found is None else Caught((law.code,), len(found.history))


def traced(subject: type[PoolSubject]) -> Caught | None:
    """A random run under each profile, written down as a recorder does, and judged as a trace."""
    for profile in subject.profiles:
        caught = recorded_run(subject, profile)
        if caught is not None:
            return caught
    return None


def recorded_run(subject: type[PoolSubject], profile: Profile) -> Caught | None:
    """Every set is of an object of its own, so that contents tell which one a hit delivers."""
    random, ranked = Random(0), profile.policy.ranked
    cache = subject(profile, 3, RUN)
    track = PoolTrack.of("pool", PoolShape(3, cast(Strategy, profile.policy.value)), True)
    writer = PoolWriter(track, Aspect.DEPARTURES in cache.reports)
    for number in range(RUN):
        key = Key(random.randrange(5))
        rank = random.randrange(3) if ranked else 0
        (op,) = random.choices((Set(key, Ref(number), rank), Get(key), Clear()), (6, 6, 1))
        record = writer.record(op, cache.perform(op))
        if record is None:
            return Caught(("P8",), number + 1)
        laws = {charge.law for charge in track.take(record)}
        if laws:
            return Caught(tuple(sorted(laws)), number + 1)
    return None


def exhibited(exhibit: Exhibit, wing: str = "cache") -> Exhibited:
    subject = exhibit.subject
    checks: dict[str, Check]
    if issubclass(subject, ManagerSubject):
        checks = {
            "explore": partial(explored_manager, subject),
            "sample": partial(sampled_manager, subject),
            "machine": partial(machine, subject),
            "isolate": partial(isolated, subject),
        }
        if issubclass(subject, DemotingManager):  # the others know no listener that demotes
            checks = {name: checks[name] for name in ("explore", "sample")}
    else:
        checks = {
            "explore": partial(explored_pool, subject),
            "sample": partial(sampled_pool, subject, SAMPLING if wing == "cache" else OF_TENSORS),
            "machine": partial(machine, subject),
        }
        if Aspect.SLOTS in subject.reports:
            checks["trace"] = partial(traced, subject)
    return Exhibited(subject.__name__, wing, exhibit.law, checks)


def cache_wing() -> Iterator[Exhibited]:
    yield from map(exhibited, (*EXHIBITS, *BEYOND, *ISOLATION))
