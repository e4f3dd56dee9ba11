"""Files that commands write: never over somebody else's, never left over from an earlier run."""

import json
from pathlib import Path

import pytest

from tests.support.command import Ran, kvref, result

QUICK = ("--scope=small", "--jobs=1", "--length=10")
SMALL = (*QUICK, "--policy=fifo", "--ownership=sealed")
BROKEN = ("check", "tests.support.adapters:Broken", *QUICK)
RIGHT = ("check", *SMALL)


def refused(run: Ran, file: Path, text: str) -> None:
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert "a file that kvref did not write" in run.stderr
    assert file.read_text() == text, "it stays as it is"


@pytest.mark.parametrize("text", ["print('mine')\n", '"""Mine."""\n\nimport os\n'])
def test_a_test_of_ones_own_is_not_overwritten(text: str, tmp_path: Path) -> None:
    file = tmp_path / "test_mine.py"
    file.write_text(text)
    refused(kvref(*BROKEN, "--repro", file), file, text)


@pytest.mark.parametrize("text", ["{}", "[1, 2]", '{"command": 5}', "no json", '{"version": 1}'])
@pytest.mark.parametrize("command", [RIGHT, ("search", "--envs=1", "--simulations=1")])
def test_data_of_ones_own_are_not_overwritten(
    command: tuple[str, ...], text: str, tmp_path: Path
) -> None:
    file = tmp_path / "out.json"
    file.write_text(text)
    refused(kvref(*command, "--json", file), file, text)


def test_an_empty_file_and_a_device_are_nobodys(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    file.touch()
    assert kvref(*RIGHT, "--json", file).returncode == 0
    assert result(file)["conforms"] is True
    assert kvref(*RIGHT, "--json", "/dev/null").returncode == 0


def test_what_an_earlier_run_wrote_is_replaced_or_goes_away(tmp_path: Path) -> None:
    repro, data = tmp_path / "test_repro.py", tmp_path / "out.json"
    files = ("--repro", repro, "--json", data)
    assert kvref(*BROKEN, *files).returncode == 1
    first = repro.read_text()
    again = kvref(*BROKEN, *files)
    assert again.returncode == 1
    assert f"removed {repro}, which an earlier run wrote" in again.stderr
    assert repro.read_text() == first
    assert kvref(*RIGHT, *files).returncode == 0
    assert not repro.exists(), "nothing was found"
    assert result(data)["conforms"] is True
    assert kvref("check", "nowhere:Pool", *files).returncode == 2
    assert not data.exists(), "nothing was established"


def test_standard_output_is_for_the_data_alone() -> None:
    run = kvref(*BROKEN, "--json", "-")
    assert run.returncode == 1
    assert json.loads(run.stdout)["result"]["conforms"] is False
    assert "breaks" in run.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("WordySlots", ("set()", "'slot 0'", "integer")),
        ("CountersInADict", ("counters()", "Counters", "{'hits': 1}")),
        ("NoKeys", ("keys()", "None")),
        ("NoPeek", ("peek() and keys()", "INSPECTION")),
        ("NamedProfile", ("a profile must be a Profile, not 'fifo'",)),
        ("ListedProfiles", ("`profiles` must be a tuple",)),
    ],
)
def test_what_an_author_tells_wrongly_is_usage(name: str, words: tuple[str, ...]) -> None:
    run = kvref("check", f"tests.support.ill_behaved:{name}", "--scope=small", "--jobs=1")
    assert run.returncode == 2, run.stdout
    assert run.stderr.count("\n") == 1
    assert run.stdout == ""
    for word in words:
        assert word in run.stderr


def test_instances_that_share_a_store_are_told_so() -> None:
    run = kvref("check", "tests.support.ill_behaved:Shared", "--scope=small", "--jobs=1")
    assert run.returncode == 1
    assert "instances are not independent" in run.stdout


def test_windows_batches_keys_and_sessions_are_checked_too(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    right = kvref("check", "stateful_models.reference.keys:KvrefKeys", "--json", tmp_path / "a")
    assert right.returncode == 0, right.stderr
    assert "KvrefKeys conforms" in right.stdout
    assert result(tmp_path / "a")["statement"] in right.stdout.replace("\n", " ") + right.stdout
    wrong = kvref("check", "tests.support.windows:CropsOneShort", "--json", tmp_path / "b")
    assert wrong.returncode == 1, wrong.stderr
    told = result(tmp_path / "b")
    assert told["conforms"] is False
    assert told["laws_broken"]
    assert told["history"]


@pytest.mark.parametrize(
    "command",
    [
        BROKEN,
        ("isolate", "--depth=2"),
        ("isolate", "stateful_models.bugs.caches.shared_cursor:SharedCursor", "--keys=1"),
    ],
)
def test_forty_columns_lose_nothing(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every word of the wide report is there, and no line is too long."""
    wide = kvref(*command).stdout
    monkeypatch.setenv("COLUMNS", "40")
    narrow = kvref(*command).stdout
    assert max(map(len, narrow.splitlines())) <= 40
    assert "…" not in narrow
    told = "".join(narrow.split())
    lost = [word for word in wide.split() if word not in told and "─" not in word]
    assert [word for word in lost if not word.replace(".", "").isdigit()] == []
