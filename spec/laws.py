"""Every law by its name in DESIGN: predicates on one transition, each with its *sometimes*."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from spec.batch import BATCH, Alignment
from spec.heap_laws import HEAP
from spec.isolation_laws import ISOLATION, TwoRuns
from spec.keys import KEYS, Pair
from spec.law import Law, broken_of
from spec.manager_laws import MANAGER, ManagerTransition, projected
from spec.pool_laws import POOL
from spec.search_laws import SEARCH, SearchTransition
from spec.transition import EVERY_OP, Transition
from spec.window_laws import WINDOW, WindowTransition

AnyLaw: TypeAlias = (
    Law[Transition]
    | Law[ManagerTransition]
    | Law[TwoRuns]
    | Law[WindowTransition]
    | Law[Alignment]
    | Law[Pair]
    | Law[SearchTransition]
)
POOL_AND_HEAP: Final[tuple[Law[Transition], ...]] = POOL + HEAP
CACHE: Final[tuple[Law[Transition] | Law[ManagerTransition], ...]] = (*POOL_AND_HEAP, *MANAGER)
ALL: Final[tuple[AnyLaw, ...]] = (*CACHE, *ISOLATION, *WINDOW, *BATCH, *KEYS, *SEARCH)
TITLES: Final = {law.code: law.title for law in ALL}

Predicate = Callable[[Transition], bool]
OF_OP: Final[Mapping[type, tuple[tuple[str, Predicate], ...]]] = {
    op: tuple((law.code, law.holds) for law in POOL_AND_HEAP if op in law.about) for op in EVERY_OP
}


def broken(t: Transition) -> tuple[str, ...]:
    """The codes of the laws that this transition of a pool breaks."""
    return tuple([code for code, holds in OF_OP[type(t.op)] if not holds(t)])


def manager_broken(t: ManagerTransition) -> tuple[str, ...]:
    """The codes of the laws that this transition of a manager breaks, its pools' included."""
    inner = [code for part in projected(t) for code in broken(part)]
    return tuple(dict.fromkeys((*broken_of(MANAGER, t, type(t.op)), *inner)))


def isolation_broken(runs: TwoRuns) -> tuple[str, ...]:
    """The codes of the laws that these two runs break, of those that their profile promises."""
    laws = tuple(law for law in ISOLATION if law.applies(runs.both.before.profile))
    return broken_of(laws, runs, type(runs.op))


def window_broken(t: WindowTransition) -> tuple[str, ...]:
    """The codes of the laws that this transition of a client's windows breaks."""
    return broken_of(WINDOW, t, type(t.op))


def batch_broken(a: Alignment) -> tuple[str, ...]:
    """The codes of the laws that this alignment breaks."""
    return broken_of(BATCH, a, Alignment)


def keys_broken(pair: Pair) -> tuple[str, ...]:
    """The codes of the laws that these two observations break."""
    return broken_of(KEYS, pair, Pair)


def search_broken(t: SearchTransition) -> tuple[str, ...]:
    """The codes of the laws that this step of a search breaks."""
    return broken_of(SEARCH, t, type(t.op))
