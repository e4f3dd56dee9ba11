"""Random histories beyond what was exhausted: long memories, hidden structures, stale leftovers.

The seed is fixed, so that a run can be repeated. What goes wrong is cut down to a history from
which no operation can be left out, in a scope with the plainest names that still show it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from random import Random
from time import monotonic
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

from stateful_models.engines.judge import Divergence, Judge, behind, first_divergence
from stateful_models.engines.settle import settled
from stateful_models.scopes.scope import Scope
from stateful_models.subjects.protocol import Subject

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states
F = TypeVar("F")

Mood: TypeAlias = dict[str, int]
"""How often each kind of operation comes; 1 where nothing is said."""
NO_CLEARS: Final[Mood] = {"Clear": 0, "ClearTier": 0, "ClearAll": 0, "Reset": 0}
MOODS: Final[tuple[Mood, ...]] = (
    {"Set": 12, "Update": 12, "Get": 10, "Lookup": 10},  # what a search does
    {"Set": 24, "Update": 24, "Get": 6, "Lookup": 6} | NO_CLEARS,  # churn
    {"Set": 6, "Update": 6, "Get": 24, "Lookup": 24} | NO_CLEARS,  # looks
    {"Set": 12, "Update": 12, "Get": 5, "Lookup": 5, "Clear": 4, "ClearTier": 2, "ClearAll": 2},
    {},  # everything alike
)
LENGTH: Final = 300
ENOUGH: Final = 3
LONG: Final = 60
"""Operations of a history that takes long to cut down: none is looked for beside it."""
PARTS: Final = 4


class Sampling(NamedTuple):
    """So many random histories of a length, in pools of a capacity and with so many keys (None:
    others each time), from a seed on; and on until so many `seconds` are over."""

    histories: int
    length: int = LENGTH
    capacity: int | None = None
    keys: int | None = None
    seed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Setting(Generic[S, O]):
    """A scope, and what makes a subject for it. In `plainer` ones it is seen whether
    what was found shows itself too."""

    scope: Scope[S, O]
    build: Callable[[], Subject[O]]
    plainer: "tuple[Setting[S, O], ...]" = ()


class Sampled(NamedTuple, Generic[S, O]):
    """What was found, where, and how many histories were tried."""

    tried: int
    setting: Setting[S, O] | None = None
    divergence: Divergence[S, O] | None = None


Draw: TypeAlias = Callable[[Random], Setting[S, O]]


def sample(
    scope: Scope[S, O], build: Callable[[], Subject[O]], histories: int, length: int = 60
) -> Divergence[S, O] | None:
    """Random histories within one scope."""
    setting = Setting(scope, build)
    found = sampled(lambda random: setting, Sampling(histories, length)).divergence
    return None if found is None else settled(scope, build, found)


def sampled(draw: Draw[S, O], sampling: Sampling) -> Sampled[S, O]:
    """The shortest of the first few divergences in random histories, each cut down; one will do
    that is long."""
    random, found, tried = Random(sampling.seed), list[Sampled[S, O]](), 0
    until = monotonic() + sampling.seconds
    while tried < sampling.histories or monotonic() < until:
        if len(found) == ENOUGH or any(map(is_long, found)):
            break
        setting = draw(random)
        tried += 1
        wrong = attempt(setting, random, sampling.length)
        if wrong is not None:
            found.append(simplest(setting, wrong))
    return best([Sampled(tried), *found])


def parted(sampling: Sampling) -> list[Sampling]:
    """The same in parts, one after another as long."""
    seeds = [PARTS * sampling.seed + part for part in range(PARTS)]
    few, more = divmod(sampling.histories, PARTS)
    shares = [few + (part < more) for part in range(PARTS)]
    each = zip(seeds, shares, strict=True)
    asked = sampling._replace(seconds=sampling.seconds / PARTS)
    return [asked._replace(seed=seed, histories=share) for seed, share in each]


def whole(parts: Iterable[Sampled[S, O]]) -> Sampled[S, O]:
    """What comes of parts, one after another; one that found a long history is the last."""
    told = list[Sampled[S, O]]()
    for part in parts:
        told.append(part)
        if is_long(part):
            break
    return best(told)


def is_long(one: Sampled[S, O]) -> bool:
    return one.divergence is not None and length(one) > LONG


def best(told: Sequence[Sampled[S, O]]) -> Sampled[S, O]:
    """The shortest finding, if there is one; all that was tried."""
    shortest = min(told, key=length)
    return shortest._replace(tried=sum(one.tried for one in told))


def length(one: Sampled[S, O]) -> float:
    return inf if one.divergence is None else len(one.divergence.history)


def attempt(setting: Setting[S, O], random: Random, length: int) -> Divergence[S, O] | None:
    """One random history, up to the first operation that goes wrong."""
    scope, judge = setting.scope, Judge(setting.scope, setting.build, frozenset())
    judge.trusts = True  # explorations ask the laws of it
    subject, state, done = judge.build(), scope.initial(), list[O]()
    groups = by_kind(scope.alphabet(judge.reports))
    mood = random.choice(MOODS)
    kinds = [*groups, *dict.fromkeys(map(kind_of, scope.writes(state)))]
    weights = [mood.get(kind, 1) for kind in kinds]
    for kind in random.choices(kinds, weights, k=length):
        op = random.choice(groups[kind] if kind in groups else scope.writes(state))
        state, wrong = judge.perform(subject, state, op)
        if wrong is not None:
            return behind(tuple(done), wrong)
        done.append(op)
    return remembered(judge, state, tuple(done))


def remembered(judge: Judge[S, O], state: S, done: tuple[O, ...]) -> Divergence[S, O] | None:
    """At the end of a history, what the operations in it may have left unsaid."""
    subject, state = judge.arrived(done, state)
    wrong = judge.probe(subject, state, done)
    return wrong if wrong is not None or judge.transparent else judge.flush(state, done)


def by_kind(ops: Sequence[O]) -> dict[str, list[O]]:
    groups: dict[str, list[O]] = {}
    for op in ops:
        groups.setdefault(kind_of(op), []).append(op)
    return groups


def kind_of(op: object) -> str:
    return type(getattr(op, "op", op)).__name__


def simplest(setting: Setting[S, O], found: Divergence[S, O]) -> Sampled[S, O]:
    """Cut down, where the names are as plain as they can be."""
    for plainer in setting.plainer:
        wrong = first_divergence(plainer.scope, plainer.build, found.history)
        if wrong is not None:
            setting, found = plainer, wrong
            break
    shortest = cut_down(setting.scope, setting.build, found)
    return Sampled(0, setting, replace(shortest, sampled=True))


def cut_down(
    scope: Scope[S, O], build: Callable[[], Subject[O]], found: Divergence[S, O]
) -> Divergence[S, O]:
    """Leave out operations as long as something goes wrong."""
    return cut(
        found,
        lambda one: one.history,
        lambda history: first_divergence(scope, build, history, trusts=True),
    )


def cut(
    found: F, told: Callable[[F], tuple[O, ...]], again: Callable[[tuple[O, ...]], F | None]
) -> F:
    """Leave out operations, many at once and then one by one, as long as it is found `again`.

    `told`: the history of what was found, which may end earlier than the one that was tried.
    """
    size, before = max(1, len(told(found)) // 2), len(told(found))
    while True:
        place = 0
        while place < len(told(found)):
            history = told(found)
            wrong = again((*history[:place], *history[place + size :]))
            if wrong is None or len(told(wrong)) >= len(history):
                place += size
            else:
                found = wrong
        if size == 1 and len(told(found)) == before:
            return found
        size, before = max(1, size // 2), len(told(found))
