"""The README's longer examples run as written."""

from pathlib import Path

import pytest

from stateful_models.traces.judge import check_trace
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text()


def run(mark: str) -> dict[str, object]:
    _, after = README.split(f"<!-- {mark} -->\n```python\n")
    code, _ = after.split("\n```", 1)
    told: dict[str, object] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), told)
    return told


def test_the_recording_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run("run: recording")
    assert check_trace(tmp_path / "run.jsonl.gz").accepted


def test_the_search_runs_as_written() -> None:
    told = run("run")
    manager = told["manager"]
    assert [len(pool) for pool in manager.init_pools] == [2, 0, 2]  # type: ignore[attr-defined]  # a KVCacheManager
