"""Each clause of M1, M3, M4, M6, M7, on a transition of a manager that breaks it.

And of clears where a hit has lent something: what of several pools is in hand is one.
"""

from collections.abc import Callable

import pytest

from spec.manager import Lookups
from spec.ops import (
    ClearAll,
    ClearTier,
    Contents,
    Get,
    Hit,
    ManagerOp,
    Miss,
    On,
    Ref,
    Tier,
)
from spec.profile import FIFO_LENT
from tests.support.manager_transitions import (
    BAD_ENV,
    BAD_LOOKUP,
    CLEAR_ALL,
    CLEAR_RECUR,
    E0,
    E1,
    EACH,
    EVERY,
    IN_BOTH,
    INIT0,
    INIT1,
    NO_KEY,
    NOWHERE,
    ONLY_RECUR,
    RECUR,
    RESET,
    SET,
    WM,
    A,
    B,
    Case,
    emptied,
    larger,
    missed,
)


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


LOOKS = (
    On(Tier.INIT, E0, Get(A)),
    On(Tier.INIT, E1, Get(B)),
    On(Tier.RECUR, None, Get(A)),
    On(Tier.WM, None, Get(A)),
)
CLEARS: tuple[ManagerOp, ...] = (ClearAll(), *map(ClearTier, Tier))


@pytest.mark.parametrize("clear", CLEARS, ids=str)
@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_a_clear_takes_back_what_is_lent_whichever_pool_it_is_of(
    look: On, clear: ManagerOp
) -> None:
    case = Case(clear, *EACH, look, profile=FIFO_LENT)
    assert case.before.heap.hand is not None
    assert case.after.heap.hand is None
    assert case.broken() == ()
    kept = case.after._replace(heap=case.before.heap)
    assert case.broken(after=kept) == ("R3",)
