"""Two caches differ: the shortest history that shows it, who of them is right, and by which law."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Final, NamedTuple

from kvref.shadow import Divergence, Mode, Step, Verdict
from spec.ops import Op, Response
from spec.pool import PoolState
from spec.profile import Ownership, Profile
from stateful_models.engines.judge import Divergence as Departure
from stateful_models.engines.judge import first_divergence
from stateful_models.engines.settle import settled
from stateful_models.runtime.sides import (
    UNTOLD,
    ClientFactory,
    SideFactory,
    SideSubject,
    Telling,
    Two,
    telling,
)
from stateful_models.runtime.telling_again import differ, shortest
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.client import Client
from stateful_models.subjects.profiles import require_profile, require_stated
from stateful_models.subjects.protocol import SubjectError

REPORTED: Final = {Verdict.SLOT: frozenset({Aspect.SLOTS})}


ASKED: Final = 5000
"""Capacity times operations, up to which each operation is asked whether it made the difference;
beyond that it takes minutes."""


class Right(Enum):
    """Whose answers are the specification's, in the history that shows the difference."""

    PRIMARY = "primary"
    CANDIDATE = "candidate"
    BOTH = "both"
    NEITHER = "neither"


class Fault(NamedTuple):
    """What one of the two does wrong, at the latest in the last operation.

    `laws`: those that the answer breaks which shows it. `origin`: those that operation `at` breaks,
    which made the difference; in large pools that is not sought, and it is the last again.
    `expected` and `observed` are answers; None: numbers of entries.
    """

    laws: tuple[str, ...]
    origin: tuple[str, ...]
    at: int
    expected: Response | None
    observed: Response | None


@dataclass(frozen=True)
class Explanation:
    """The shortest history found after which the two differ so, and whose fault it is.

    `steps` are the shadow's, with the keys and priorities that came; `history` is that of the pool
    in the specification's names, in `told.scope`.
    """

    verdict: Verdict
    right: Right
    steps: tuple[Step, ...]
    told: Telling
    primary: Fault | None
    candidate: Fault | None

    @property
    def history(self) -> tuple[Op, ...]:
        return self.told.history

    @property
    def laws(self) -> tuple[str, ...]:
        """Those that whoever is wrong breaks where it shows."""
        faults = [one for one in (self.primary, self.candidate) if one is not None]
        return tuple(dict.fromkeys(law for fault in faults for law in fault.laws))

    def __str__(self) -> str:
        lines = [f"{self.verdict.value} after {len(self.steps)} operations:"]
        lines += [f"  {number}. {op}" for number, op in enumerate(self.steps, 1)]
        for name, fault in (("primary", self.primary), ("candidate", self.candidate)):
            if fault is None:
                lines.append(f"the {name} is right")
                continue
            lines.append(
                f"the {name} is wrong: breaks {', '.join(fault.laws) or 'no single law'}, and by "
                f"operation {fault.at + 1} {', '.join(fault.origin) or 'no single law'}: "
                f"expected {fault.expected}, observed {fault.observed}"
            )
        return "\n".join(lines)


def explain(
    divergence: Divergence,
    primary: SideFactory,
    candidate: SideFactory,
    profile: Profile,
    capacities: Mapping[str, int] | int,
    *,
    clients: ClientFactory = Client,
) -> Explanation | None:
    """Tell the history of a divergence again to two new caches, cut it down, and judge both.

    None: told again, they do not differ so; a client that wrote into what it had stored, say, is
    in no journal. Contents are judged as they were when they were set.

    Args:
        divergence: of a `kvref.shadow.Shadow`, its history whole.
        primary, candidate: make the two, new and empty.
        profile: the semantics by which they are judged.
        capacities: of the pools, by name, or of each.
        clients: makes the objects that are stored, `Box` objects unless it says otherwise.
    """
    require_profile(profile)
    require_stated(profile)
    pool = divergence.pool
    capacity = capacities if isinstance(capacities, int) else capacities.get(pool)
    if capacity is None:
        raise SubjectError(f"there is no capacity of the pool {pool!r}, only of {capacities}")
    judged = replace(profile, ownership=Ownership.REFERENCE)  # a shadow sees contents, no identity
    two = Two(primary, candidate, clients)
    alone = tuple(step for step in divergence.history if step.pool == pool)
    for mode in (Mode.COMPARE, Mode.SERVE):  # a primary that raises, raises where it only shadows
        again = partial(differ, two, divergence.verdict, pool, mode)
        found = again(alone) or again(divergence.history)
        if found is not None:
            steps = shortest(found, again).history
            told = telling(steps, pool, judged, capacity)
            return explained(divergence.verdict, two, steps, told)
    return None


def explained(verdict: Verdict, two: Two, steps: tuple[Step, ...], told: Telling) -> Explanation:
    """Both judged by the specification."""
    reports = REPORTED.get(verdict, UNTOLD)
    primary, candidate = (
        fault_of(told, partial(SideSubject, make, two.clients, told, reports), verdict)
        for make in (two.primary, two.candidate)
    )
    if primary is None:
        right = Right.BOTH if candidate is None else Right.PRIMARY
    else:
        right = Right.CANDIDATE if candidate is None else Right.NEITHER
    return Explanation(verdict, right, steps, told, primary, candidate)


def fault_of(told: Telling, build: Callable[[], SideSubject], verdict: Verdict) -> Fault | None:
    """What this side does wrong in the history, if it does."""
    wrong = first_divergence(told.scope, build, told.history)
    if wrong is not None:
        return blamed(told, build, wrong)
    return size_told(told, build()) if verdict is Verdict.SIZE else None


def blamed(
    told: Telling, build: Callable[[], SideSubject], wrong: Departure[PoolState, Op]
) -> Fault:
    """The laws that show it, M1 if only what other pools were told brings it about; the origin."""
    last, laws, origin = len(wrong.history) - 1, wrong.laws, wrong
    if told.scope.capacity * last <= ASKED:
        origin = settled(told.scope, build, wrong)
    if any(told.between):
        laws = (*laws, "M1")
    at = last if origin.at is None else origin.at
    return Fault(laws, origin.laws, at, wrong.expected, wrong.observed)


def size_told(told: Telling, subject: SideSubject) -> Fault | None:
    """P1 or P2: as many entries as the specification has at the end of the history."""
    state = told.scope.initial()
    for op in told.history:
        subject.perform(op)
        state, _ = told.scope.step(state, op)
    size = subject.side.size(told.pool)
    if size is None or size == len(state.pool.entries):
        return None
    laws = ("P1",) if size > told.scope.capacity else ("P2",)
    return Fault(laws, laws, len(told.history) - 1, None, None)
