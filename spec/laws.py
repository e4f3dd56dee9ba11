"""Every law by its name in DESIGN: predicates on one transition, each with its *sometimes*."""

from collections.abc import Callable, Mapping
from typing import Final

from spec.heap_laws import HEAP
from spec.manager_laws import MANAGER, ManagerTransition, project
from spec.pool_laws import POOL
from spec.transition import EVERY_OP, Law, Transition

POOL_AND_HEAP: Final[tuple[Law[Transition], ...]] = POOL + HEAP
ALL: Final[tuple[Law[Transition] | Law[ManagerTransition], ...]] = (*POOL_AND_HEAP, *MANAGER)


Predicate = Callable[[Transition], bool]
OF_OP: Final[Mapping[type, tuple[tuple[str, Predicate], ...]]] = {
    op: tuple((law.code, law.holds) for law in POOL_AND_HEAP if op in law.about) for op in EVERY_OP
}


def broken(t: Transition) -> tuple[str, ...]:
    """The codes of the laws that this transition of a pool breaks."""
    return tuple([code for code, holds in OF_OP[type(t.op)] if not holds(t)])


def manager_broken(t: ManagerTransition) -> tuple[str, ...]:
    """The codes of the laws that this transition of a manager breaks, its pool's included."""
    own = tuple([law.code for law in MANAGER if type(t.op) in law.about and not law.holds(t)])
    inner = project(t)
    return own if inner is None else (*broken(inner), *own)
