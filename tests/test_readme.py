"""The README's longer example runs as written."""

from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_the_search_runs_as_written() -> None:
    _, after = README.split("<!-- run -->\n```python\n")
    code, _ = after.split("\n```", 1)
    told: dict[str, object] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), told)
    manager = told["manager"]
    assert [len(pool) for pool in manager.init_pools] == [2, 0, 2]  # type: ignore[attr-defined]  # a KVCacheManager
