"""CrossHair says of every condition what the ledger says, and refutes every planted fault.

At the ledger's capacity by night and in `kvref contracts`; in every run at the least one at which
every planted fault shows: two entries, of which one goes.
"""

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest
from typer.testing import CliRunner

from kvref.policy import PriorityOrder
from spec.profile import CLASSIC
from stateful_models.cli.main import app
from stateful_models.engines.contracts import canaries
from stateful_models.engines.contracts.ledger import (
    CONDITIONS,
    Outcome,
    departures,
    ledger,
    run,
)
from stateful_models.engines.contracts.symbolic import Judgement, Verdict
from tests.support.night import NIGHT

CAPACITY = 3
POLICIES = {policy.value for policy in CLASSIC}
QUICK = {
    "M1 init set": 1,  # a manager has four pools, and at 1 each may still hold the key or not
    "M3 lookup": 1,
    "M6 lookup": 1,
    "W1 update": 3,  # with two tokens of room, what is kept is the newest and the oldest at once
}
SECONDS = 120.0  # of processor time; the slowest takes 20 on a busy machine
CONFIRMED = Judgement(Verdict.CONFIRMED, "", 0.0)
UNCONFIRMED = Judgement(Verdict.UNCONFIRMED, "", 0.0)
REFUTED = Judgement(Verdict.REFUTED, "", 0.0)
CRASHED = Judgement(Verdict.CRASHED, "", 0.0)


@pytest.fixture(scope="session")
def executor() -> Iterator[ProcessPoolExecutor]:
    """CrossHair changes the process that it runs in. The tests themselves are what runs at once."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_crosshair_tells_true_from_false_of_tuples_lists_and_dicts(
    executor: ProcessPoolExecutor,
) -> None:
    """First of all: where it errs, in the order of a dict, it errs in the way that is known."""
    said = tuple(executor.map(canaries.sing, range(len(canaries.CANARIES))))
    assert canaries.false_notes(said) == ()
    assert {judgement.verdict for judgement in said} == set(Verdict) - {Verdict.UNCONFIRMED}


def test_a_canary_that_sings_falsely_is_told() -> None:
    right = [Judgement(canary.told, "", 0.0) for canary in canaries.CANARIES]
    (told,) = canaries.false_notes((UNCONFIRMED, *right[1:]))
    assert "list: appending adds one at the end" in told
    assert "not confirmed over all paths" in told


def of_one_policy(names: Iterable[str]) -> list[str]:
    """A law that is asked of each policy is asked of one, each policy in turn."""
    families: dict[str, list[str]] = {}
    for name in names:
        kind, _, policy = name.rpartition(" ")
        families.setdefault(kind if policy in POLICIES else name, []).append(name)
    return [members[turn % len(members)] for turn, members in enumerate(families.values())]


@pytest.mark.parametrize("name", CONDITIONS if NIGHT else of_one_policy(CONDITIONS))
def test_condition_is_as_the_ledger_says(name: str, executor: ProcessPoolExecutor) -> None:
    capacity = CAPACITY if NIGHT else QUICK.get(name, 2)
    (outcome,) = run((name,), capacity, SECONDS, executor)
    assert departures((outcome,), capacity) == ()
    confirmed = outcome.claim.verdict is Verdict.CONFIRMED
    assert confirmed == (ledger()[name].confirmed >= CAPACITY)


def test_in_every_run_each_law_is_asked_and_each_policy() -> None:
    """Ten laws of pools, and two things that kvref and spec do alike, are asked of each policy."""
    asked = of_one_policy(CONDITIONS)
    assert {name.split()[0] for name in asked} == {name.split()[0] for name in CONDITIONS}
    assert {name.rpartition(" ")[2] for name in asked} >= POLICIES
    assert len(asked) >= 30


def test_most_conditions_are_to_be_confirmed() -> None:
    assert len(CONDITIONS) >= 30
    assert len([one for one in ledger().values() if one.confirmed >= CAPACITY]) >= 25


def test_what_is_not_confirmed_says_why_and_what_covers_it() -> None:
    for name, listed in ledger().items():
        assert (listed.confirmed == 0) == bool(listed.reason and listed.covered_by), name


@pytest.mark.parametrize(
    ("name", "claim", "planted", "complaint"),
    [
        ("P1 set fifo", UNCONFIRMED, REFUTED, "no longer confirmed"),
        ("P1 set fifo", REFUTED, REFUTED, "is refuted"),
        ("P1 set fifo", CRASHED, REFUTED, "is crashed"),
        ("P1 set fifo", CONFIRMED, UNCONFIRMED, "planted fault is not confirmed"),
        ("P1 set fifo", CONFIRMED, CONFIRMED, "planted fault is confirmed"),
        ("P1 set fifo", CONFIRMED, CRASHED, "planted fault is crashed"),
        ("W4 update", CONFIRMED, REFUTED, "let the ledger say so"),
        ("P1 of nobody", CONFIRMED, REFUTED, "not in the ledger"),
    ],
)
def test_ledger_rejects(name: str, claim: Judgement, planted: Judgement, complaint: str) -> None:
    (found,) = departures((Outcome(name, claim, planted),), CAPACITY)
    assert complaint in found
    assert name in found


def test_ledger_rejects_an_entry_without_a_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(CONDITIONS, "P1 set fifo")
    assert departures((), CAPACITY) == (
        "P1 set fifo is in the ledger, but there is no such condition",
    )


def test_a_planted_fault_is_gone_afterwards() -> None:
    right = PriorityOrder.victim
    with CONDITIONS["same victim priority"].fault.planted():
        assert PriorityOrder.victim is not right
    assert PriorityOrder.victim is right


def test_command_prints_what_was_confirmed_and_what_refutes_each_fault() -> None:
    told = CliRunner().invoke(app, ["contracts", "--only", "p4 set fifo", "--jobs", "1"])
    assert told.exit_code == 0
    assert "1 of 1 conditions confirmed over all paths at capacity 3" in told.output
    assert "((), 0, 0)" in told.output


def test_command_refuses_a_name_that_no_condition_has() -> None:
    told = CliRunner().invoke(app, ["contracts", "--only", "P99"])
    assert told.exit_code == 2
    assert "no condition's name has 'P99' in it" in told.output
