"""The matrix: what catches which exhibit, and what it says where nothing does."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest
from typer.testing import CliRunner

from spec.profile import FIFO_REFERENCE
from stateful_models.bugs import caches, searches, tensors
from stateful_models.bugs.caches import EXHIBITS
from stateful_models.bugs.matrix import METHODS, ONLY_ONE, Caught, Exhibited, examined
from stateful_models.bugs.methods.caches import machine, recorded_run
from stateful_models.bugs.methods.searches import explored_searches, walked
from stateful_models.bugs.methods.wings import by_name, wings
from stateful_models.bugs.searches import CLIENTS
from stateful_models.cli import bugs as bugs_cli
from stateful_models.cli.main import app
from stateful_models.engines.fuzz import EXAMPLES
from stateful_models.reference.pool import KvrefPool
from stateful_models.reports.data import BugsDocument, decoded
from stateful_models.reports.searches import BASE
from tests.support.night import NIGHT

PLAIN = {
    "stateful_models.bugs.tensors.plain",
    "stateful_models.bugs.caches.ring",
    "stateful_models.bugs.caches.black_boxes",
    "stateful_models.bugs.caches.other_names",
    "stateful_models.bugs.caches.long_memory",
}  # not one fault each


def matrix(*arguments: str) -> tuple[int, str]:
    told = CliRunner().invoke(app, ["bugs", "--jobs", "1", *arguments])
    return told.exit_code, told.output


def files() -> Iterator[str]:
    for wing in (caches, searches, tensors):
        for module in walk_packages(wing.__path__, f"{wing.__name__}."):
            if not module.ispkg and module.name not in PLAIN:
                yield module.name


def test_every_file_of_the_museum_is_exhibited() -> None:
    """Its class, or for a search its client, by the file's own name."""
    names = {one.name.lower() for one in wings()}
    for name in files():
        stem = name.rpartition(".")[2].replace("_", "")
        assert stem.removeprefix("priority") in names, name


def test_every_file_of_the_museum_says_what_comes_of_it() -> None:
    for name in files():
        assert len((import_module(name).__doc__ or "").split()) >= 5, name


def test_names_are_unique() -> None:
    names = [one.name for one in wings()]
    assert len(names) == len(set(names))
    assert set(ONLY_ONE) <= set(names)
    assert {method for one in wings() for method in one.checks} == set(METHODS)


@pytest.mark.parametrize(
    "name",
    [
        "UpdateMoves",
        "NextEnvironment",
        "PadsRight",
        "HashPerProcess",
        "WorksInPlace",
        "CropsOneShort",
    ],
)
def test_an_exhibit_of_each_wing_is_caught_twice(name: str) -> None:
    row = by_name(name)
    assert len(row.caught_by) >= 2
    assert row.told


@pytest.mark.parametrize(("name", "law", "steps"), [(n, law, k) for n, _, law, k in CLIENTS])
def test_clients_are_rejected_with_the_shortest_search(name: str, law: str, steps: int) -> None:
    (scope,) = [scope for other, scope, _, _ in CLIENTS if other == name]
    assert explored_searches(scope, law) == Caught((law,), steps)
    assert walked(scope) is not None


class Right(KvrefPool):
    """Of one profile, since a machine tries them all."""

    profiles = (FIFO_REFERENCE,)


def test_right_ones_are_caught_by_no_method() -> None:
    assert recorded_run(KvrefPool, KvrefPool.profiles[0]) is None
    assert machine(Right, EXAMPLES if NIGHT else 10) is None
    assert explored_searches(replace(BASE, searches=1), "S2") is None


def test_the_matrix_of_a_few(tmp_path: Path) -> None:
    json = tmp_path / "matrix.json"
    status, told = matrix("--only", "LruOverRing", "--json", str(json))
    assert status == 0
    assert "1 of 1 exhibits caught, 1 by two methods or more" in told
    document = decoded(json.read_bytes())
    assert isinstance(document, BugsDocument)
    (line,) = document.result
    assert line.operations == {"explore": 4, "sample": 7, "machine": 5, "trace": 26}


def test_only_one_method_says_why() -> None:
    status, told = matrix("--only", "CloneHalves")
    assert status == 0
    assert "CloneHalves: only by one, since only values" in told


def test_an_exhibit_that_nothing_catches_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Exhibited("Right", "cache", "P1", {"explore": lambda: None})
    once = Exhibited("Once", "cache", "P1", {"explore": lambda: Caught(("P1",), 1)})
    assert not examined(right).told
    assert not examined(once).told
    monkeypatch.setattr(bugs_cli, "wings", lambda: iter((right, once)))
    status, told = matrix()
    assert status == 1
    assert "Right is not caught" in told
    assert "Once is caught by one method alone" in told


def test_no_exhibit_of_that_name() -> None:
    status, told = matrix("--only", "nobody")
    assert status == 2
    assert "no exhibit's name has 'nobody' in it" in told


def test_museum_of_caches_is_the_matrix_of_caches() -> None:
    assert {one.subject.__name__ for one in EXHIBITS} <= {one.name for one in wings()}
