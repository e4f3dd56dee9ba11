"""A whole check: what is cheap first, and nothing beyond what was found."""

from typing import cast

import pytest

from spec.manager import ManagerState
from spec.ops import Get, Key, Ref, Set, Tier
from spec.profile import FIFO_COPY, FIFO_REFERENCE, LRU_REFERENCE
from stateful_models.bugs.caches.lookup_refreshes_recur import PlainManager
from stateful_models.engines.check import Checked, Task, check_target, in_turn
from stateful_models.engines.rows import rows_of
from stateful_models.engines.sample import Sampling
from stateful_models.engines.workers import workers
from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import KvrefPool
from stateful_models.reports.table import as_data, statement
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.presets import ScopeName
from stateful_models.subjects.asking import AbandonedError, Halt, ask
from stateful_models.subjects.loading import load_target, target_of
from stateful_models.subjects.pool_of_manager import pool_of_manager
from stateful_models.subjects.protocol import SubjectError
from tests.support.exploring import explore_pool
from tests.support.newcomers import HitsAndMisses, PeeksCountInWm

FEW = Sampling(1, 20)


def seen(name: str, jobs: int) -> tuple[Checked, ...]:
    target = load_target(f"tests.support.newcomers:{name}")
    with workers(jobs, target.module_and_name) as executor:
        return check_target(
            target, ScopeName.DEFAULT, target.profiles, True, executor, jobs, sampling=FEW
        )


def test_every_first_scope_comes_before_any_second() -> None:
    target = target_of("peeks", PeeksCountInWm)
    rows = list(rows_of(target, ScopeName.DEFAULT, (FIFO_REFERENCE, LRU_REFERENCE)))
    tasks = in_turn(rows)
    assert sorted(tasks) == [
        Task(n, k) for n, row in enumerate(rows) for k in range(len(row.scopes))
    ]
    assert [task.place for task in tasks] == sorted(task.place for task in tasks)


@pytest.mark.parametrize("jobs", [1, 2])
def test_nothing_is_gone_on_with_once_something_was_found(jobs: int) -> None:
    """The same rows, with the same findings, however many processes there are."""
    init, recur, wm, manager = seen("NoPrioritiesInWm", jobs)
    assert wm.divergence is not None
    assert wm.divergence.history[0] == Set(Key(0), Ref(0), 1)
    assert "P3" in wm.divergence.laws
    assert not init.whole
    assert not recur.whole
    assert [len(row.reports) for row in (init, recur, wm, manager)] == [1, 1, 1, 0]
    assert not any(row.conforms for row in (init, recur, wm, manager))
    data = as_data(load_target("tests.support.newcomers:NoPrioritiesInWm"), (init, wm, manager))
    assert [row.verdict for row in data.rows] == ["not finished", "BROKEN", "not run"]
    told = statement(load_target("tests.support.newcomers:NoPrioritiesInWm"), (init, wm, manager))
    assert "init pool priority reference, manager priority reference" in told[-1]


def test_a_worker_leaves_what_nobody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Raised:
        value = 0

    flag, pool = Raised(), HitsAndMisses(LRU_REFERENCE, 1, 1)
    monkeypatch.setattr(Halt, "flag", flag)
    ask(pool, Get(Key(0)))
    flag.value = 1
    with pytest.raises(AbandonedError):
        ask(pool, Get(Key(0)))


def test_a_pool_of_a_manager_that_shows_its_state_is_shown() -> None:
    for tier in Tier:
        scope = PoolScope(FIFO_COPY, 1, 2, 1)
        right = explore_pool(scope, pool_of_manager(KvrefManager, tier))
        assert right.divergence is None
        assert right.transparent
        assert right.states == explore_pool(scope, KvrefPool).states
    scope = PoolScope(FIFO_REFERENCE, 1, 2, 1)
    wrong = explore_pool(scope, pool_of_manager(PeeksCountInWm, Tier.WM)).divergence
    assert wrong is not None
    assert "P10" in wrong.laws
    assert explore_pool(scope, pool_of_manager(PeeksCountInWm, Tier.INIT)).divergence is None
    hidden = explore_pool(PoolScope(LRU_REFERENCE, 1, 2, 1), pool_of_manager(PlainManager, Tier.WM))
    assert not hidden.transparent


@pytest.mark.parametrize("shown", ["nothing", "no pool"])
def test_what_is_no_state_of_a_manager_is_refused(shown: str) -> None:
    class Shows(KvrefManager):
        def abstract(self) -> ManagerState:
            none = super().abstract()._replace(pools=())
            return none if shown == "no pool" else cast(ManagerState, None)

    with pytest.raises(SubjectError, match=r"ManagerState|no wm pool"):
        explore_pool(PoolScope(FIFO_REFERENCE, 1, 2, 1), pool_of_manager(Shows, Tier.WM))
