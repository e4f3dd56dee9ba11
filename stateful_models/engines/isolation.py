"""Non-interference (M2, M5) as two runs compared: all operations, and one environment's alone.

Both runs are advanced together: an operation of the environment that is watched is performed in
both and must be answered alike; one of any other environment in the first run only. Every pair of
states that histories of any length lead to is visited, so what holds to closure holds for every
history within scope. The first difference found is a shortest one.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Generic, NamedTuple, Protocol, TypeVar

from spec.history import purge, whose
from spec.manager import ManagerState, new_manager
from spec.manager import step as manager_step
from spec.ops import (
    Clear,
    EnvId,
    Get,
    Hit,
    Inspect,
    Key,
    Lookup,
    ManagerOp,
    Miss,
    On,
    Ref,
    Response,
    Set,
    Tier,
)
from spec.profile import Profile
from spec.sizing import Config, capacities
from stateful_models.engines.explore import Progress
from stateful_models.subjects.protocol import ManagerFactory, Subject, Transparent

S = TypeVar("S")
Selection = Callable[[ManagerOp], bool]
"""Which of the watched environment's answers must not depend on the others."""


def everything(op: ManagerOp) -> bool:
    """M5: whatever the watched environment asks. (M2: `spec.history.init_operation`.)"""
    return True


class Machine(Protocol[S]):
    """Something that performs operations; `S` says where it stands."""

    def start(self) -> S: ...

    def step(self, state: S, op: ManagerOp) -> tuple[S, Response]: ...

    def shown(self, state: S) -> ManagerState: ...


class Specified:
    """The specification as a machine."""

    def __init__(self, scope: "IsolationScope") -> None:
        self.start = scope.initial

    def step(self, state: ManagerState, op: ManagerOp) -> tuple[ManagerState, Response]:
        return manager_step(state, op)

    def shown(self, state: ManagerState) -> ManagerState:
        return state


class Ran(NamedTuple):
    """A subject after a history, and the state that it showed."""

    history: tuple[ManagerOp, ...]
    shown: ManagerState


class Driven:
    """A manager that shows its state, as a machine: every step from a new one on."""

    def __init__(self, scope: "IsolationScope", factory: ManagerFactory) -> None:
        self.make = partial(factory, scope.profile, scope.config, scope.envs, scope.objects)

    def start(self) -> Ran:
        return Ran((), shown_by(self.make()))

    def step(self, state: Ran, op: ManagerOp) -> tuple[Ran, Response]:
        subject = self.make()
        for earlier in state.history:
            subject.perform(earlier)
        response = subject.perform(op)
        return Ran((*state.history, op), shown_by(subject)), response

    def shown(self, state: Ran) -> ManagerState:
        return state.shown


def shown_by(subject: Subject[ManagerOp]) -> ManagerState:
    assert isinstance(subject, Transparent), "a manager that shows its state"
    state: ManagerState = subject.abstract()
    return state


class Interference(NamedTuple):
    """A shortest history whose last answer tells the watched environment of another."""

    watched: EnvId
    history: tuple[ManagerOp, ...]
    answer: Response
    alone: Response

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
                return "eviction"
            case Hit(), Hit():
                return "contents"
            case _:
                return "answer"


@dataclass(frozen=True)
class Isolation:
    """What was exhausted: pairs of states and transitions between them; and what was observed."""

    pairs: int
    transitions: int
    depth: int
    closed: bool
    found: tuple[Interference, ...]


@dataclass(frozen=True)
class IsolationScope:
    """Environments that get, set, look up and clear, in init and in recur.

    Each has an object of its own for each key, so that contents tell whose they are. Recur pools
    have room for `simulations` of each environment that uses them.
    """

    profile: Profile
    envs: int = 2
    keys: int = 2
    capacity: int = 2
    simulations: int = 1

    @property
    def config(self) -> Config:
        return Config(game_segment_length=self.capacity, num_simulations=self.simulations)

    @property
    def objects(self) -> int:
        return self.envs * self.keys

    def initial(self) -> ManagerState:
        sizes = capacities(self.profile.sizing, self.config, self.envs, self.profile.recur_scope)
        assert sizes is not None
        return new_manager(self.profile, self.config, sizes, self.envs, self.objects)

    def operations(self, env: EnvId) -> Iterator[ManagerOp]:
        for number in range(self.keys):
            key, own = Key(number), Ref(env * self.keys + number)
            yield Lookup(env, key)
            for tier in (Tier.INIT, Tier.RECUR):
                yield On(tier, env, Get(key))
                yield On(tier, env, Set(key, own))
        yield On(Tier.INIT, env, Clear())
        yield On(Tier.INIT, env, Inspect())

    def alphabet(self) -> tuple[ManagerOp, ...]:
        return tuple(op for env in range(self.envs) for op in self.operations(EnvId(env)))


def entries(state: ManagerState) -> Hashable:
    return tuple(pool.entries for pool in state.pools), state.heap


class Node(NamedTuple, Generic[S]):
    """Both runs after a history."""

    both: S
    alone: S
    history: tuple[ManagerOp, ...]


@dataclass
class IsolationRun(Generic[S]):
    """One exploration: to closure, to a depth, or until so many kinds have been found."""

    machine: Machine[S]
    alphabet: tuple[ManagerOp, ...]
    watched: EnvId
    about: Selection
    depth: int | None = None
    kinds: int = 1
    progress: Callable[[Progress], object] = lambda now: None

    def run(self) -> Isolation:
        began = perf_counter()
        start = self.machine.start()
        self.seen, self.transitions = {self.key(start, start)}, 0
        self.found: dict[str, Interference] = {}
        level, reached = [Node(start, start, ())], 0
        while level and reached != self.depth and len(self.found) < self.kinds:
            following: list[Node[S]] = []
            for done, node in enumerate(level, 1):
                following += self.following(node)
                waiting = len(level) - done + len(following)
                seconds = perf_counter() - began
                now = Progress(len(self.seen), self.transitions, reached, waiting, seconds)
                self.progress(now)
            level = following
            reached += bool(level)
        return Isolation(
            len(self.seen), self.transitions, reached, not level, tuple(self.found.values())
        )

    def key(self, both: S, alone: S) -> Hashable:
        """Entries and contents; of counters only whether both runs have counted alike."""
        one, other = self.machine.shown(both), self.machine.shown(alone)
        alike = one.pools[self.watched].counters == other.pools[self.watched].counters
        return entries(one), entries(other), alike

    def following(self, node: Node[S]) -> Iterator[Node[S]]:
        """The pairs of states that are reached from here for the first time."""
        for op in self.alphabet:
            self.transitions += 1
            history, alone = (*node.history, op), node.alone
            both, answer = self.machine.step(node.both, op)
            if whose(op) == self.watched:
                alone, other = self.machine.step(alone, op)
                if answer != other and self.about(op):
                    one = Interference(self.watched, history, answer, other)
                    self.found.setdefault(one.kind, one)
                    continue
            key = self.key(both, alone)
            if key not in self.seen:
                self.seen.add(key)
                yield Node(both, alone, history)
