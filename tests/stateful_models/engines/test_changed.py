"""Each law says no less than its sentence: a transition with one component changed is rejected."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import pytest
import typer

from spec.heap_laws import HEAP
from spec.laws import broken
from spec.manager import ManagerState
from spec.manager_laws import MANAGER
from spec.ops import ManagerOp, Op, Response
from spec.pool import PoolState
from spec.pool_laws import POOL
from spec.profile import (
    FIFO_COPY,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_REFERENCE,
    LRU_SEALED,
    PRIORITY_COPY_BOTH,
    Profile,
)
from spec.transition import observed
from stateful_models.cli import laws
from stateful_models.cli.laws import as_data, sentence
from stateful_models.engines.changed import Tally, every_change, of_managers, of_pools, tally
from stateful_models.reports.data import LawsDocument, decoded
from stateful_models.scopes.changed import MANAGERS, of_manager, of_pool
from tests.support.night import NIGHT
from tests.support.tables import CHANGED, LAWS, between

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states
IMPLIED = {"P2"}
"""By the laws of order and of slots, which say where each entry is."""


FEW = (FIFO_REFERENCE, FIFO_COPY, LRU_SEALED, PRIORITY_COPY_BOTH)


@pytest.fixture(scope="module")
def count() -> Tally:
    """Of every profile by night; by day of each policy and each ownership that kvref has."""
    return every_change() if NIGHT else every_change(FEW, MANAGERS[:1])


def test_every_changed_transition_is_rejected(count: Tally) -> None:
    assert count.accepted == Counter()


def test_every_law_but_one_is_the_only_one_to_reject_some(count: Tally) -> None:
    codes = {law.code for law in (*POOL, *HEAP)} | {law.code for law in MANAGER}
    assert set(count.rejects) == codes
    assert codes - set(count.alone) == IMPLIED


@pytest.mark.parametrize(
    "component",
    [
        "pool state.pool.profile.policy",
        "pool state.pool.capacity",
        "pool state.pool.entries in another order",
        "pool state.pool.entries less one",
        "pool state.pool.entries and one more",
        "pool state.pool.entries.as_set",
        "pool state.pool.counters.hits",
        "pool state.heap.objects.sealed",
        "pool state.heap.hand.home forgotten",
        "pool answer Stored.left.cause",
        "pool answer Census.kept less one",
        "pool answer Done, another kind",
        "manager state.config.max_cache_size instead of nothing",
        "manager state.envs",
        "manager state.pools less one",
        "manager state.pools.counters.misses",
        "manager state.lookups.recur_hits",
        "manager answer Cleared.left in another order",
    ],
)
def test_components_that_were_changed(count: Tally, component: str) -> None:
    assert count.tried[component] > 0


def test_the_command_fails_if_no_law_rejects_some(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = Tally()
    told.add("pool state.pool.capacity", ())
    told.add("pool state.pool.capacity", ("P1",))
    monkeypatch.setattr(laws, "every_change", lambda: told)
    with pytest.raises(typer.Exit) as status:
        laws.laws_command(tmp_path / "laws.json")
    assert status.value.exit_code == 1
    assert "no law rejects 1 of 2: pool state.pool.capacity" in capsys.readouterr().out
    document = decoded((tmp_path / "laws.json").read_bytes())
    assert isinstance(document, LawsDocument)
    assert (document.result.changed, document.result.rejected) == (2, 1)


def test_the_command_succeeds_if_all_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Tally()
    told.add("pool state.pool.capacity", ("P1",))
    monkeypatch.setattr(laws, "every_change", lambda: told)
    laws.laws_command(None)


@pytest.mark.skipif(not NIGHT, reason="the number is that of every profile: by night")
def test_the_readme_has_the_number(count: Tally) -> None:
    """python -m tests.support.tables"""
    assert between(LAWS.read_text(), CHANGED)[1] == sentence(as_data(count))


def accepts(
    kind: str,
    component: str,
    steps: Iterable[tuple[S, O, Response, S]],
    laws: Callable[[S, O, Response, S], tuple[str, ...]],
) -> bool:
    """Whether these laws let a change of that component pass anywhere."""
    left = Tally()
    for step in steps:
        tally(kind, (step,), laws, left)
        if left.accepted[component]:
            return True
    return False


@pytest.mark.parametrize(
    ("code", "profile", "component"),
    [
        ("P1", FIFO_REFERENCE, "pool state.pool.capacity"),
        ("P3", FIFO_REFERENCE, "pool state.pool.entries in another order"),
        ("P6", LRU_REFERENCE, "pool state.pool.entries in another order"),
        ("P10", FIFO_REFERENCE, "pool answer Census.counters.hits"),
        ("R1", FIFO_REFERENCE, "pool state.pool.entries.ref"),
        ("R3", FIFO_COPY, "pool state.heap.hand.home forgotten"),
        ("R4", FIFO_SEALED, "pool state.heap.objects.sealed"),
        ("P12", FIFO_REFERENCE, "pool answer Stored.left.cause"),
    ],
)
def test_without_a_law_some_are_accepted(code: str, profile: Profile, component: str) -> None:
    def others(before: PoolState, op: Op, response: Response, after: PoolState) -> tuple[str, ...]:
        return tuple(one for one in of_pools(before, op, response, after) if one != code)

    assert accepts("pool", component, of_pool(profile), others)


def test_without_the_frame_other_pools_may_change() -> None:
    def others(
        before: ManagerState, op: ManagerOp, response: Response, after: ManagerState
    ) -> tuple[str, ...]:
        return tuple(one for one in of_managers(before, op, response, after) if one != "M1")

    steps = of_manager(FIFO_REFERENCE)
    assert accepts("manager", "manager state.pools.entries less one", steps, others)


def test_a_weakened_law_accepts_some() -> None:
    """P1 as it was: entries are counted, and nothing else."""

    def weak(before: PoolState, op: Op, response: Response, after: PoolState) -> tuple[str, ...]:
        t = observed(before, op, response, after)
        fits = len(after.pool.entries) <= after.pool.capacity
        named = broken(t)
        return tuple(code for code in named if code != "P1" or not fits)

    assert accepts("pool", "pool state.pool.name", of_pool(FIFO_REFERENCE), weak)
