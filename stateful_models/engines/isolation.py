"""Non-interference (M2, M5) as two runs compared: all operations, and one environment's alone.

Both runs are advanced together: an operation of the environment that is watched is performed in
both and must be answered alike; one of any other environment in the first run only; what is
nobody's in both. Every pair of states that histories of any length lead to is visited, of a subject
together with every kind of operation that another environment may have done last: what holds to
closure holds for every history within scope, if the subject remembers no more than that. The first
difference found is a shortest one. What it may remember besides is left to random long histories.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import NamedTuple, Protocol, TypeAlias, cast

from spec.history import purge, whose
from spec.isolation_laws import M5, TwoRuns
from spec.law import Law
from spec.manager import ManagerState, pool_index
from spec.manager import step as manager_step
from spec.manager_laws import ManagerTransition
from spec.ops import Clear, EnvId, Hit, ManagerOp, Miss, On, Response, Tier
from spec.profile import Profile
from stateful_models.engines.frontier import Frontier, Progress, Reached, Retraced, Successor
from stateful_models.scopes.isolation import IsolationScope
from stateful_models.scopes.scope import Reports
from stateful_models.subjects.asking import ask, shown_by, unable
from stateful_models.subjects.journal import made
from stateful_models.subjects.protocol import ManagerFactory, Subject, SubjectError

History: TypeAlias = tuple[ManagerOp, ...]


class Machine(Protocol):
    """Something that performs operations, and shows where it stands."""

    def start(self) -> ManagerState: ...

    def step(
        self, history: History, state: ManagerState, op: ManagerOp
    ) -> tuple[ManagerState, Response]:
        """One more operation, after this history, which led to this state."""

    def memory(self, op: ManagerOp, answer: Response) -> Hashable:
        """What it may remember of another environment's operation and does not show."""


class Specified:
    """The specification as a machine."""

    def __init__(self, scope: IsolationScope) -> None:
        self.start = scope.initial

    def step(
        self, history: History, state: ManagerState, op: ManagerOp
    ) -> tuple[ManagerState, Response]:
        return manager_step(state, op)

    def memory(self, op: ManagerOp, answer: Response) -> Hashable:
        return None


class Driven:
    """A manager as a machine: every step from a new one on.

    One that does not show its state is taken to be where the specification would be. It may
    remember more than it shows: so the last operation of the others is told apart, too.
    """

    def __init__(
        self,
        scope: IsolationScope,
        factory: ManagerFactory,
        shows: bool = True,
        remembers: bool = True,
    ) -> None:
        self.scope, self.shows, self.remembers = scope, shows, remembers
        self.build = partial(factory, scope.profile, scope.config, scope.envs, scope.objects)

    @property
    def reports(self) -> Reports:
        return self.make().reports

    def make(self) -> Subject[ManagerOp]:
        try:
            return made(self.scope, self.build)
        except BaseException as error:
            raise unable(error, "making a manager") from error

    def start(self) -> ManagerState:
        return self.shown(self.make()) if self.shows else self.scope.initial()

    def shown(self, subject: Subject[ManagerOp]) -> ManagerState:
        return cast(ManagerState, shown_by(subject, ManagerState))

    def step(
        self, history: History, state: ManagerState, op: ManagerOp
    ) -> tuple[ManagerState, Response]:
        subject = self.make()
        for earlier in history:
            ask(subject, earlier)
        response = ask(subject, op)
        return self.shown(subject) if self.shows else manager_step(state, op)[0], response

    def memory(self, op: ManagerOp, answer: Response) -> Hashable:
        """Of another environment's operation: its kind, its tier, and whether it hit."""
        if not self.remembers:
            return None
        what = (op.tier, type(op.op)) if isinstance(op, On) else type(op)
        return what, type(answer)


class Interference(NamedTuple):
    """A history whose last answer tells the watched environment of another.

    A shortest one; or `sampled`, and then one of which no operation can be left out.
    """

    watched: EnvId
    history: tuple[ManagerOp, ...]
    answer: Response
    alone: Response
    sampled: bool = False

    @property
    def purged(self) -> tuple[ManagerOp, ...]:
        """The history that gives the other answer."""
        return purge(self.history, self.watched)

    @property
    def kind(self) -> str:
        """What of the other environment is observed."""
        match self.alone, self.answer:
            case Miss(), Hit():
                return "presence"
            case Hit(), Miss():
                return "clearing" if any(map(self.clears, self.history)) else "eviction"
            case Hit(), Hit():
                return "contents"
            case _:
                return "answer"

    def clears(self, op: ManagerOp) -> bool:
        other = whose(op) not in (None, self.watched)
        return other and isinstance(op, On) and isinstance(op.op, Clear)


def not_deterministic(one: Interference) -> SubjectError:
    what = f"the same {len(one.history)} operations were answered {one.answer} and {one.alone}"
    return SubjectError(f"it is not deterministic, so runs cannot be compared: {what}")


@dataclass(frozen=True)
class Isolation:
    """What was exhausted: pairs of states and transitions between them.

    `occurred`: the situation that the law speaks of did. `found`: a shortest history of each kind
    that breaks it.
    """

    pairs: int
    transitions: int
    depth: int
    closed: bool
    occurred: bool
    found: tuple[Interference, ...]


def entries(state: ManagerState) -> Hashable:
    return tuple(pool.entries for pool in state.pools), state.heap


class Both(NamedTuple):
    """Where both runs stand, and what may be remembered of the others' last operation."""

    both: ManagerState
    alone: ManagerState
    memory: Hashable = None


@dataclass
class IsolationRun:
    """One exploration: to closure, to a depth, or until so many kinds have been found."""

    machine: Machine
    alphabet: tuple[ManagerOp, ...]
    watched: EnvId
    law: Law[TwoRuns]
    depth: int | None = None
    kinds: int = 1
    progress: Callable[[Progress], object] = lambda now: None

    def run(self) -> Isolation:
        began = perf_counter()
        start = Both(self.machine.start(), self.machine.start())
        frontier, self.transitions = Frontier(start, self.key(start)), 0
        self.steps: dict[tuple[History, ManagerOp], tuple[ManagerState, Response]] = {}
        self.found: dict[str, Interference] = {}
        self.occurred = False
        self.retraced = Retraced(None, lambda state: self.alphabet, lambda state, op: None)
        for _ in frontier.run(
            lambda here: self.expand,
            lambda: frontier.depth + 1 == self.depth or len(self.found) >= self.kinds,
        ):
            now = len(frontier.visited), self.transitions, frontier.depth, frontier.waiting
            self.progress(Progress(*now, perf_counter() - began))
        return Isolation(
            len(frontier.visited),
            self.transitions,
            frontier.depth + bool(frontier.following),
            not frontier.following,
            self.occurred,
            tuple(self.found.values()),
        )

    def key(self, here: Both) -> Hashable:
        """Entries and contents; of counters only whether both runs have counted alike."""
        both, alone, memory = here
        pools = [pool_index(both, tier, self.watched) for tier in self.own_tiers(both.profile)]
        counted = [
            both.pools[n].counters == alone.pools[n].counters for n in pools if n is not None
        ]
        return entries(both), entries(alone), tuple(counted), memory

    def own_tiers(self, profile: Profile) -> tuple[Tier, ...]:
        return (Tier.INIT, Tier.RECUR) if M5.applies(profile) else (Tier.INIT,)

    def expand(self, nodes: list[Reached[Both]]) -> tuple[list[Successor[Both]], None]:
        """The pairs of states that these lead to."""
        found: list[Successor[Both]] = []
        for parent, (here, path) in enumerate(nodes):
            history = self.retraced(path)
            for move, op in enumerate(self.alphabet):
                self.transitions += 1
                there = self.advanced(here, history, op)
                if there is not None:
                    found.append(Successor(parent, move, there, self.key(there)))
        return found, None

    def advanced(self, here: Both, history: History, op: ManagerOp) -> Both | None:
        """Where the runs stand after one more operation; None if it was not answered alike."""
        both, alone, memory = here
        after, answer = self.machine.step(history, both, op)
        if whose(op) not in (None, self.watched):
            return Both(after, alone, self.machine.memory(op, answer))
        lonely, other = self.by_itself(purge(history, self.watched), alone, op)
        if whose(op) == self.watched:
            runs = TwoRuns(
                ManagerTransition(both, op, answer, after),
                ManagerTransition(alone, op, other, lonely),
            )
            self.occurred = self.occurred or self.law.occurs(runs)
            if not self.law.holds(runs):
                one = Interference(self.watched, (*history, op), answer, other)
                if one.purged == one.history:
                    raise not_deterministic(one)
                self.found.setdefault(one.kind, one)
                return None
        return Both(after, lonely, memory)

    def by_itself(
        self, own: History, alone: ManagerState, op: ManagerOp
    ) -> tuple[ManagerState, Response]:
        """A step of the run without the others; many histories have this one in common."""
        known = self.steps.get((own, op))
        if known is None:
            known = self.steps[own, op] = self.machine.step(own, alone, op)
        return known
