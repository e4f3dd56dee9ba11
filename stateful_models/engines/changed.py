"""Every transition with one component changed: what would be missed if the laws were weaker.

The specification says what a step is, the laws what is true of every step. Here each transition
of the specification is changed in one component, of the state after it or of its answer; some law
must reject it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from typing import Final, Generic, NamedTuple, TypeVar

from spec.heap import Hand, Object
from spec.laws import broken, manager_broken
from spec.manager import ManagerState
from spec.manager_laws import ManagerTransition
from spec.ops import (
    Cause,
    Census,
    Cleared,
    Contents,
    Counters,
    Done,
    Hit,
    Key,
    Left,
    ManagerOp,
    Miss,
    Op,
    Ref,
    Refused,
    Response,
    Seen,
    SlotId,
    Stored,
)
from spec.pool import Entry, PoolState
from spec.profile import CLASSIC, Policy, Profile
from spec.transition import observed
from stateful_models.scopes.changed import MANAGERS, POOLS, of_manager, of_pool

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states

STRANGE: Final = Key(7)
INSTEAD_OF_NONE: Final[dict[str, object]] = {
    "hand": Hand(Contents(8), None),
    "home": ("pool", Key(0)),
    "ref": Ref(0),
    "max_cache_size": 1,
}
"""By the name of a field: what to put where nothing is."""
ONE_MORE: Final[dict[str, object]] = {
    "entries": Entry(STRANGE, SlotId(0), Ref(0), Contents(0)),
    "left": Left(STRANGE, SlotId(0), Ref(0), Cause.EVICTED),
    "objects": Object(Contents(8)),
    "keys": STRANGE,
    "kept": Ref(7),
    "memo": STRANGE,
}
"""By the name of a field: what to add to it."""
ANSWERS: Final[tuple[Response, ...]] = (
    Hit(Ref(0), Contents(0)),
    Miss(),
    Stored(SlotId(0)),
    Cleared(()),
    Seen(Contents(0)),
    Done(),
    Refused(),
    Census(frozenset(), frozenset(), 0, Counters()),
)
"""One of each kind."""

Change = tuple[str, object]


def changes(value: object, path: str) -> Iterator[Change]:
    """The value with one component changed, and which one: a path, and what was done there."""
    name = path.rpartition(".")[2]
    if value is None:
        if name in INSTEAD_OF_NONE:
            yield f"{path} instead of nothing", INSTEAD_OF_NONE[name]
    elif isinstance(value, bool):
        yield path, not value
    elif isinstance(value, int):
        yield path, value + 1
        if value != 0:
            yield path, value - 1
    elif isinstance(value, str):
        yield path, f"{value}'"
    elif isinstance(value, Policy):
        yield from ((path, other) for other in CLASSIC if other != value)
    elif isinstance(value, Enum):
        yield from ((path, other) for other in type(value) if other is not value)
    elif isinstance(value, frozenset):
        yield from ((f"{path} less one", value - {one}) for one in value)
        yield f"{path} and one more", value | {ONE_MORE[name]}
    elif is_dataclass(value) and not isinstance(value, type):
        for part in fields(value):
            for what, other in changes(getattr(value, part.name), f"{path}.{part.name}"):
                yield what, replace(value, **{part.name: other})
    elif isinstance(value, tuple):
        yield from of_tuple(value, path, name)
    if value is not None and name in INSTEAD_OF_NONE:
        yield f"{path} forgotten", None


def of_tuple(value: tuple[object, ...], path: str, name: str) -> Iterator[Change]:
    names: tuple[str, ...] | None = getattr(value, "_fields", None)
    make = getattr(type(value), "_make", tuple)
    for place, one in enumerate(value):
        inner = path if names is None else f"{path}.{names[place]}"
        for what, other in changes(one, inner):
            yield what, make((*value[:place], other, *value[place + 1 :]))
    if names is None and name != "home":
        for place, one in enumerate(value):
            yield f"{path} less one", (*value[:place], *value[place + 1 :])
            yield f"{path} with one twice", (*value, one)
            two = value[place : place + 2][::-1]
            yield f"{path} in another order", (*value[:place], *two, *value[place + 2 :])
        if name in ONE_MORE:
            yield f"{path} and one more", (*value, ONE_MORE[name])


class Step(NamedTuple, Generic[S, O]):
    """A transition of the specification."""

    before: S
    op: O
    response: Response
    after: S


def changed(step: Step[S, O], kind: str) -> Iterator[tuple[str, Step[S, O]]]:
    """The transition with one component changed, and which one."""
    for what, after in changes(step.after, f"{kind} state"):
        if after != step.after:
            yield what, step._replace(after=after)  # type: ignore[arg-type]  # of its own type
    answer = f"{kind} answer {type(step.response).__name__}"
    for what, response in changes(step.response, answer):
        if response != step.response:
            yield what, step._replace(response=response)  # type: ignore[arg-type]  # likewise
    for response in ANSWERS:
        if type(response) is not type(step.response):
            yield f"{answer}, another kind", step._replace(response=response)


@dataclass(frozen=True)
class Tally:
    """How many changes were tried, and by how many laws each was rejected.

    `accepted`: by component, those that no law rejects. `alone`: by law, those that no other does.
    """

    tried: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)

    def add(self, what: str, laws: tuple[str, ...]) -> None:
        self.tried[what] += 1
        self.rejects.update(laws)
        if not laws:
            self.accepted[what] += 1
        elif len(laws) == 1:
            self.alone[laws[0]] += 1


def tally(
    kind: str,
    steps: Iterable[tuple[S, O, Response, S]],
    broken: Callable[[S, O, Response, S], tuple[str, ...]],
    into: Tally,
) -> None:
    """Every change of every step, put before the laws."""
    for step in steps:
        for what, wrong in changed(Step(*step), kind):
            into.add(what, broken(*wrong))


def of_pools(before: PoolState, op: Op, response: Response, after: PoolState) -> tuple[str, ...]:
    return broken(observed(before, op, response, after))


def of_managers(
    before: ManagerState, op: ManagerOp, response: Response, after: ManagerState
) -> tuple[str, ...]:
    return manager_broken(ManagerTransition(before, op, response, after))


def every_change(pools: Iterable[Profile] = POOLS, managers: Iterable[Profile] = MANAGERS) -> Tally:
    """Those of pools and managers of these profiles."""
    count = Tally()
    for profile in pools:
        tally("pool", of_pool(profile), of_pools, count)
    for profile in managers:
        tally("manager", of_manager(profile), of_managers, count)
    return count
