"""Fuzz campaigns: Hypothesis machines in several processes over one example database.

A campaign is a sequence of runs, each with a seed of its own. Its state lies in a file in the
database's folder, so that it can be stopped and taken up again. What a run found is replayed first
by every later one, in whichever process.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from math import inf
from pathlib import Path
from time import monotonic, time
from typing import Annotated, Final, NamedTuple, TypeAlias, cast
from unittest import SkipTest

import msgspec
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.database import (
    DirectoryBasedExampleDatabase,
    ExampleDatabase,
    MultiplexedDatabase,
)
from hypothesis.errors import Flaky
from hypothesis.reporting import with_reporter
from hypothesis.stateful import run_state_machine_as_test
from msgspec import Meta

from spec.ops import Tier
from spec.profile import Profile
from stateful_models.engines.judge import Divergence
from stateful_models.engines.machines.any_scope import (
    Coverage,
    DivergedError,
    ManagerScopeMachine,
    PoolScopeMachine,
    TimeIsUpError,
)
from stateful_models.engines.rows import AnyOp, AnyScope, pool_factories
from stateful_models.engines.settle import settled
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.scope import Scope
from stateful_models.subjects.protocol import ManagerFactory, PoolFactory, Subject
from stateful_models.subjects.target import Target

EXAMPLES: Final = 40  # in one run
PHASES: Final = (Phase.reuse, Phase.generate, Phase.target, Phase.shrink)
STEPS: Final = 150  # in one example: bugs that need many evictions hide from fewer


class Fuzzed(NamedTuple):
    """What is fuzzed of a target: its pool, its manager, or one of its manager's pools."""

    kind: str
    pool: PoolFactory | None
    manager: ManagerFactory | None
    profiles: tuple[Profile, ...]
    tiers: tuple[Tier, ...] = tuple(Tier)


class Found(NamedTuple):
    """A failure, after shrinking."""

    kind: str
    scope: AnyScope
    divergence: Divergence[object, AnyOp]


class Run(NamedTuple):
    """One run: what it covered, and what it found, if anything."""

    coverage: Coverage
    found: Found | None


Natural: TypeAlias = Annotated[int, Meta(ge=0)]


class Campaign(msgspec.Struct, forbid_unknown_fields=True):
    """A campaign so far, as it lies in its file. `seeds`: how many have been dealt; a run that was
    cut off is not done again."""

    subject: str
    seeds: Natural = 0
    runs: Natural = 0
    seconds: Annotated[float, Meta(ge=0)] = 0.0
    examples: Natural = 0
    steps: Natural = 0
    deepest: Natural = 0
    failures: Natural = 0
    operations: dict[str, Natural] = {}
    occurred: list[str] = []

    def add(self, ran: Run) -> None:
        told = ran.coverage
        self.runs += 1
        self.examples += told.examples
        self.steps += told.steps
        self.deepest = max(self.deepest, told.deepest)
        self.failures += ran.found is not None
        self.operations = dict(Counter(self.operations) + told.operations)
        self.occurred = sorted({*self.occurred, *told.occurred})


class CampaignError(Exception):
    """A campaign's file that cannot be read; one line says why."""


@dataclass(frozen=True)
class Store:
    """Where examples are kept: a folder and, where several machines take part, a Redis server."""

    folder: Path
    redis: str | None = None

    def database(self) -> ExampleDatabase:
        here = DirectoryBasedExampleDatabase(self.folder / "examples")
        if self.redis is None:
            return here
        from hypothesis.extra.redis import RedisExampleDatabase
        from redis import Redis

        return MultiplexedDatabase(here, RedisExampleDatabase(Redis.from_url(self.redis)))

    def check(self) -> None:
        """Refuse, before a long run, a place that cannot be used."""
        probe = self.folder / "examples" / "probe"
        try:
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise CampaignError(f"{self.folder} is no folder to use: {error.strerror}") from error
        if self.redis is None:
            return
        from redis import Redis, RedisError

        try:
            Redis.from_url(self.redis).ping()
        except (RedisError, ValueError) as error:
            raise CampaignError(f"no Redis server at {self.redis}: {error}") from error

    def record_file(self, subject: str) -> Path:
        plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in subject)
        return self.folder / f"{plain}.json"

    def record(self, subject: str) -> Campaign:
        path = self.record_file(subject)
        if not path.exists():
            return Campaign(subject)
        try:
            found = msgspec.json.decode(path.read_bytes(), type=Campaign)
        except (OSError, msgspec.MsgspecError) as error:
            raise CampaignError(f"{path} holds no campaign: {error}") from error
        if found.subject != subject:
            raise CampaignError(f"{path} holds a campaign of {found.subject}, not of {subject}")
        return found

    def save(self, record: Campaign) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.record_file(record.subject)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(record))
        fresh.replace(path)


def parts(target: Target) -> tuple[Fuzzed, ...]:
    found = [Fuzzed(kind, pool, None, target.profiles) for kind, pool in pool_factories(target)]
    if target.manager is not None:
        found.append(Fuzzed("manager", None, target.manager, target.profiles, target.tiers))
    return tuple(found)


def run(
    name: str,
    part: Fuzzed,
    number: int,
    store: Store,
    examples: int = EXAMPLES,
    phases: tuple[Phase, ...] = PHASES,
    until: float = inf,
) -> Run:
    """One run of so many examples, with this seed; what the database holds goes first.

    What was found when the time is up is told as it is, shrunk or not.
    """
    coverage = Coverage()
    machine = machine_of(name, part, coverage)
    machine.until = until
    chosen = settings_of(store, examples, phases)
    try:
        with with_reporter(lambda text: None):
            run_state_machine_as_test(seed(number)(machine), settings=chosen)
    except SkipTest:  # nothing to replay
        return Run(coverage, None)
    except DivergedError as wrong:
        return Run(coverage, told(part, wrong.scope, wrong.divergence))
    except (TimeIsUpError, Flaky):  # ended by the clock, or by a subject that varies
        if coverage.shortest is not None:
            return Run(coverage, told(part, *coverage.shortest))
        if time() <= until:
            raise
    return Run(coverage, None)


def told(part: Fuzzed, scope: AnyScope, found: Divergence[object, AnyOp]) -> Found:
    """What was found, whether it comes again, and the operation that made the difference."""
    factory = part.manager if isinstance(scope, ManagerScope) else part.pool
    build = partial(scope.build, factory)  # type: ignore[arg-type]  # the scope says which it is
    asked = cast(Scope[object, AnyOp], scope)
    making = cast(Callable[[], Subject[AnyOp]], build)
    return Found(part.kind, scope, settled(asked, making, replace(found, sampled=True)))


def machine_of(
    name: str, part: Fuzzed, coverage: Coverage
) -> type[PoolScopeMachine | ManagerScopeMachine]:
    """The machine for a part, which has a place of its own in the database."""
    traits = {
        "profiles": part.profiles,
        "coverage": coverage,
        "_hypothesis_internal_add_digest": sha256(f"{name} {part.kind}".encode()).digest(),
    }
    if part.pool is not None:
        return type("Pool", (PoolScopeMachine,), {**traits, "factory": staticmethod(part.pool)})
    assert part.manager is not None, "a part is a pool or a manager"
    traits |= {"factory": staticmethod(part.manager), "tiers": part.tiers}
    return type("Manager", (ManagerScopeMachine,), traits)


def settings_of(store: Store, examples: int, phases: tuple[Phase, ...]) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=False,
        database=store.database(),
        print_blob=False,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=tuple(HealthCheck),
    )


def campaign(
    target: Target, record: Campaign, store: Store, seconds: float, jobs: int, executor: Executor
) -> Iterator[Run]:
    """What was found before, replayed in every part; then runs, until the time is up or something
    was found. Every part gets an equal share of it at least. The record is saved after each."""
    began, before, end = monotonic(), record.seconds, time() + seconds
    kinds, started = parts(target), set[Future[Run]]()
    replays, dealt = list(kinds), 0
    while True:
        more = dealt < len(kinds) or monotonic() - began < seconds
        while len(started) < jobs and (replays or more):
            if replays:
                old = partial(run, target.name, replays.pop(), 0, store, 1, (Phase.reuse,))
                started.add(executor.submit(partial(old, until=end)))
                continue
            part = kinds[record.seeds % len(kinds)]
            share = min(1.0, jobs * (dealt + 1) / len(kinds))
            fresh = partial(run, target.name, part, record.seeds, store)
            started.add(executor.submit(partial(fresh, until=end - (1 - share) * seconds)))
            record.seeds, dealt = record.seeds + 1, dealt + 1
            more = dealt < len(kinds) or monotonic() - began < seconds
        if not started:
            return
        done, started = wait(started, return_when=FIRST_COMPLETED)
        for future in done:
            ran = future.result()
            if ran.coverage.examples:
                record.add(ran)
            record.seconds = before + monotonic() - began
            store.save(record)
            yield ran
            if ran.found is not None:
                for waiting in started:
                    waiting.cancel()
                return
