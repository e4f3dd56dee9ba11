"""M2 and M5 clause by clause, on two runs made by hand."""

import pytest

from spec.isolation_laws import ISOLATION, TwoRuns
from spec.laws import isolation_broken
from spec.manager import ManagerState, new_manager, step
from spec.manager_laws import ManagerTransition
from spec.ops import EnvId, Get, Key, Lookup, ManagerOp, Miss, On, Ref, Response, Set, Tier
from spec.profile import FIFO_REFERENCE, Profile, RecurScope
from spec.sizing import Capacities, Config

ME, THEY, KEY = EnvId(0), EnvId(1), Key(0)
APART = Profile(recur_scope=RecurScope.PER_ENV)
MINE = On(Tier.INIT, ME, Set(KEY, Ref(0))), On(Tier.RECUR, ME, Set(KEY, Ref(0)))
THEIRS = On(Tier.INIT, THEY, Set(KEY, Ref(1))), On(Tier.RECUR, THEY, Set(KEY, Ref(1)))
INIT, RECUR = On(Tier.INIT, ME, Get(KEY)), On(Tier.RECUR, ME, Get(KEY))
WM, LOOKUP = On(Tier.WM, None, Get(KEY)), Lookup(ME, KEY)


def after(profile: Profile, *ops: ManagerOp) -> ManagerState:
    state = new_manager(profile, Config(2, 2), Capacities(2, 2, 2), 2, 2)
    for op in ops:
        state, _ = step(state, op)
    return state


def runs(
    op: ManagerOp,
    both: tuple[ManagerOp, ...] = (*MINE, *THEIRS),
    alone: tuple[ManagerOp, ...] = MINE,
    profile: Profile = APART,
    answer: Response | None = None,
) -> TwoRuns:
    def told(before: ManagerState) -> ManagerTransition:
        then, response = step(before, op)
        return ManagerTransition(before, op, response, then)

    one, other = told(after(profile, *both)), told(after(profile, *alone))
    return TwoRuns(one, other if answer is None else other._replace(response=answer))


@pytest.mark.parametrize(
    ("seen", "broken"),
    [
        (runs(INIT), ()),
        (runs(RECUR), ()),
        (runs(LOOKUP), ()),
        (runs(INIT, answer=Miss()), ("M2", "M5")),
        (runs(RECUR, answer=Miss()), ("M5",)),
        (runs(LOOKUP, answer=Miss()), ("M5",)),
        (runs(INIT, answer=Miss(), profile=FIFO_REFERENCE), ("M2",)),
        (runs(RECUR, profile=FIFO_REFERENCE), ()),
        (runs(LOOKUP, answer=Miss(), profile=FIFO_REFERENCE), ()),
    ],
)
def test_clause_of_isolation(seen: TwoRuns, broken: tuple[str, ...]) -> None:
    """Through the shared recur pool (FIFO_REFERENCE) answers may differ, but not those of init."""
    assert isolation_broken(seen) == broken


@pytest.mark.parametrize(
    ("seen", "codes"),
    [
        (runs(INIT), "M2"),
        (runs(RECUR), "M5"),
        (runs(WM), ""),
        (runs(LOOKUP), "M5"),
        (runs(INIT, both=MINE), ""),
        (runs(RECUR, both=MINE), ""),
        (runs(INIT, both=THEIRS, alone=()), ""),
        (runs(LOOKUP, both=THEIRS, alone=()), ""),
    ],
)
def test_the_laws_speak_of_hits_beside_others(seen: TwoRuns, codes: str) -> None:
    assert [law.code for law in ISOLATION if law.occurs(seen)] == codes.split()
