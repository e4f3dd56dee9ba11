"""What is recorded through attach is judged with its nodes: S2, whoever's keys they are."""

import copy
from pathlib import Path

import pytest
import torch

from kvref import KVCacheError, KVCacheValueError
from kvref.compat.lightzero import attach
from kvref.shadow import OnDivergence
from stateful_models import TraceReport, check_trace
from tests.support.standin.attention import Config
from tests.support.standin.playing import Chooser, Player, planted
from tests.support.standin.predicting import Dynamics
from tests.support.standin.world_model import WorldModel


def played(model: WorldModel) -> list[torch.Tensor]:
    player = Player(model, {}, seed=1)
    for _ in range(3):
        player.move(6)
    player.begin()
    player.move(2, rows=2)
    return [told for one in player.told() for told in one.made.values()]


def recorded(mode: str, dynamics: Dynamics, path: Path) -> TraceReport:
    model = WorldModel(Config(num_simulations=8), dynamics)
    with planted(Chooser(0, 3)):
        alone = played(copy.deepcopy(model))
    with (
        planted(Chooser(0, 3)),
        attach(model, mode, record=path, on_divergence=OnDivergence.COUNT),
    ):
        told = played(model)
    assert mode != "shadow" or all(map(torch.equal, told, alone)), "recording changes nothing"
    return check_trace(path)


@pytest.mark.parametrize("mode", ["shadow", "compare", "serve"])
def test_keys_of_latents_are_rejected_where_latents_are_equal(mode: str, tmp_path: Path) -> None:
    report = recorded(mode, Dynamics.ZERO, tmp_path / "run.jsonl.gz")
    assert not report.accepted
    assert any(law.startswith("S2") for law in report.breaches)
    assert "another node's" in str(report)


@pytest.mark.parametrize("mode", ["shadow", "compare", "serve", "switch"])
def test_they_are_accepted_where_no_latents_are(mode: str, tmp_path: Path) -> None:
    assert recorded(mode, Dynamics.RANDOM, tmp_path / "run.jsonl").accepted


def test_names_of_histories_are_accepted_wherever(tmp_path: Path) -> None:
    report = recorded("switch", Dynamics.ZERO, tmp_path / "run.jsonl")
    assert report.accepted
    assert (tmp_path / "run.jsonl").read_text().count('"node":"#') > 100


def test_a_file_that_cannot_be_written_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    for mode in ("shadow", "switch"):
        model = WorldModel(Config(num_simulations=8), Dynamics.RANDOM)
        before = dict(vars(model))
        with pytest.raises(KVCacheError, match="cannot record"):
            attach(model, mode, record=tmp_path / "nowhere" / "run.jsonl")
        assert vars(model) == before


def test_under_off_there_is_nothing_to_record(tmp_path: Path) -> None:
    with pytest.raises(KVCacheValueError, match="nothing to record"):
        attach(WorldModel(Config(), Dynamics.RANDOM), "off", record=tmp_path / "run.jsonl")
