"""Caches by people who know the README alone: what is right conforms, what is wrong is told why."""

from functools import partial

import pytest

from spec.ops import EnvId, Get, Key, On, Ref, Set, Tier
from spec.profile import (
    FIFO_COPY_BOTH,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_REFERENCE,
    PRIORITY_REFERENCE,
)
from spec.sizing import Config
from stateful_models.bugs.caches import BEYOND, Exhibit
from stateful_models.engines.explore import Explorer
from stateful_models.engines.judge import first_divergence
from stateful_models.engines.rows import PoolSetting, Wider
from stateful_models.engines.sample import Sampling, sampled
from stateful_models.engines.settle import settled
from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import KvrefPool
from stateful_models.reports.check import check
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.presets import PRESETS, ScopeName
from stateful_models.subjects.aspects import EVERYTHING, Aspect
from stateful_models.subjects.manager import ManagerSubject
from stateful_models.subjects.pool import PoolSubject
from tests.support import newcomers as new
from tests.support.exploring import explore_manager, explore_pool
from tests.support.night import NIGHT

SAMPLING = Sampling(40, 200)
LONG = pytest.mark.skipif(not NIGHT, reason="a late fault, which takes long to cut down: by night")


def found_beyond(subject: type[PoolSubject]) -> tuple[str, ...]:
    """The laws that random histories beyond any exploration find broken."""
    draw = Wider(PoolScope(subject.profiles[0], 1, 2, 2), PoolSetting(subject), SAMPLING)
    seen = sampled(draw, SAMPLING)
    assert seen.divergence is not None
    assert seen.setting is not None
    told = settled(seen.setting.scope, seen.setting.build, seen.divergence)
    assert told.sampled
    assert not told.unsteady
    return told.laws


@pytest.mark.parametrize(
    "exhibit",
    [
        one
        for one in BEYOND
        if issubclass(one.subject, PoolSubject) and (NIGHT or one.operations < 60)
    ],
    ids=lambda one: one.subject.__name__,
)
def test_exhibits_that_no_exploration_of_plain_names_sees(exhibit: Exhibit) -> None:
    assert issubclass(exhibit.subject, PoolSubject)
    assert exhibit.law in found_beyond(exhibit.subject)


@pytest.mark.parametrize(
    ("subject", "law"),
    [
        (new.ComparesByIdentity, "P6"),
        (new.KeysOf32Bits, "P3"),
        (new.KeysAsFloats, "P3"),
        pytest.param(new.EveryTwentiethEviction, "P3", marks=LONG),
        (new.LazyAtThree, "P3"),
        (new.ListsWhatWasMissed, "P8"),
        (new.RanksAreSizes, "P3"),
    ],
)
def test_faults_of_names_and_of_long_histories(subject: type[PoolSubject], law: str) -> None:
    assert law in found_beyond(subject)


def test_a_fault_is_told_of_the_operation_that_made_it() -> None:
    """A get of the evicted key shows it, three operations on; the eviction is what is wrong."""
    scope = PoolScope(LRU_REFERENCE, 3, 4, 1)
    wrong = explore_pool(scope, new.LazyAtThree).divergence
    assert wrong is not None
    assert wrong.laws == ("P3",)
    assert wrong.at is not None
    assert wrong.at < len(wrong.history) - 1


@pytest.mark.parametrize("subject", [new.UsedLastAtEnd, new.LazyHeap])
def test_right_ones_of_other_makings(subject: type[PoolSubject]) -> None:
    scope = PoolScope(subject.profiles[0], 2, 3, 2)
    assert explore_pool(scope, subject).divergence is None
    draw = Wider(scope, PoolSetting(subject), SAMPLING)
    assert sampled(draw, SAMPLING).divergence is None


@pytest.mark.parametrize(("subject", "law"), [(new.Promotes, "P6"), (new.NobodyIsZero, "M1")])
def test_managers_that_do_too_much(subject: type[ManagerSubject], law: str) -> None:
    scope = ManagerScope(LRU_REFERENCE, Config(1, 1), 2, 2)
    wrong = explore_manager(scope, subject).divergence
    assert wrong is not None
    assert law in wrong.laws
    assert wrong.at == len(wrong.history) - 2, "the lookup, or the clear, and not what shows it"


def test_a_wrong_rank_is_told_of_the_set_that_gave_it() -> None:
    """The second of two sets makes its key go last; the third, which shows it, breaks no P2."""
    wrong = explore_pool(PoolScope(PRIORITY_REFERENCE, 2, 3, 1), new.ZeroIsOne).divergence
    assert wrong is not None
    assert wrong.laws == ("P3",)
    assert wrong.at == 1


def test_an_answer_that_a_peek_contradicts_is_its_own_fault() -> None:
    """Environment 1 misses, and environment 0's next get does: the set before it was right."""
    told = ManagerScope(FIFO_REFERENCE, Config(1, 1), 2, 1)
    get, put = Get(Key(0)), Set(Key(0), Ref(0))
    history = (On(Tier.INIT, EnvId(1), get), On(Tier.INIT, EnvId(0), put))
    build = partial(told.build, new.MissesAfterOthers)
    wrong = first_divergence(told, build, (*history, On(Tier.INIT, EnvId(0), get)))
    assert wrong is not None
    said = settled(told, build, wrong)
    assert said.at is None
    assert "P6" in said.laws


def test_counters_of_some_kinds_alone() -> None:
    scope = PoolScope(LRU_REFERENCE, 1, 2, 1)
    right = explore_pool(PoolScope(LRU_REFERENCE, 2, 3, 2), new.HitsAndMisses)
    assert right.divergence is None
    assert not right.missing, "nobody can peek, and that is not what is asked"
    wrong = explore_pool(scope, new.CountsSecondMisses).divergence
    assert wrong is not None
    assert len(wrong.history) == 3, "miss, miss, look: shortest, though longer ones come first"
    assert "P10" in wrong.laws


def test_a_copy_in_and_out() -> None:
    assert explore_pool(PoolScope(FIFO_COPY_BOTH, 2, 3, 1), new.CopiesInAndOut).divergence is None


def test_what_is_shown_is_compared_as_far_as_it_is_reported() -> None:
    scope = PoolScope(LRU_REFERENCE, 2, 3, 2)
    assert explore_pool(scope, new.ShowsWithoutSlots).divergence is None


def test_what_the_garbage_collector_alone_frees_is_said() -> None:
    told = explore_pool(PoolScope(FIFO_REFERENCE, 1, 2, 1), new.FreesLate)
    assert told.divergence is None
    assert told.lazy


def test_a_subject_that_varies_is_not_deterministic() -> None:
    wrong = explore_pool(PoolScope(FIFO_REFERENCE, 2, 3, 2), new.Dice).divergence
    assert wrong is not None
    assert len(wrong.unsteady) > 1
    assert wrong.laws == ()


def test_a_manager_without_wm(monkeypatch: pytest.MonkeyPatch) -> None:
    small = PRESETS[ScopeName.SMALL]
    fewer = small if NIGHT else small._replace(blind=12)
    monkeypatch.setitem(PRESETS, ScopeName.SMALL, fewer)
    report = check(new.TwoTiers, "small")
    assert report.conforms
    assert "wm" not in report.statement.replace("init, recur and wm", "")


def test_a_clear_of_one_environment_that_clears_all_breaks_the_frame() -> None:
    wrong = explore_manager(
        ManagerScope(LRU_REFERENCE, Config(1, 1), 2, 2), new.ClearsAllOfThem
    ).divergence
    assert wrong is not None
    assert "M1" in wrong.laws


def test_versions_of_copies_and_sealed_objects_are_states_of_their_own() -> None:
    pool = PoolScope(new.MixesVersions.profiles[0], 2, 3, 1)
    assert explore_pool(pool, new.MixesVersions).divergence is not None
    manager = ManagerScope(FIFO_SEALED, Config(1, 1), 2, 1)
    assert explore_manager(manager, new.LosesWhatIsSealed).divergence is not None


@pytest.mark.parametrize(
    ("subject", "envs", "shared", "operations"),
    [
        (new.PrioritiesInOneInit, 2, 0, 1),
        (new.RecurOfAnEnvironment, 2, 0, 1),
        (new.OneObjectOnePool, 1, 2, 2),
        (new.PeeksCountInWm, 1, 0, 1),
    ],
)
def test_the_alphabet_of_managers_is_whole(
    subject: type[KvrefManager], envs: int, shared: int, operations: int
) -> None:
    scope = ManagerScope(PRIORITY_REFERENCE, Config(1, 1), envs, 2, shared)
    wrong = Explorer(scope, partial(scope.build, subject)).run().divergence
    assert wrong is not None
    assert len(wrong.history) == operations


class Hidden(KvrefPool):
    """kvref's own, of which only some aspects are told, and no state."""

    abstract = None  # type: ignore[assignment]  # so it is no `Transparent`


@pytest.mark.parametrize("aspect", [*Aspect])
def test_whatever_is_told_or_not_what_is_right_conforms(aspect: Aspect) -> None:
    """No law is asked for a situation that nobody could see."""

    class Alone(Hidden):
        reports = frozenset({aspect})

    class AllBut(Hidden):
        reports = EVERYTHING - {aspect}

    for subject in (Alone, AllBut):
        told = explore_pool(PoolScope(LRU_REFERENCE, 2, 3, 1), subject)
        assert told.divergence is None
        assert not told.missing
        assert not told.transparent
