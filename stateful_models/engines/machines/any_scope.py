"""Any subject under random histories of any scope: what `kvref fuzz` runs.

The scope is drawn with the history: profile, capacity, keys. Every operation is judged as in an
exploration, so a failure is a `Divergence`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from time import time
from typing import ClassVar, Final, Generic, NoReturn, TypeVar, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from spec.manager import ManagerState
from spec.ops import ManagerOp, Op
from spec.pool import PoolState
from spec.profile import Profile
from spec.sizing import Config
from stateful_models.engines.check import AnyOp, AnyScope
from stateful_models.engines.judge import Divergence, Judge, behind
from stateful_models.engines.sample import weight
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.scope import Reports, Scope
from stateful_models.subjects.protocol import ManagerFactory, PoolFactory, Subject

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states
MOST: Final = 6  # entries of a pool


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
        groups.setdefault(kind_of(op), []).append(op)
    usual = sorted(groups, key=lambda kind: -weight(groups[kind][0]))
    return {kind: tuple(groups[kind]) for kind in usual}


def kind_of(op: object) -> str:
    inner = getattr(op, "op", op)
    tier = getattr(op, "tier", None)
    return type(inner).__name__ if tier is None else f"{tier.value} {type(inner).__name__}"


class ScopeMachine(RuleBasedStateMachine, Generic[S, O]):
    """One scope, one subject, operation after operation."""

    profiles: ClassVar[tuple[Profile, ...]]
    coverage: ClassVar[Coverage]
    until: ClassVar[float] = inf
    """When the time is up, by the system's clock."""

    def setting(
        self, profile: Profile, capacity: int, spare: int, envs: int
    ) -> tuple[Scope[S, O], Callable[[], Subject[O]]]:
        """A scope, and what makes a subject for it."""
        raise NotImplementedError

    @initialize(
        data=st.data(),
        capacity=st.integers(1, MOST),
        spare=st.integers(1, 3),
        envs=st.integers(1, 3),
    )
    def begin(self, data: st.DataObject, capacity: int, spare: int, envs: int) -> None:
        """Keys: `spare` more than fit, so that something always has to go."""
        profile = data.draw(st.sampled_from(self.profiles), label="profile")
        self.scope, build = self.setting(profile, capacity, spare, envs)
        self.judge = Judge(self.scope, build, frozenset(self.scope.situations()))
        self.subject, self.state = self.judge.build(), self.scope.initial()
        self.groups = grouped(self.scope, self.judge.reports)
        self.done: tuple[O, ...] = ()
        self.coverage.examples += 1
        wrong = self.judge.initial(self.state)
        if wrong is not None:
            self.fail(wrong)

    @rule(data=st.data())
    def operate(self, data: st.DataObject) -> None:
        if time() > self.until:
            raise TimeIsUpError
        names = [name for name, ops in self.groups.items() for _ in range(weight(ops[0]))]
        writes = self.scope.writes(self.state)
        if writes:
            names.append("Write")
        kind = data.draw(st.sampled_from(names))
        op = data.draw(st.sampled_from(writes if kind == "Write" else self.groups[kind]))
        self.state, wrong = self.judge.perform(self.subject, self.state, op)
        self.coverage.steps += 1
        self.coverage.operations[kind] += 1
        if wrong is not None:
            self.fail(behind(self.done, wrong))
        self.done = (*self.done, op)

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
        self, profile: Profile, capacity: int, spare: int, envs: int
    ) -> tuple[PoolScope, Callable[[], Subject[Op]]]:
        scope = PoolScope(profile, capacity, capacity + spare, 4, 3)
        return scope, partial(scope.build, type(self).factory)


class ManagerScopeMachine(ScopeMachine[ManagerState, ManagerOp]):
    factory: ClassVar[ManagerFactory]

    def setting(
        self, profile: Profile, capacity: int, spare: int, envs: int
    ) -> tuple[ManagerScope, Callable[[], Subject[ManagerOp]]]:
        scope = ManagerScope(profile, Config(capacity, spare, capacity), envs, capacity + spare)
        return scope, partial(scope.build, type(self).factory)
