"""Every law by its name in DESIGN: predicates on one transition, each with its *sometimes*."""

from collections.abc import Mapping
from typing import Final, TypeVar

from spec.heap_laws import HEAP
from spec.manager_laws import MANAGER, ManagerTransition, project
from spec.pool_laws import POOL
from spec.transition import EVERY_OP, Law, Transition

T = TypeVar("T")

POOL_AND_HEAP: Final[tuple[Law[Transition], ...]] = POOL + HEAP
ALL: Final[tuple[Law[Transition] | Law[ManagerTransition], ...]] = (*POOL_AND_HEAP, *MANAGER)


def by_op(laws: tuple[Law[T], ...], ops: tuple[type, ...]) -> Mapping[type, tuple[Law[T], ...]]:
    return {op: tuple(law for law in laws if op in law.about) for op in ops}


POOL_LAWS_OF: Final = by_op(POOL_AND_HEAP, EVERY_OP)


def broken(t: Transition) -> tuple[str, ...]:
    """The codes of the laws that this transition of a pool breaks."""
    return tuple([law.code for law in POOL_LAWS_OF[type(t.op)] if not law.holds(t)])


def manager_broken(t: ManagerTransition) -> tuple[str, ...]:
    """The codes of the laws that this transition of a manager breaks, its pool's included."""
    own = tuple([law.code for law in MANAGER if type(t.op) in law.about and not law.holds(t)])
    inner = project(t)
    return own if inner is None else (*broken(inner), *own)
