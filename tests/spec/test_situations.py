"""The situation that each law speaks of occurs where it should, and nowhere else."""

import pytest

from spec.heap_laws import HEAP
from spec.manager_laws import MANAGER, ManagerTransition
from spec.ops import (
    Clear,
    ClearTier,
    Contents,
    Get,
    Key,
    Lookup,
    On,
    Op,
    Peek,
    Ref,
    Set,
    Tier,
    Write,
)
from spec.pool_laws import POOL
from spec.profile import (
    FIFO_COPY,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_REFERENCE,
    PRIORITY_REFERENCE,
    Policy,
    Profile,
)
from spec.transition import observed
from spec.window import (
    Clone,
    Fork,
    Place,
    Prune,
    Seal,
    Shelf,
    Token,
    Update,
    WindowOp,
    new_shelf,
    step,
)
from spec.window_laws import WINDOW, WindowTransition
from tests.support import manager_transitions as of_managers
from tests.support.manager_transitions import E0, E1, EACH, IN_INIT, IN_RECUR, IN_WM
from tests.support.pool_transitions import FULL, O0, O1, SET_A, A, B, C, Case
from tests.support.shelves import HERE, SEALED, THERE, columns, shelf, update

WRITE, WRITE_OTHER = Write(O0, Contents(9)), Write(O1, Contents(9))
RENEWS = Profile(Policy.FIFO_RENEWING)


@pytest.mark.parametrize(
    ("case", "codes"),
    [
        (Case(SET_A), "P2 P4 R2"),
        (Case(Set(B, O0), FIFO_REFERENCE, SET_A), "P1 P2 P4 R2"),
        (Case(Set(C, O0), FIFO_REFERENCE, *FULL), "P1 P2 P3 P4 P9 R2 R3 R5 P12"),
        (Case(Set(A, O1), FIFO_REFERENCE, *FULL), "P1 P2 P5 R2 R3 R5 P12"),
        (Case(SET_A, FIFO_REFERENCE, *FULL), "P1 P2 P5 R2"),
        (Case(Set(C, None), FIFO_REFERENCE, *FULL), "P1 P2 P8"),
        (Case(Set(C, None), FIFO_REFERENCE, SET_A), "P2"),
        (Case(Get(None), FIFO_REFERENCE, *FULL), "P1 P2"),
        (Case(Get(A), FIFO_REFERENCE, *FULL), "P1 P2 P6 R1"),
        (Case(Get(C), FIFO_REFERENCE, *FULL), "P1 P2"),
        (Case(Get(A), FIFO_REFERENCE, SET_A, WRITE), "P2 P6 R1 R4"),
        (Case(Peek(A), FIFO_REFERENCE, SET_A, WRITE), "P2 P10 R1 R4"),
        (Case(Get(A), FIFO_REFERENCE, SET_A, WRITE_OTHER), "P2 P6 R1"),
        (Case(Get(B), FIFO_REFERENCE, SET_A, WRITE), "P2"),
        (Case(Peek(A), FIFO_REFERENCE, *FULL), "P1 P2 P10 R1"),
        (Case(Peek(C), FIFO_REFERENCE, *FULL), "P1 P2"),
        (Case(Clear(), FIFO_REFERENCE, *FULL), "P7 R3 R5 P12"),
        (Case(Clear()), ""),
        (Case(WRITE, FIFO_SEALED, SET_A), "P2 R4"),
        (Case(WRITE_OTHER, FIFO_SEALED, SET_A), "P2"),
        (Case(Get(A), FIFO_SEALED, SET_A), "P2 P6 R1"),
        (Case(Set(B, None), FIFO_SEALED, SET_A), "P2"),
        (Case(Get(A), FIFO_COPY, SET_A, WRITE), "P2 P6 R1 R4"),
        (Case(Get(A), FIFO_COPY, SET_A, Get(A)), "P2 P6 R1"),
        (Case(SET_A, FIFO_COPY, SET_A), "P2 P5 R2 R5 P12"),
        (Case(SET_A, FIFO_COPY, SET_A, Get(A)), "P2 P5 R2 R3 R5 P12"),
        (Case(SET_A, FIFO_COPY, SET_A, Get(A), SET_A), "P2 P5 R2 R5 P12"),
        (Case(Clear(), FIFO_COPY, SET_A, Get(A)), "P7 R3 R5 P12"),
    ],
)
def test_laws_of_pools_speak_of_their_situations(case: Case, codes: str) -> None:
    t = observed(case.before, case.op, case.response, case.after)
    assert [law.code for law in (*POOL, *HEAP) if law.occurs(t)] == codes.split()


def test_identity_does_not_apply_to_copies() -> None:
    applies = {law.code: law.applies for law in (*POOL, *HEAP)}
    assert [code for code in applies if not applies[code](FIFO_COPY)] == ["R1"]
    assert all(applies[code](FIFO_SEALED) for code in applies)


@pytest.mark.parametrize(
    ("op", "profile"),
    [
        (Peek(None), FIFO_REFERENCE),
        (Get(None), FIFO_REFERENCE),
        (Set(None, O0), FIFO_REFERENCE),
        (Set(A, None), LRU_REFERENCE),
        (Set(A, O1, None), PRIORITY_REFERENCE),
        (Set(C, None), FIFO_SEALED),
        (Set(C, None), FIFO_COPY),
        (SET_A, RENEWS),
        (Set(C, O1), RENEWS),
        (WRITE, FIFO_REFERENCE),
        (WRITE, FIFO_COPY),
    ],
    ids=repr,
)
def test_rightful_transitions_of_every_profile_break_nothing(op: Op, profile: Profile) -> None:
    assert Case(op, profile, *FULL).broken() == ()


@pytest.mark.parametrize(
    ("case", "codes"),
    [
        (of_managers.Case(IN_INIT, *EACH), "M1"),
        (of_managers.Case(IN_INIT, IN_INIT), ""),
        (of_managers.Case(IN_RECUR, *EACH), ""),
        (of_managers.Case(On(Tier.INIT, E0, Get(None)), *EACH), ""),
        (of_managers.Case(On(Tier.INIT, E0, Set(B, Ref(0))), *EACH), "M1 M7"),
        (of_managers.Case(Lookup(E0, A), *EACH), "M3"),
        (of_managers.Case(Lookup(E1, A), *EACH), "M6"),
        (of_managers.Case(Lookup(E1, B), *EACH), ""),
        (of_managers.Case(Lookup(E0, Key(9)), *EACH), ""),
        (of_managers.Case(Lookup(E0, None), *EACH), ""),
        (of_managers.Case(ClearTier(Tier.RECUR), *EACH), "M4"),
        (of_managers.Case(ClearTier(Tier.RECUR), IN_INIT, IN_RECUR), "M4"),
        (of_managers.Case(ClearTier(Tier.RECUR), IN_RECUR), ""),
        (of_managers.Case(ClearTier(Tier.RECUR), IN_INIT, IN_WM), ""),
        (of_managers.CLEAR_ALL, "P12"),
    ],
)
def test_laws_of_managers_speak_of_their_situations(case: of_managers.Case, codes: str) -> None:
    t = ManagerTransition(case.before, case.op, case.response, case.after)
    assert [law.code for law in MANAGER if law.occurs(t)] == codes.split()


def there(*tokens: int) -> Update:
    return Update(THERE, columns(*tokens), columns(*tokens))


FORKED = (*SEALED, Fork(HERE, THERE))
COLUMN = ((Token(1), Token(2), Token(3)),)


@pytest.mark.parametrize(
    ("before", "op", "codes"),
    [
        (shelf(), update(0, 1), "W4"),
        (shelf(), update(0, 1, layer=1), "W4"),
        (shelf(update(0, 1, 2)), update(3, 4), "W1 W2 W4"),
        (shelf(update(0, 1, 2), update(3, 4)), update(5), "W4"),
        (shelf(update(0, 1, 2, 3)), update(4, 5), "W1 W4"),
        (shelf(update(0, 1, 2, 3)), update(4, 5, 6, 7), "W4"),
        (shelf(update(0, 1, 2)), update(4, 5, 6, 7), "W4 W6"),
        (shelf(update(0)), update(1, 2, 3, 4, 5), "W3"),
        (shelf(update(0)), update(1, 2, 3, 4), "W4 W6"),
        (shelf(), update(1, 2, 3, 4, 5), ""),
        (shelf(*SEALED), update(2), "R4"),
        (shelf(Seal(HERE)), update(2), ""),
        (shelf(*SEALED), Seal(HERE), ""),
        (shelf(*FORKED), there(2), "W4 R3"),
        (shelf(*FORKED), update(2), "R4"),
        (shelf(update(0, 1), Clone(HERE, THERE)), update(2), "W4 R3"),
        (shelf(update(0, 1)), there(2), "W4"),
        (shelf(update(0, 1)), Clone(HERE, THERE), ""),
    ],
    ids=repr,
)
def test_laws_of_windows_speak_of_their_situations(before: Shelf, op: WindowOp, codes: str) -> None:
    after, response = step(before, op)
    t = WindowTransition(before, op, response, after)
    assert [law.code for law in WINDOW if law.occurs(t)] == codes.split()


@pytest.mark.parametrize(
    ("mask", "codes"),
    [
        ((True, False, True), ["W5"]),
        ((True, True, True), []),
        ((False, False, False), []),
        ((True,), []),
    ],
)
def test_a_prune_that_picks_keeps_some(mask: tuple[bool, ...], codes: list[str]) -> None:
    before, _ = step(new_shelf(4, 3, 1, 1), Update(Place(0), COLUMN, COLUMN))
    after, response = step(before, Prune(Place(0), mask))
    t = WindowTransition(before, Prune(Place(0), mask), response, after)
    assert [law.code for law in WINDOW if law.occurs(t)] == codes
