"""Recordings of a session: every lookup and store with the node that it was for, by its history."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from kvref import KVCacheManager, Ownership, Recorder
from kvref.tensors import (
    KeysValues,
    Missing,
    Node,
    SearchSession,
    by_env_and_latent,
    nodes,
)
from stateful_models.traces.judge import TraceReport, check_trace
from tests.support.making import window

ENVS = (0, 1)
OBSERVED = torch.tensor([[1.0, 2.0], [1.0, 2.0]])
ZEROS = torch.zeros(2, 2)  # as a dynamics head that starts at zero makes latents


class Client:
    """A search whose windows say what led to them: each step appends its actions."""

    def __init__(self, keys: nodes.Keys | None, **options: Any) -> None:
        config = SimpleNamespace(game_segment_length=4, num_simulations=32)
        self.manager: KVCacheManager[KeysValues] = KVCacheManager(
            config, len(ENVS), ownership=Ownership.SEALED
        )
        self.session = SearchSession(
            self.manager, self.rebuild, context_length=20, keys=keys, **options
        )

    def rebuild(self, missing: Missing) -> list[KeysValues]:
        return [window(1, capacity=20) for _ in missing.rows]

    def simulate(
        self, parents: Sequence[Node], actions: Sequence[int], latents: Tensor = ZEROS
    ) -> tuple[Node, ...]:
        told = torch.tensor(actions)
        with self.session.step(parents) as step:
            for layer in step.keys_values:
                row = told.view(-1, 1, 1, 1).expand(len(parents), 2, 2, 4).float()
                layer.update(row, row)
            return step.children(told, latents[: len(parents)])

    def search(self, latents: Tensor = ZEROS) -> list[Node]:
        """Two children of each root, and a child of each of these; then from all of them again."""
        roots = self.session.root(ENVS, OBSERVED).nodes
        tree = [*roots]
        for actions in ((1, 2), (3, 4)):
            children = self.simulate(roots, actions, latents + actions[0] * latents.sum())
            tree += children
            tree += self.simulate(children, actions, latents - actions[0] * latents.sum())
        for node in tree:
            self.simulate([node], [5], latents + len(tree))
        return tree


def judged(client: Client, path: Path, latents: Tensor = ZEROS) -> TraceReport:
    with Recorder(client.manager, path, session=client.session):
        client.search(latents)
    return check_trace(path)


def told(path: Path, *ops: str) -> list[tuple[str, str | None]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    return [(line["op"], line.get("node")) for line in lines if line["op"] in ops]


def test_keys_of_equal_latents_are_rejected_and_chained_ones_are_not(tmp_path: Path) -> None:
    """Every hit is judged; what is found under equal latents is another node's context."""
    chained = judged(Client(None), tmp_path / "chained.jsonl")
    shared = judged(Client(by_env_and_latent()), tmp_path / "shared.jsonl")
    assert chained.accepted
    assert chained.counts["named"] == chained.counts["hits"] > 10
    assert not chained.counts["replaced"]
    assert set(shared.breaches) == {"S2"}
    assert shared.counts["named"] == shared.counts["hits"]
    assert shared.counts["replaced"] > 10
    (effect,) = shared.effects(shared.breaches["S2"])
    assert 5 < effect.count < effect.of == shared.counts["hits"]


def test_keys_of_latents_that_differ_are_accepted(tmp_path: Path) -> None:
    report = judged(Client(by_env_and_latent()), tmp_path / "run.jsonl", torch.randn(2, 2))
    assert report.accepted
    assert report.counts["named"] == report.counts["hits"] > 10


def test_nodes_are_named_by_history_whatever_the_keys_are(tmp_path: Path) -> None:
    """The same client is written with the same names, those of the chained keys."""
    paths = [tmp_path / name for name in ("chained.jsonl", "shared.jsonl")]
    for path, keys in zip(paths, (None, by_env_and_latent()), strict=True):
        judged(Client(keys), path)
    chained, shared = (told(path, "hget", "set") for path in paths)
    assert chained == shared
    client = Client(None)
    tree = client.search()
    assert {f"#{node.key:x}" for node in tree} < {name for _, name in chained}
    assert all(name is not None for _, name in told(paths[1], "get", "set", "hget"))


@pytest.mark.parametrize("keys", [None, by_env_and_latent()], ids=["chained", "latents"])
def test_recording_changes_no_key(tmp_path: Path, keys: nodes.Keys | None) -> None:
    plain, recorded = Client(keys), Client(keys)
    tree = plain.search()
    with Recorder(recorded.manager, tmp_path / "run.jsonl", session=recorded.session):
        assert recorded.search() == tree
    for one, other in zip(plain.manager.pools, recorded.manager.pools, strict=True):
        assert list(one) == list(other)


def test_nothing_is_named_that_nobody_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By-latent keys: no bytes of what was appended are looked at before, or after."""
    client = Client(by_env_and_latent())
    with monkeypatch.context() as patched:
        patched.delattr(nodes, "row_bytes")
        assert {node.chained for node in client.search()} == {None}
    client.session.close()
    with Recorder(client.manager, tmp_path / "run.jsonl", session=client.session):
        assert None not in {node.chained for node in client.search()}
        with Recorder(client.manager, tmp_path / "other.jsonl", session=client.session):
            pass
        assert None not in {node.chained for node in client.search()}
    monkeypatch.delattr(nodes, "row_bytes")
    assert {node.chained for node in client.search()} == {None}


def test_a_recording_that_ends_early_or_cannot_begin_asks_no_more(tmp_path: Path) -> None:
    client = Client(by_env_and_latent())

    def bad(window: KeysValues) -> int:
        raise ZeroDivisionError

    with pytest.raises(OSError, match="nowhere"):
        Recorder(client.manager, tmp_path / "nowhere" / "run.jsonl", session=client.session)
    assert {node.chained for node in client.search()} == {None}
    client.session.close()
    recording = Recorder(client.manager, tmp_path / "run.jsonl", bad, session=client.session)
    client.search()
    assert isinstance(recording.failure, ZeroDivisionError)
    assert {node.chained for node in client.search()} == {None}


def test_latents_alone_do_not_say_whose_they_are(tmp_path: Path) -> None:
    """Lookups by latents are for nobody; what is below an entry of init has its history, and what
    is below one of recur has none."""
    client, path = Client(by_env_and_latent()), tmp_path / "run.jsonl"
    with Recorder(client.manager, path, session=client.session):
        roots = client.session.root(ENVS, OBSERVED).nodes
        for latents, below in ((OBSERVED, ZEROS), (ZEROS, ZEROS + 1), (ZEROS + 9, ZEROS + 2)):
            with client.session.step(ENVS, latents) as step:
                for layer in step.keys_values:
                    layer.update(torch.zeros(2, 2, 2, 4), torch.zeros(2, 2, 2, 4))
                step.children(torch.tensor([1, 2]), below)
        children = client.session.follow(roots, torch.tensor([1, 2]), ZEROS)
    assert {name for _, name in told(path, "hget")} == {None}
    names = [f"#{node.chained:x}" for node in (*roots, *children)]
    assert told(path, "set") == [("set", name) for name in (*names, *[None] * 4)]
    assert check_trace(path).accepted


def test_a_client_that_goes_by_latents_is_not_rejected_where_these_differ(tmp_path: Path) -> None:
    """The next root is who was stored there, though only its latents are told; and below it hits
    are judged."""
    client, path = Client(by_env_and_latent()), tmp_path / "run.jsonl"
    observed = OBSERVED
    with Recorder(client.manager, path, session=client.session):
        for turn in range(4):
            roots = client.session.root(ENVS, observed).nodes
            level = roots
            for depth in range(2):
                level = client.simulate(level, (1, 2), ZEROS + 10 * turn + depth)
            client.simulate(level, (1, 2))
            with client.session.advance(ENVS, observed) as step:
                for layer in step.keys_values:
                    layer.update(torch.ones(2, 2, 2, 4), torch.ones(2, 2, 2, 4))
                observed = observed + 1
                step.children(torch.tensor([1, 2]), observed)
            client.session.root(ENVS, observed)
            client.simulate(level, (3, 3), ZEROS - 1)
    report = check_trace(path)
    assert report.accepted
    assert report.counts["named"] == 4 * 2 * 3


def test_a_client_that_goes_by_latents_is_rejected_where_these_are_equal(tmp_path: Path) -> None:
    """Also below a root that was there before the recording began, of which nothing is known."""
    client, path = Client(by_env_and_latent()), tmp_path / "run.jsonl"
    client.session.root(ENVS, OBSERVED)
    with Recorder(client.manager, path, session=client.session):
        roots = client.session.root(ENVS, OBSERVED).nodes
        again = client.session.root(ENVS, OBSERVED).nodes
        assert [node.chained for node in again] == [node.chained for node in roots]
        child = client.simulate(roots, (1, 2))
        client.simulate(roots, (3, 4))
        client.simulate(child, (5, 6))
    report = check_trace(path)
    assert set(report.breaches) == {"S2"}
    assert report.breaches["S2"].count == 2


def test_nodes_made_before_the_recording_are_known_by_chained_keys_alone(tmp_path: Path) -> None:
    for keys in (None, by_env_and_latent()):
        client, path = Client(keys), tmp_path / "run.jsonl"
        tree = client.search()
        with Recorder(client.manager, path, session=client.session):
            client.simulate([tree[2]], [9])
        expected = {None} if keys else {name for _, name in told(path, "hget", "set")}
        assert {name for _, name in told(path, "hget", "set")} == expected
        assert (None in expected) is (keys is not None)
        assert check_trace(path).accepted


def test_names_of_ones_own_are_histories_too(tmp_path: Path) -> None:
    client, path = Client(by_env_and_latent()), tmp_path / "run.jsonl"
    with Recorder(client.manager, path, session=client.session):
        begun = client.session.begin(ENVS, OBSERVED, ids=[7, 8])
        client.session.root(begun)
    names = [name for _, name in told(path, "get", "set")]
    assert names == [f"#{node.key:x}" for node in begun] * 2


def test_with_verify_a_shared_key_is_no_collision_where_it_is_recorded(tmp_path: Path) -> None:
    """Keys of latents are shared on purpose; that a recording asks for names changes nothing."""
    report = judged(Client(by_env_and_latent(), verify=True), tmp_path / "run.jsonl")
    assert set(report.breaches) == {"S2"}


def test_what_happened_is_found_under_its_name(tmp_path: Path) -> None:
    """A root of the next search, stored by `advance`; and one that was pushed out, stored again."""
    client, path = Client(None), tmp_path / "run.jsonl"
    with Recorder(client.manager, path, session=client.session):
        roots = client.session.root(ENVS, OBSERVED).nodes
        with client.session.advance(roots) as step:
            for layer in step.keys_values:
                layer.update(torch.ones(2, 2, 2, 4), torch.ones(2, 2, 2, 4))
            roots = step.children(torch.tensor([1, 2]), OBSERVED + 1)
        client.session.root(roots)
    names = [f"#{node.key:x}" for node in roots]
    assert told(path, "get")[-2:] == [("get", name) for name in names]
    assert told(path, "set")[-2:] == [("set", name) for name in names]
    assert check_trace(path).counts["named"] == 4
