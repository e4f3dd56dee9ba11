"""What imports what, and that the types are really there."""

import ast
import inspect
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import kvref
from tests.support.paths import ROOT


def imports(package: str) -> Iterator[tuple[Path, str]]:
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name.split(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                yield path, (node.module or "").split(".")[0]


def test_spec_imports_the_standard_library_only() -> None:
    allowed = sys.stdlib_module_names | {"spec"}
    assert [(p, name) for p, name in imports("spec") if name not in allowed] == []


def test_spec_does_no_io() -> None:
    noisy = {"os", "sys", "io", "pathlib", "subprocess", "socket", "logging", "random", "time"}
    assert [(p, name) for p, name in imports("spec") if name in noisy] == []


def test_kvref_and_its_oracle_share_nothing() -> None:
    foreign = {"spec", "stateful_models", "tests"}
    assert [(p, name) for p, name in imports("kvref") if name in foreign] == []


def lint_imports(root: Path) -> tuple[int, str]:
    run = subprocess.run(
        [
            *(sys.executable, "-c"),
            "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])",
        ],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stdout


def test_import_contracts_hold() -> None:
    status, told = lint_imports(ROOT)
    assert status == 0, told


def test_no_module_of_kvref_is_left_out_of_the_contract_on_torch() -> None:
    """import-linter cannot say "all of kvref but kvref.tensors and kvref.compat"."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (listed,) = (
        one["source_modules"] for one in contracts["contracts"] if "torch only" in one["name"]
    )
    modules = {f"kvref.{path.stem}" for path in (ROOT / "kvref").glob("*.py")}
    packages = {f"kvref.{path.parent.name}" for path in (ROOT / "kvref").glob("*/__init__.py")}
    assert set(listed) == (modules | packages) - {
        *("kvref.__init__", "kvref.tensors", "kvref.compat")
    }


PLANTED = [
    ("stateful_models/subjects/aspects.py", "import stateful_models.scopes.scope", "in layers"),
    ("stateful_models/traces/values.py", "import stateful_models.engines.judge", "in layers"),
    ("stateful_models/reports/words.py", "import stateful_models.bugs.matrix", "in layers"),
    ("stateful_models/novelty/__init__.py", "", "in layers"),
    ("spec/pool.py", "import msgspec", "standard library only"),
    ("kvref/pool.py", "import spec.pool", "its oracle"),
    ("kvref/window_drop.py", "import torch", "inside kvref.tensors and kvref.compat"),
    ("kvref/shadow/contents.py", "import torch", "inside kvref.tensors and kvref.compat"),
    ("kvref/stats.py", "import kvref.compat.lightzero", "inside kvref.tensors and kvref.compat"),
    ("kvref/tensors/working.py", "import kvref.compat.lightzero", "not what it is made of"),
    ("kvref/compat/lightzero/storage.py", "import lzero", "not it to them"),
    ("stateful_models/runtime/oracle.py", "import stateful_models.reports.words", "in layers"),
]


def test_one_import_planted_against_a_wall_is_found(tmp_path: Path) -> None:
    """All of them at once, each named with the contract that it breaks."""
    for package in ("spec", "kvref", "stateful_models", "tests"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("*.gz"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file, line, _ in PLANTED:
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text((path.read_text() if path.exists() else "") + f"\n{line}\n")
    status, told = lint_imports(tmp_path)
    assert status == 1
    for file, line, contract in PLANTED:
        importer = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        assert importer in told, file
        assert f"{importer} -> {line.removeprefix('import ')}" in told or not line, line
        assert f"{contract} BROKEN" in " ".join(told.split()), contract


@pytest.mark.parametrize("module", ["torch", "numpy", "hypothesis", "typer", "rich"])
def test_importing_kvref_stays_light(module: str) -> None:
    code = f"import sys, kvref; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_packages_are_typed() -> None:
    for package in ("spec", "kvref", "stateful_models"):
        assert (ROOT / package / "py.typed").exists()


def test_no_any_in_public_signatures() -> None:
    for package in ("spec", "kvref", "stateful_models"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                    continue
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                hints = [one.annotation for one in arguments] + [node.returns]
                names = {
                    name.id
                    for hint in hints
                    if hint is not None
                    for name in ast.walk(hint)
                    if isinstance(name, ast.Name)
                }
                assert "Any" not in names, f"{path}:{node.lineno} {node.name}"


def test_every_public_name_is_documented() -> None:
    for name in kvref.__all__:
        if name not in ("Event", "OnEvict", "Priority", "Rank"):  # aliases have none of their own
            assert inspect.getdoc(getattr(kvref, name)), name


def test_top_level_is_what_the_design_says() -> None:
    run = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        pytest.skip("not a git checkout")
    tops = {line.split("/")[0] for line in run.stdout.splitlines()}
    assert {top for top in tops if not top.startswith(".")} <= {
        "spec",
        "kvref",
        "stateful_models",
        "tests",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    }
