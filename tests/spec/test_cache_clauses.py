"""Laws of pools and managers: what a transition must break, and that laws are total."""

from collections.abc import Callable

import pytest

from spec.manager import Lookups, new_manager, step
from spec.manager_laws import MANAGER, ManagerTransition, addressed
from spec.ops import (
    Clear,
    ClearAll,
    ClearTier,
    Contents,
    EnvId,
    Get,
    Hit,
    Inspect,
    Lookup,
    ManagerOp,
    Miss,
    On,
    Op,
    Peek,
    Read,
    Refused,
    Reread,
    ResetAllStats,
    ResetStats,
    Rewrite,
    Set,
    SlotId,
    Stored,
    Tier,
    Write,
)
from spec.profile import KVREF, Profile, RecurScope
from spec.sizing import Capacities, Config
from tests.support import manager_transitions as of_managers
from tests.support.manager_transitions import (
    E0,
    E1,
    EACH,
    INIT0,
    INIT1,
    NO_KEY,
    RECUR,
    SET,
    emptied,
    missed,
)
from tests.support.pool_transitions import COPY_HIT, FULL, INSERT, O0, O1, SEAL, A, B, C, Case

WRITE, READ = Write(O0, Contents(9)), Read(O0)
OPS: tuple[Op, ...] = (
    *(Get(A), Get(C), Get(None), Peek(A), Peek(C), Peek(None), Inspect(), ResetStats(), Clear()),
    *(Set(A, O0), Set(A, O1), Set(C, O1), Set(C, None), Set(None, O0), Set(C, O0, None)),
    *(READ, WRITE, Reread(), Rewrite(Contents(9))),
)


@pytest.mark.parametrize("profile", KVREF, ids=lambda p: f"{p.policy.value}-{p.ownership.value}")
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_rightful_transitions_break_nothing(op: Op, profile: Profile) -> None:
    for before in ((), (Set(A, O0),), FULL, (*FULL, Get(A))):
        assert Case(op, profile, *before).broken() == ()


def test_a_sealed_set_must_seal() -> None:
    assert "R4" in SEAL.broken(after=SEAL.after._replace(heap=SEAL.before.heap))


def test_a_set_that_stores_nothing_breaks_laws_and_raises_nothing() -> None:
    assert {"P4", "P9"} <= set(INSERT.broken(after=INSERT.before))


def test_a_copied_hit_must_be_in_hand() -> None:
    assert "R3" in COPY_HIT.broken(after=COPY_HIT.before)


MANAGER_OPS: tuple[ManagerOp, ...] = (
    *(On(tier, env, op) for op in OPS[:15] for tier in Tier for env in (None, E0, E1, EnvId(2))),  # type: ignore[arg-type]  # the pool's own
    *(Lookup(env, key) for env in (None, E0, E1, EnvId(2)) for key in (A, B, None)),
    *(ClearTier(tier) for tier in Tier),
    *(ClearAll(), ResetAllStats(), READ, WRITE, Reread(), Rewrite(Contents(9))),
)


def transition(case: of_managers.Case) -> ManagerTransition:
    return ManagerTransition(case.before, case.op, case.response, case.after)


@pytest.mark.parametrize("before", [(), EACH], ids=["empty", "each"])
def test_every_manager_law_holds_on_every_rightful_transition(
    before: tuple[ManagerOp, ...],
) -> None:
    for op in MANAGER_OPS:
        case = of_managers.Case(op, *before)
        assert [law.code for law in MANAGER if not law.holds(transition(case))] == []
        assert case.broken() == ()


def test_clients_and_bad_lookups_address_no_pool() -> None:
    assert addressed(transition(of_managers.Case(READ, *EACH))) == set()
    assert addressed(transition(of_managers.Case(On(Tier.INIT, EnvId(2), Get(A))))) == set()
    assert addressed(transition(of_managers.Case(Lookup(E1, A)))) == {INIT1, RECUR}
    assert addressed(transition(of_managers.Case(ResetAllStats()))) == {0, 1, 2, 3}


READS = of_managers.Case(READ, *EACH)
SET_IN_1 = of_managers.Case(On(Tier.INIT, E1, Set(A, O0)), *EACH)
OWN = Config(2, 1), Capacities(2, 1, 2)


class OfItsOwn(of_managers.Case):
    """A manager whose environments have recur pools of their own."""

    def __init__(self, op: ManagerOp, *before: ManagerOp) -> None:
        super().__init__(op)
        self.before = new_manager(Profile(recur_scope=RecurScope.PER_ENV), *OWN, envs=2, objects=4)
        for earlier in before:
            self.before, _ = step(self.before, earlier)
        self.after, self.response = step(self.before, op)


IN_OWN = (On(Tier.INIT, E0, Set(A, O0)), On(Tier.RECUR, E0, Set(A, O1)))
HIT_OWN = OfItsOwn(Lookup(E0, A), *IN_OWN)
WRONG: dict[str, tuple[str, Callable[[], tuple[str, ...]]]] = {
    "an update takes another slot": ("P5", lambda: SET.broken(Stored(SlotId(1)))),
    "an insert that counts in its own pool only": (
        "P9",
        lambda: SET_IN_1.broken(after=SET_IN_1.pool(INIT1, missed)),
    ),
    "a client's read counts": ("P9", lambda: READS.broken(after=READS.pool(INIT0, missed))),
    "nothing says how large": (
        "M7",
        lambda: SET.broken(after=SET.after._replace(config=Config())),
    ),
    "a hit in init asks the environment's own recur pool": (
        "M3",
        lambda: HIT_OWN.broken(after=HIT_OWN.pool(RECUR, missed)),
    ),
    "recur of one's own before init": ("M3", lambda: HIT_OWN.broken(Hit(O1, Contents(1)))),
    "a hit in a recur pool of one's own forgotten": (
        "M3",
        lambda: OfItsOwn(Lookup(E0, A), IN_OWN[1]).broken(Miss()),
    ),
    "a refused lookup answered": ("M3", lambda: NO_KEY.broken(Hit(O0, Contents(0)))),
    "a good set refused": ("P5", lambda: SET.broken(Refused(), SET.before)),
    "lookups counted where nothing is": (
        "M6",
        lambda: SET.broken(
            after=SET.after._replace(profile=Profile(counting=False), lookups=Lookups(misses=1))
        ),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_each_clause_is_broken_by_its_transition(name: str) -> None:
    law, evaluate = WRONG[name]
    assert law in evaluate()


def test_own_recur_pools_break_nothing() -> None:
    assert HIT_OWN.broken() == ()


def test_a_pool_that_vanishes_is_not_accepted() -> None:
    fewer = SET.after._replace(pools=SET.after.pools[:-1])
    assert {"M1", "M7"} <= set(SET.broken(after=fewer))
    assert "M1" in SET.broken(after=SET.pool(RECUR, emptied))
