"""Rightful transitions of a manager of two environments, and what can be changed in them."""

from collections.abc import Callable

from spec.laws import manager_broken
from spec.manager import ManagerState, new_manager, step
from spec.manager_laws import ManagerTransition
from spec.ops import (
    ClearAll,
    ClearTier,
    EnvId,
    Get,
    Key,
    Lookup,
    ManagerOp,
    On,
    Ref,
    ResetAllStats,
    Response,
    Set,
    Tier,
)
from spec.pool import Pool
from spec.profile import FIFO_REFERENCE, Profile
from spec.sizing import Capacities, Config

E0, E1, A, B = EnvId(0), EnvId(1), Key(0), Key(1)
INIT0, INIT1, RECUR, WM = range(4)


class Case:
    """A rightful transition of a manager of two environments, and what to change in it."""

    def __init__(
        self, op: ManagerOp, *before: ManagerOp, profile: Profile = FIFO_REFERENCE
    ) -> None:
        state = new_manager(profile, Config(2, 1), Capacities(2, 2, 2), 2, 4)
        for earlier in before:
            state, _ = step(state, earlier)
        self.before, self.op = state, op
        self.after, self.response = step(state, op)

    def broken(
        self, response: Response | None = None, after: ManagerState | None = None
    ) -> tuple[str, ...]:
        told = self.response if response is None else response
        return manager_broken(ManagerTransition(self.before, self.op, told, after or self.after))

    def pool(self, index: int, change: Callable[[Pool], Pool]) -> ManagerState:
        pools = list(self.after.pools)
        pools[index] = change(pools[index])
        return self.after._replace(pools=tuple(pools))

    def counting(self, **changes: int) -> ManagerState:
        return self.after._replace(lookups=self.after.lookups._replace(**changes))


def emptied(pool: Pool) -> Pool:
    return pool._replace(entries=())


def missed(pool: Pool) -> Pool:
    return pool._replace(counters=pool.counters._replace(misses=pool.counters.misses + 1))


def larger(pool: Pool) -> Pool:
    return pool._replace(capacity=3)


IN_INIT = On(Tier.INIT, E0, Set(A, Ref(0)))
IN_RECUR = On(Tier.RECUR, None, Set(A, Ref(1)))
IN_WM = On(Tier.WM, None, Set(A, Ref(2)))
EACH = (IN_INIT, On(Tier.INIT, E1, Set(B, Ref(0))), IN_RECUR, IN_WM)

SET = Case(IN_INIT, *EACH)
BAD_ENV = Case(On(Tier.INIT, EnvId(2), Get(A)), *EACH)
IN_BOTH = Case(Lookup(E0, A), *EACH)
ONLY_RECUR = Case(Lookup(E1, A), *EACH)
NOWHERE = Case(Lookup(E0, B), *EACH)
BAD_LOOKUP = Case(Lookup(EnvId(-1), A), *EACH)
NO_KEY = Case(Lookup(E0, None), *EACH)
CLEAR_RECUR = Case(ClearTier(Tier.RECUR), *EACH)
CLEAR_ALL = Case(ClearAll(), *EACH)
RESET = Case(ResetAllStats(), *EACH, Lookup(E0, A))
EVERY = {name: case for name, case in globals().items() if isinstance(case, Case)}
