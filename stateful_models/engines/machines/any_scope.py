"""Any subject under random histories of any scope: what `kvref fuzz` runs.

The scope is drawn with the history: profile, capacity, keys. Every operation is judged as in an
exploration, so a failure is a `Divergence`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from random import Random
from time import time
from typing import ClassVar, Generic, NoReturn, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from spec.manager import ManagerState
from spec.ops import ManagerOp, Op, Tier
from spec.pool import PoolState
from spec.profile import Profile
from spec.sizing import Config
from stateful_models.engines.judge import Divergence, Judge, behind
from stateful_models.engines.rows import AnyOp, AnyScope
from stateful_models.engines.sample import MOODS, Mood, kind_of
from stateful_models.scopes.beyond import beyond
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.scope import Reports, Scope
from stateful_models.subjects.protocol import ManagerFactory, PoolFactory, Subject

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states


class DivergedError(AssertionError):
    """The subject departed from the specification."""

    def __init__(self, scope: AnyScope, divergence: Divergence[object, AnyOp]) -> None:
        super().__init__(f"after {divergence.history}: {divergence.laws}")
        self.scope = scope
        self.divergence = divergence


class TimeIsUpError(BaseException):
    """The run has to end now; no failure, so Hypothesis lets it pass."""


@dataclass
class Coverage:
    """What a campaign has been through. `shortest`: of the failures so far, shrunk or not."""

    examples: int = 0
    steps: int = 0
    deepest: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    occurred: set[str] = field(default_factory=set)
    shortest: tuple[AnyScope, Divergence[object, AnyOp]] | None = None

    def add(self, other: "Coverage") -> None:
        self.examples += other.examples
        self.steps += other.steps
        self.deepest = max(self.deepest, other.deepest)
        self.operations += other.operations
        self.occurred |= other.occurred


def grouped(scope: Scope[S, O], reports: Reports) -> dict[str, tuple[O, ...]]:
    """The operations possible in every state, by kind; the most usual kinds first."""
    groups: dict[str, list[O]] = {}
    for op in scope.alphabet(reports):
        groups.setdefault(told_kind(op), []).append(op)
    usual = sorted(groups, key=lambda kind: -MOODS[0].get(kind_of(groups[kind][0]), 1))
    return {kind: tuple(groups[kind]) for kind in usual}


def told_kind(op: object) -> str:
    tier = getattr(op, "tier", None)
    return kind_of(op) if tier is None else f"{tier.value} {kind_of(op)}"


class ScopeMachine(RuleBasedStateMachine, Generic[S, O]):
    """One scope, one subject, operation after operation."""

    profiles: ClassVar[tuple[Profile, ...]]
    coverage: ClassVar[Coverage]
    until: ClassVar[float] = inf
    """When the time is up, by the system's clock."""

    def setting(
        self, profile: Profile, random: Random
    ) -> tuple[Scope[S, O], Callable[[], Subject[O]]]:
        """A scope, and what makes a subject for it."""
        raise NotImplementedError

    @initialize(data=st.data(), drawn=st.integers(0, 2**32), mood=st.sampled_from(MOODS))
    def begin(self, data: st.DataObject, drawn: int, mood: Mood) -> None:
        """There are always more keys than fit, so that something has to go."""
        profile = data.draw(st.sampled_from(self.profiles), label="profile")
        self.scope, build = self.setting(profile, Random(drawn))
        self.judge = Judge(self.scope, build, frozenset(self.scope.situations()))
        self.subject, self.state = self.judge.build(), self.scope.initial()
        self.groups = grouped(self.scope, self.judge.reports)
        self.kinds = [
            name for name, ops in self.groups.items() for _ in range(mood.get(kind_of(ops[0]), 1))
        ]
        self.done: list[O] = []
        self.coverage.examples += 1
        wrong = self.judge.initial(self.state)
        if wrong is not None:
            self.fail(wrong)

    @rule(data=st.data())
    def operate(self, data: st.DataObject) -> None:
        if time() > self.until:
            raise TimeIsUpError
        writes = self.scope.writes(self.state)
        names = [*self.kinds, "Write"] if writes else self.kinds
        kind = data.draw(st.sampled_from(names))
        op = data.draw(st.sampled_from(writes if kind == "Write" else self.groups[kind]))
        self.state, wrong = self.judge.perform(self.subject, self.state, op)
        self.coverage.steps += 1
        self.coverage.operations[kind] += 1
        if wrong is not None:
            self.fail(behind(tuple(self.done), wrong))
        self.done.append(op)

    def fail(self, wrong: Divergence[S, O]) -> NoReturn:
        told = cast(Divergence[object, AnyOp], wrong)
        failure, known = (cast(AnyScope, self.scope), told), self.coverage.shortest
        if known is None or len(told.history) < len(known[1].history):
            self.coverage.shortest = failure
        raise DivergedError(*failure)

    def teardown(self) -> None:
        if hasattr(self, "judge"):
            self.coverage.occurred |= self.judge.occurred
            self.coverage.deepest = max(self.coverage.deepest, len(self.done))


class PoolScopeMachine(ScopeMachine[PoolState, Op]):
    factory: ClassVar[PoolFactory]

    def setting(
        self, profile: Profile, random: Random
    ) -> tuple[PoolScope, Callable[[], Subject[Op]]]:
        scope = beyond(PoolScope(profile, 1, 2, 4), random)
        return scope, partial(scope.build, type(self).factory)


class ManagerScopeMachine(ScopeMachine[ManagerState, ManagerOp]):
    factory: ClassVar[ManagerFactory]
    tiers: ClassVar[tuple[Tier, ...]] = tuple(Tier)

    def setting(
        self, profile: Profile, random: Random
    ) -> tuple[ManagerScope, Callable[[], Subject[ManagerOp]]]:
        scope = beyond(ManagerScope(profile, Config(1, 1), 1, 2, tiers=self.tiers), random)
        return scope, partial(scope.build, type(self).factory)
