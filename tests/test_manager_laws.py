"""Each clause of M1, M3, M4, M6, M7, on a transition of a manager that breaks it."""

from collections.abc import Callable

import pytest

from spec.laws import manager_broken
from spec.manager import Lookups, ManagerState, new_manager, step
from spec.manager_laws import ManagerTransition
from spec.ops import (
    ClearAll,
    ClearTier,
    Contents,
    EnvId,
    Get,
    Hit,
    Key,
    Lookup,
    ManagerOp,
    Miss,
    On,
    Ref,
    ResetAllStats,
    Response,
    Set,
    Tier,
)
from spec.pool import Pool
from spec.profile import FIFO_REFERENCE
from spec.sizing import Capacities, Config

E0, E1, A, B = EnvId(0), EnvId(1), Key(0), Key(1)
INIT0, INIT1, RECUR, WM = range(4)


class Case:
    """A rightful transition of a manager of two environments, and what to change in it."""

    def __init__(self, op: ManagerOp, *before: ManagerOp) -> None:
        state = new_manager(FIFO_REFERENCE, Config(2, 1), Capacities(2, 2, 2), 2, 4)
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


@pytest.mark.parametrize("name", EVERY)
def test_rightful_transitions_break_nothing(name: str) -> None:
    assert EVERY[name].broken() == ()


HIT = Hit(Ref(0), Contents(0))
WRONG: dict[str, tuple[str, Callable[[], tuple[str, ...]]]] = {
    "a set reaches another environment": ("M1", lambda: SET.broken(after=SET.pool(INIT1, emptied))),
    "a set reaches recur": ("M1", lambda: SET.broken(after=SET.pool(RECUR, missed))),
    "a bad environment served": ("M1", lambda: BAD_ENV.broken(Miss())),
    "a bad environment counted": ("M1", lambda: BAD_ENV.broken(after=BAD_ENV.pool(INIT1, missed))),
    "init hit, recur asked": ("M3", lambda: IN_BOTH.broken(after=IN_BOTH.pool(RECUR, missed))),
    "init hit, told a miss": ("M3", lambda: IN_BOTH.broken(Miss())),
    "recur before init": ("M3", lambda: IN_BOTH.broken(Hit(Ref(1), Contents(1)))),
    "recur forgotten": ("M3", lambda: ONLY_RECUR.broken(Miss())),
    "a hit from nowhere": ("M3", lambda: NOWHERE.broken(HIT)),
    "a lookup reaches wm": ("M3", lambda: NOWHERE.broken(after=NOWHERE.pool(WM, missed))),
    "a bad environment looked up": ("M3", lambda: BAD_LOOKUP.broken(Miss())),
    "no key looked up": ("M3", lambda: NO_KEY.broken(Miss())),
    "a refused lookup counted": ("M3", lambda: NO_KEY.broken(after=NO_KEY.pool(INIT0, missed))),
    "another tier cleared": ("M4", lambda: CLEAR_RECUR.broken(after=CLEAR_RECUR.pool(WM, emptied))),
    "the tier not emptied": ("M4", lambda: CLEAR_RECUR.broken(after=CLEAR_RECUR.before)),
    "not everything emptied": ("M4", lambda: CLEAR_ALL.broken(after=CLEAR_ALL.before)),
    "an init hit not counted": ("M6", lambda: IN_BOTH.broken(after=IN_BOTH.counting(init_hits=0))),
    "a recur hit not counted": (
        "M6",
        lambda: ONLY_RECUR.broken(after=ONLY_RECUR.counting(recur_hits=0)),
    ),
    "a miss counted twice": ("M6", lambda: NOWHERE.broken(after=NOWHERE.counting(misses=2))),
    "a set counted as a lookup": ("M6", lambda: SET.broken(after=SET.counting(misses=1))),
    "a refused lookup counted as one": (
        "M6",
        lambda: NO_KEY.broken(after=NO_KEY.counting(misses=1)),
    ),
    "a reset forgets lookups": (
        "M6",
        lambda: RESET.broken(after=RESET.after._replace(lookups=Lookups(1, 0, 0))),
    ),
    "init too large": ("M7", lambda: SET.broken(after=SET.pool(INIT0, larger))),
    "recur too large": ("M7", lambda: SET.broken(after=SET.pool(RECUR, larger))),
    "wm too large": ("M7", lambda: SET.broken(after=SET.pool(WM, larger))),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_clause_is_broken_by_its_transition(name: str) -> None:
    law, evaluate = WRONG[name]
    assert law in evaluate()


def test_every_manager_law_is_broken_by_some() -> None:
    assert {law for law, _ in WRONG.values()} == {"M1", "M3", "M4", "M6", "M7"}
