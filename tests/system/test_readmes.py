"""Every README: its code runs, its commands exist, its links lead somewhere, its tables hold."""

import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from stateful_models.bugs.matrix import METHODS
from stateful_models.bugs.methods.wings import wings
from tests.support import tables
from tests.support.command import kvref
from tests.support.paths import ROOT
from tests.support.readmes import INLINE, LINK, Block, blocks, every_block, prose, readmes

PYTHON = [one for one in every_block() if one.kind == "python"]
SHELL = [one for one in every_block() if one.kind == "sh"]
RUN = [one for one in every_block() if one.mark.startswith("run, status")]
LONGEST = 200  # lines of the README


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty place to run a README's code in; the modules that it wrote are forgotten again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    yield tmp_path
    for one in blocks_of_files():
        sys.modules.pop(one.removesuffix(".py"), None)


def blocks_of_files() -> set[str]:
    return {one.file for one in every_block() if one.file is not None}


def write_files(readme: Path, folder: Path) -> None:
    for one in blocks(readme):
        if one.file is not None:
            (folder / one.file).write_text(one.code)


@pytest.mark.parametrize("block", PYTHON, ids=lambda one: one.name)
def test_code_runs_as_written(block: Block, folder: Path) -> None:
    write_files(block.readme, folder)
    exec(compile(block.code, block.name, "exec"), {"__name__": "readme"})


@pytest.mark.parametrize("block", RUN, ids=lambda one: one.name)
def test_commands_print_what_is_written(block: Block, folder: Path) -> None:
    """But for seconds. Every line is there, in this order."""
    write_files(block.readme, folder)
    for line in block.code.strip().splitlines():
        run = kvref(*line.split()[1:])
        assert str(run.returncode) == block.mark.rpartition(" ")[2]
    came = iter(told(run.stdout))
    for line in told(block.output):
        assert line in came, line


def told(text: str) -> list[str]:
    """Lines without seconds, rules and widths, which differ."""
    plain = (re.sub(r"\d+\.\d", "#", " ".join(line.split())) for line in text.splitlines())
    return [line for line in plain if line.strip("─ ")]


def test_every_command_of_a_shell_block_exists() -> None:
    for block in SHELL:
        for line in block.code.splitlines():
            assert known(line), f"{block.name}: {line}"


@pytest.mark.parametrize("readme", readmes(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_named_exists(readme: Path) -> None:
    for command in INLINE.findall(prose(readme)):
        if command.split()[0] in ("kvref", "python"):
            assert known(command), command
    for link, _ in LINK.findall(prose(readme)):
        if not link.startswith("http"):
            assert (readme.parent / link).exists(), link


HELP: dict[tuple[str, ...], str] = {}


def known(line: str) -> bool:
    """A command that there is, with options that it has; or one that is no business of ours."""
    words = line.replace("[", " ").replace("]", " ").split()
    if not words or words[0].startswith(("#", ".", "python3", "git", "pre-commit")):
        return True
    if words[:2] == ["python", "-m"]:
        return words[2] == "pytest" or find_spec(words[2]) is not None
    if words[0] != "kvref" or len(words) == 1 or words[1].startswith("-"):
        return words[0] in ("kvref", "pip")
    command = tuple(words[1:3]) if words[1] == "trace" and len(words) > 2 else (words[1],)
    if command not in HELP:
        run = kvref(*command, "--help")
        HELP[command] = run.stdout if run.returncode == 0 else ""
    options = [word for word in words if word.startswith("--")]
    return bool(HELP[command]) and all(one in HELP[command] for one in options)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= LONGEST


def test_the_table_of_laws_is_current() -> None:
    """python -m tests.support.tables"""
    assert tables.between(tables.LAWS.read_text(), "laws")[1] == tables.law_table()


def test_the_matrix_lists_every_exhibit() -> None:
    """Its numbers are held against a run by `.ci/run`, which takes minutes."""
    rows = tables.between(tables.MATRIX.read_text(), "matrix")[1].splitlines()[2:]
    listed = [tuple(cell.strip() for cell in row.split("|")[1:4]) for row in rows]
    assert listed == [(one.name, one.wing, one.law) for one in wings()]
    for row, one in zip(rows, wings(), strict=True):
        cells = [cell.strip() for cell in row.split("|")[4:-1]]
        assert len(cells) == len(METHODS)
        assert {m for m, cell in zip(METHODS, cells, strict=True) if cell} == set(one.checks)


def test_code_imports_the_public_faces_alone() -> None:
    """`spec` where the specification is what is explained."""
    faces = {"kvref", "kvref.shadow", "kvref.tensors", "stateful_models", "stateful_models.tensors"}
    lightzero = "kvref.compat.lightzero"
    faces |= {lightzero, f"{lightzero}.kv_caching", f"{lightzero}.kv_cache_manager"}
    for block in PYTHON:
        modules = re.findall(
            r"^(?:from|import) ((?:kvref|spec|stateful_models)[\w.]*)", block.code, re.M
        )
        spec = block.readme == ROOT / "spec" / "README.md"
        extra = {one for one in modules if spec and one.startswith("spec")}
        assert set(modules) <= faces | extra, block.name
