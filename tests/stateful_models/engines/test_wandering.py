"""Searches of some environments, in any order: a right session in every mode, wrong ones found."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor

from spec.profile import Ownership, Profile, RecurScope
from stateful_models import check
from stateful_models.bugs.tensors.row_for_env import RowForEnv
from stateful_models.engines import wandering
from stateful_models.engines.sessions import RandomSearches
from stateful_models.engines.wandering import (
    CONFIG,
    PLANS,
    SIMULATIONS,
    Plan,
    shortest_wandering,
)
from stateful_models.reference.pool import OWNERSHIP
from stateful_models.reference.sessions import KvrefSession
from stateful_models.subjects.sessions import SessionSubject, StepLike
from tests.support.night import NIGHT


@pytest.mark.parametrize("ownership", OWNERSHIP)
@pytest.mark.parametrize("recur_scope", RecurScope)
def test_right_sessions_break_nothing(ownership: Ownership, recur_scope: RecurScope) -> None:
    profile = Profile(ownership=ownership, recur_scope=recur_scope)
    for envs, length in ((2, 2), (3, 7)):
        searches = RandomSearches(KvrefSession, profile, CONFIG, envs, context_length=length)
        for call in searches.wander(200 if NIGHT else 12, SIMULATIONS):
            assert call.laws == (), call.said


def test_every_kind_of_call_is_made() -> None:
    """Some environments alone, some not in order, episodes that end while others go on."""
    searches = RandomSearches(KvrefSession, Profile(), CONFIG, 3, context_length=2)
    said = {call.said for call in searches.wander(80, SIMULATIONS)}
    assert {"step([1])", "end_episode(0)"} <= said
    assert any(one.startswith("advance") for one in said)
    assert any("[2, 0" in one for one in said)
    assert any(one.startswith("root") and one.count(",") == 1 for one in said)
    assert {plan.envs for plan in PLANS} == {1, 3}


class EndsAll(KvrefSession):
    def end_episode(self, env: int) -> None:
        self.manager.clear_init_caches()


class EndsNext(KvrefSession):
    def end_episode(self, env: int) -> None:
        self.session.end_episode((env + 1) % self.setting.envs)


class EndsNothing(KvrefSession):
    def end_episode(self, env: int) -> None:
        """Its roots are never asked for again, so why bother?"""


class EndsRecur(KvrefSession):
    def end_episode(self, env: int) -> None:
        super().end_episode(env)
        self.manager.clear_recur_cache()


class RootsForget(KvrefSession):
    def root(self, envs: Sequence[int], latents: Tensor) -> None:
        self.manager.clear_init_caches()
        super().root(envs, latents)


class RecurStays(KvrefSession):
    def root(self, envs: Sequence[int], latents: Tensor) -> None:
        held = [(one.key, one.value) for one in self.manager.recur_pool.residents()]
        super().root(envs, latents)
        for key, value in held:
            self.manager.set_recur_cache(key, value)


class SortsItsIds(KvrefSession):
    def step(self, envs: Sequence[int], latents: Tensor) -> AbstractContextManager[StepLike]:
        return super().step(sorted(envs), latents)


class SortsItsLatents(KvrefSession):
    def advance(self, envs: Sequence[int], latents: Tensor) -> AbstractContextManager[StepLike]:
        order = torch.tensor(envs).argsort()
        return super().advance(envs, latents[order])


class EveryoneAlways(KvrefSession):
    """Takes the environments of the last root for those of every step."""

    envs: Sequence[int] = ()

    def root(self, envs: Sequence[int], latents: Tensor) -> None:
        self.envs = envs
        super().root(envs, latents)

    def step(self, envs: Sequence[int], latents: Tensor) -> AbstractContextManager[StepLike]:
        return super().step([*self.envs, *envs][: len(envs)], latents)


@pytest.mark.parametrize(
    ("wrong", "laws"),
    [
        (RowForEnv, {"M1"}),
        (EndsAll, {"M1"}),
        (EndsNext, {"M1"}),
        (EndsNothing, {"P7"}),
        (EndsRecur, {"S1", "M1"}),
        (RootsForget, {"M1"}),
        (RecurStays, {"P7"}),
        (SortsItsIds, {"M1", "S2"}),
        (SortsItsLatents, {"M1", "S2"}),
        (EveryoneAlways, {"M1", "S2"}),
    ],
)
def test_wrong_sessions_are_found(
    wrong: type[SessionSubject], laws: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every plan by night; by day by two of three environments."""
    if not NIGHT:
        monkeypatch.setattr(wandering, "PLANS", (Plan(3, 2, 30, 0), Plan(3, 7, 30, 1)))
    found = shortest_wandering(wrong)
    assert found is not None
    assert laws & set(found.laws), found


def test_a_wrong_session_is_told_call_by_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wandering, "PLANS", PLANS if NIGHT else PLANS[-3:])
    report = check(RowForEnv)
    assert not report.conforms
    assert "breaks S1 retention, M1 frame" in report.statement
    assert "\n  1. root([1, 0])" in report.statement
    assert report.counterexample is not None
    assert report.counterexample.history == ("root([1, 0])",)
