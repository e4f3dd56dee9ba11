"""The public face: what it offers, that it is light, and that `check` judges every kind."""

import ast
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
from torch import Tensor

import kvref
import stateful_models
from spec.window import Place, Reset, Update
from stateful_models import (
    FIFO_REFERENCE,
    LRU_REFERENCE,
    Aspect,
    Clear,
    Config,
    Counters,
    Get,
    Key,
    KeySubject,
    KvrefManager,
    KvrefPool,
    ManagerScope,
    Policy,
    PoolScope,
    PoolState,
    PoolSubject,
    Profile,
    Ref,
    Report,
    Response,
    Set,
    SubjectError,
    TargetError,
    Tier,
    WindowScope,
    check,
    replay,
)
from stateful_models.bugs.tensors.hash_per_process import HashPerProcess
from stateful_models.bugs.tensors.works_in_place import WorksInPlace
from stateful_models.engines import wandering
from stateful_models.engines.session_client import SEARCHES
from stateful_models.reports import tensors
from stateful_models.scopes.presets import PRESETS
from stateful_models.tensors import KvrefBatches, KvrefKeys, KvrefSession, KvrefWindows
from tests.support.adapters import Broken, CachetoolsLru, MinimalManager, RecurFirst
from tests.support.night import NIGHT
from tests.support.paths import ROOT

ONE = ManagerScope(LRU_REFERENCE, Config(1, 1), 1, 2)
NOT_A_PROFILE = cast(Profile, "lru")
NOT_A_POLICY = cast(Policy, "lru")
SMALL = PoolScope(LRU_REFERENCE, 2, 3, 2)


@pytest.fixture(autouse=True)
def fewer_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of black boxes, behind what is explored of them."""
    for name, preset in () if NIGHT else tuple(PRESETS.items()):
        monkeypatch.setitem(PRESETS, name, preset._replace(blind=preset.blind // 8))


def test_every_name_is_there_and_listed() -> None:
    for name in (*stateful_models.__all__, *stateful_models.NEED_TORCH):
        assert getattr(stateful_models, name) is not None
    tree = ast.parse((ROOT / "stateful_models" / "__init__.py").read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module not in ("importlib", "typing")
        for alias in node.names
    }
    assert imported == {*stateful_models.__all__, *stateful_models.NEED_TORCH}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nonsense"):
        stateful_models.Nonsense  # type: ignore[attr-defined]  # noqa: B018 - that is the point


@pytest.mark.parametrize("module", ["torch", "typer", "hypothesis", "crosshair", "numpy"])
def test_importing_the_face_stays_light(module: str) -> None:
    code = f"from stateful_models import *; import sys; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


class NoMask(KvrefBatches):
    def mask(self, lengths: Sequence[int], new: int) -> Tensor:
        return super().mask([max(lengths)] * len(lengths), new)


class Untrimmed(KvrefWindows):
    def remove_newest(self, window: object, count: int) -> None:
        pass


@pytest.mark.parametrize(
    ("subject", "scope", "laws"),
    [
        (CachetoolsLru, "small", None),
        (Broken, SMALL, "P3"),
        (Broken, "small", "P3"),
        (KvrefManager, ONE, None),
        (RecurFirst, ONE, "M3"),
        (KvrefWindows, WindowScope(2), None),
        (Untrimmed, WindowScope(2), "W5"),
        (KvrefBatches, "default", None),
        (NoMask, "default", "B2"),
        (KvrefKeys, "default", None),
        (HashPerProcess, "default", "K2"),
        (KvrefSession, "default", None),
        (WorksInPlace, "default", "S3"),
    ],
)
def test_check_judges_every_kind(
    subject: Callable[..., object],
    scope: PoolScope | ManagerScope | WindowScope | str,
    laws: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session by day in the searches of one environment and the first of the random ones."""
    if not NIGHT:
        monkeypatch.setattr(wandering, "PLANS", wandering.PLANS[:6])
        monkeypatch.setattr(tensors, "SEARCHES", SEARCHES[:1])
    report = check(subject, scope)
    assert report.conforms == (laws is None), report.statement
    if laws is None:
        assert report.counterexample is None
        assert "conforms" in str(report)
    else:
        assert report.counterexample is not None
        assert laws in report.counterexample.laws
        assert report.counterexample.history
        assert f"breaks {laws}" in report.statement or laws in report.statement
        assert report.counterexample.story in report.statement


@pytest.mark.parametrize(
    ("subject", "scope", "error", "told"),
    [
        (KvrefPool, "huge", ValueError, "small, default, large"),
        ("mine:Mine", "small", TargetError, "pass the class"),
        (None, "small", TargetError, "pass the class"),
        (CachetoolsLru, None, SubjectError, "None is no scope"),
        (CachetoolsLru, PoolScope(FIFO_REFERENCE, 1, 2, 1), SubjectError, "does not claim"),
        (
            CachetoolsLru,
            PoolScope(LRU_REFERENCE, 0, 2, 1),
            SubjectError,
            "capacity must be .* not 0",
        ),
        (
            CachetoolsLru,
            PoolScope(NOT_A_PROFILE, 1, 2, 1),
            SubjectError,
            "must be a Profile, not 'lru'",
        ),
        (KvrefManager, ManagerScope(LRU_REFERENCE, Config(0, 0), 1, 1), SubjectError, "not one"),
        (
            KvrefPool,
            PoolScope(Profile(NOT_A_POLICY), 1, 2, 1),
            SubjectError,
            "must be a Policy, not 'lru'",
        ),
        (KvrefKeys, "huge", ValueError, "huge"),
        (KvrefPool, WindowScope(2), SubjectError, "scope of windows"),
        (KvrefWindows, SMALL, SubjectError, "no scope of theirs"),
        (KvrefKeys, SMALL, SubjectError, "one scope of its own"),
    ],
)
def test_a_scope_of_another_kind_is_refused(
    subject: Callable[..., object],
    scope: PoolScope | ManagerScope | WindowScope | str,
    error: type[Exception],
    told: str,
) -> None:
    with pytest.raises(error, match=told):
        check(subject, scope)


class JunkCounters(CachetoolsLru):
    reports = frozenset({Aspect.COUNTERS})

    def counters(self) -> Counters:
        return 7  # type: ignore[return-value]  # wrong on purpose

    def reset_counters(self) -> None:
        pass


class JunkLeft(CachetoolsLru):
    reports = frozenset({Aspect.DEPARTURES})

    def clear(self) -> None:
        self.departed.append("x")  # type: ignore[arg-type]  # wrong on purpose
        super().clear()


class NoState(CachetoolsLru):
    def abstract(self) -> object:
        return 5


@pytest.mark.parametrize(
    ("subject", "told"),
    [(JunkCounters, "must give Counters, not 7"), (JunkLeft, "must receive Left values")],
)
def test_what_an_author_told_wrongly_is_refused_and_breaks_no_law(
    subject: type[PoolSubject], told: str
) -> None:
    with pytest.raises(SubjectError, match=told):
        check(subject, SMALL)


def test_what_is_no_state_is_refused() -> None:
    with pytest.raises(SubjectError, match="must give a PoolState, not 5"):
        check(NoState, SMALL)


class JunkState(CachetoolsLru):
    def abstract(self) -> object:
        return PoolState(5, 6)  # type: ignore[arg-type]  # wrong on purpose


class JunkAnswer(CachetoolsLru):
    def perform(self, op: object) -> Response:
        return 5  # type: ignore[return-value]  # wrong on purpose


class Raising(CachetoolsLru):
    def perform(self, op: object) -> Response:
        raise LookupError("no answer today")


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        (JunkState, "no state or answer of the specification"),
        (JunkAnswer, "must give an answer, not 5"),
        (Raising, "raised LookupError: no answer today"),
    ],
)
def test_what_no_law_can_read_is_refused(subject: type[PoolSubject], told: str) -> None:
    with pytest.raises(SubjectError, match=told):
        check(subject, SMALL)


class WrongRecur(MinimalManager):
    """Its init pool is right; its recur pool forgets at once."""

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> None:
        if tier is not Tier.RECUR:
            super().set(tier, env, key, value, rank)


def test_under_a_pools_scope_both_pools_of_a_manager_are_checked() -> None:
    scope = PoolScope(LRU_REFERENCE, 1, 2, 1)
    assert check(MinimalManager, scope).conforms
    report = check(WrongRecur, scope)
    assert "(recur pool lru reference)" in report.statement
    assert not report.conforms


class Unsealing(KvrefWindows):
    operations = (Update, Reset)

    def seal(self, window: object) -> None:
        raise AssertionError("asked nevertheless")


def test_windows_are_asked_only_for_what_they_offer_and_what_was_not_judged_is_told() -> None:
    report = check(Unsealing, WindowScope(2))
    assert report.conforms, report.statement
    assert "Not judged, since its situation never occurred: R3 held handles" in report.statement
    with pytest.raises(SubjectError, match="capacity must be an integer of at least 1, not 0"):
        check(Unsealing, WindowScope(0))


class Stumbles(KvrefKeys):
    def key(self, latent: Tensor) -> int:
        raise OSError("no hash today")


def test_what_cannot_be_driven_says_so() -> None:
    with pytest.raises(SubjectError, match="Stumbles cannot be driven: OSError: no hash today"):
        check(Stumbles)


def test_a_report_says_what_was_exhausted() -> None:
    assert f"Scopes: {SMALL.label}." in check(CachetoolsLru, SMALL).statement


@pytest.mark.parametrize(
    ("scope", "history", "told"),
    [
        ("small", (), "no scope"),
        (SMALL, (1,), "1 is no operation of pool"),
        (SMALL, (Set(Key(0), Ref(9)),), "names 9, where .* has 2"),
        (SMALL, (Set(Key(0), Ref(-1)),), "names -1"),
        (SMALL, (Get(cast(Key, "a")),), "key of .* must be an integer"),
        (SMALL, 5, "a history is a tuple"),
        (WindowScope(2), (Reset(Place(3)),), "names 3, where .* has 1"),
        (WindowScope(2), (Get(Key(0)),), "is no operation of windows"),
        (PoolScope(LRU_REFERENCE, 0, 2, 1), (), "not 0"),
    ],
)
def test_a_history_of_another_kind_is_refused(
    scope: PoolScope, history: tuple[Get, ...], told: str
) -> None:
    with pytest.raises(SubjectError, match=told):
        replay(CachetoolsLru, scope, history)


def test_a_managers_scope_is_none_of_a_pool() -> None:
    scope = ManagerScope(LRU_REFERENCE, Config(1, 1), 2, 2)
    with pytest.raises(SubjectError, match="is a pool"):
        check(KvrefPool, scope)
    assert check(KvrefManager, ONE).conforms


def broken() -> Report:
    return check(Broken, SMALL)


def test_a_counterexample_is_a_test_that_says_which_version_wrote_it(tmp_path: Path) -> None:
    found = broken().counterexample
    assert found is not None
    assert f"Written by kvref {kvref.__version__}" in found.repro
    lines = [line for line in found.repro.splitlines() if line.startswith("from ")]
    assert {line.split()[1] for line in lines} == {"stateful_models", Broken.__module__}
    told: dict[str, object] = {}
    exec(compile(found.repro, "repro.py", "exec"), told)
    with pytest.raises(AssertionError, match="laws broken"):
        told["test_history_is_answered_as_specified"]()  # type: ignore[operator]  # a function


def test_a_subject_of_a_function_has_no_test_to_import() -> None:
    class Local(Broken):
        pass

    found = check(Local, SMALL).counterexample
    assert found is not None
    assert found.repro == ""


def test_a_history_is_replayed_up_to_where_it_goes_wrong() -> None:
    history = Set(Key(0), Ref(0)), Set(Key(1), Ref(0)), Get(Key(0)), Set(Key(2), Ref(0)), Clear()
    wrong = replay(Broken, SMALL, (*history[:4], Get(Key(0)), Clear()))
    assert wrong is not None
    assert len(wrong.history) == 5
    assert replay(CachetoolsLru, SMALL, history) is None


def test_what_an_author_writes_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        PoolSubject(LRU_REFERENCE, 1, 1)  # type: ignore[abstract]  # that is the point
    with pytest.raises(TypeError, match="abstract"):
        KeySubject()  # type: ignore[abstract]  # likewise
