"""Scopes of a manager whose listener demotes what leaves recur into an init pool."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from spec import listening
from spec.listening import LISTENING
from spec.manager import ManagerState
from spec.manager_laws import ManagerTransition
from spec.ops import ManagerOp, Response
from stateful_models.scopes.manager import ManagerScope


@dataclass(frozen=True, slots=True)
class DemotingScope(ManagerScope):
    """A manager whose listener demotes; an entry's object is no longer told by pool and key."""

    @property
    def label(self) -> str:
        return f"demoting {super(DemotingScope, self).label}"

    def step(self, state: ManagerState, op: ManagerOp) -> tuple[ManagerState, Response]:
        return listening.step(state, op)

    def broken(
        self, before: ManagerState, op: ManagerOp, response: Response, after: ManagerState
    ) -> tuple[str, ...]:
        seen = ManagerTransition(before, op, response, after)
        return () if LISTENING.holds(seen) else (LISTENING.code,)

    def situations(
        self,
    ) -> dict[str, Callable[[ManagerState, ManagerOp, Response, ManagerState], bool]]:
        return {LISTENING.code: lambda *t: LISTENING.occurs(ManagerTransition(*t))}

    def canonical(self, state: ManagerState, symmetric: bool) -> tuple[Hashable, int]:
        return tuple([tuple([(e.key, e.slot, e.ref) for e in p.entries]) for p in state.pools]), 1
