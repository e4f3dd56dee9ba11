"""The ledger: what CrossHair is expected to say of each condition, and where it says otherwise."""

from collections.abc import Iterator
from concurrent.futures import Executor, as_completed
from importlib.resources import files
from typing import Final, NamedTuple

import msgspec

from stateful_models.engines.contracts.condition import Condition
from stateful_models.engines.contracts.equivalences import equivalences
from stateful_models.engines.contracts.managers import manager_conditions
from stateful_models.engines.contracts.pools import pool_conditions
from stateful_models.engines.contracts.symbolic import Judgement, Verdict, judged
from stateful_models.engines.contracts.windows import window_conditions

CONDITIONS: Final = {
    condition.name: condition
    for condition in (
        *pool_conditions(),
        *manager_conditions(),
        *window_conditions(),
        *equivalences(),
    )
}
BRIEF: Final = 1.0  # seconds for what is not expected to be confirmed


class Listed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`confirmed`: the greatest capacity that it must be confirmed for; if none, why not, and what
    covers it."""

    confirmed: int = 0
    reason: str = ""
    covered_by: str = ""


class Outcome(NamedTuple):
    """What CrossHair said of a condition, and of the same with its fault planted."""

    name: str
    claim: Judgement
    planted: Judgement


def ledger() -> dict[str, Listed]:
    text = (files(__package__) / "ledger.toml").read_bytes()
    return msgspec.toml.decode(text, type=dict[str, Listed])


def examined(name: str, capacity: int, seconds: float, brief: bool = False) -> Outcome:
    """One condition at one capacity, and its fault. Runs in a process of its own.

    `brief`: it is not expected to be confirmed. Its fault, which must be found, has all the time.
    """
    condition: Condition = CONDITIONS[name]
    claim = judged(condition.theorem(capacity), BRIEF if brief else seconds)
    with condition.fault.planted():
        planted = judged(condition.theorem(capacity), seconds)
    return Outcome(name, claim, planted)


def run(
    names: tuple[str, ...], capacity: int, seconds: float, executor: Executor
) -> Iterator[Outcome]:
    """Every condition, as it is done; those not expected to be confirmed get little time."""
    listed = ledger()

    def brief(name: str) -> bool:
        return not listed.get(name, Listed(capacity)).confirmed

    started = [executor.submit(examined, name, capacity, seconds, brief(name)) for name in names]
    for future in as_completed(started):
        yield future.result()


def departures(outcomes: tuple[Outcome, ...], capacity: int) -> tuple[str, ...]:
    """Where these outcomes are not what the ledger says; one line each."""
    listed = ledger()
    found = [f"{name} is in the ledger, but there is no such condition" for name in stale(listed)]
    for name, claim, planted in outcomes:
        entry = listed.get(name)
        if entry is None:
            found.append(f"{name} is not in the ledger")
            continue
        if claim.verdict in (Verdict.REFUTED, Verdict.CRASHED):
            found.append(f"{name} is {claim.verdict.value}: {claim.message}")
        elif claim.verdict is Verdict.UNCONFIRMED and entry.confirmed >= capacity:
            found.append(f"{name} is no longer confirmed at capacity {capacity}")
        elif claim.verdict is Verdict.CONFIRMED and not entry.confirmed:
            found.append(f"{name} is confirmed at capacity {capacity}: let the ledger say so")
        if planted.verdict is not Verdict.REFUTED:
            found.append(f"{name}: its planted fault is {planted.verdict.value}, not refuted")
    return tuple(found)


def stale(listed: dict[str, Listed]) -> tuple[str, ...]:
    return tuple(name for name in listed if name not in CONDITIONS)
