"""A folder whose own packages bear kvref's names: commands, workers and repro files work there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Ran
from tests.support.night import NIGHT
from tests.support.paths import ROOT

SUBJECT = '''
from collections import OrderedDict

from stateful_models import FIFO_REFERENCE, PoolSubject


class Pool(PoolSubject):
    profiles = (FIFO_REFERENCE,)

    def start(self, profile, capacity):
        self.d, self.n = OrderedDict(), capacity

    def get(self, key):
        return self.d.get(key)

    def set(self, key, value, rank):
        if key not in self.d and len(self.d) >= self.n:
            self.d.popitem(last=False)
        self.d[key] = value

    def clear(self):
        self.d.clear()


class Newest(Pool):
    """Evicts what it should keep."""

    def set(self, key, value, rank):
        if key not in self.d and len(self.d) >= self.n:
            self.d.popitem()
        self.d[key] = value
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Somebody's project."""
    here = tmp_path / "project"
    for package in ("spec", "tests"):
        (here / package).mkdir(parents=True)
        (here / package / "__init__.py").write_text(f'MINE = "{package}"\n')
        (here / package / "pools.py").write_text(SUBJECT)
    (here / "stateful_models.py").write_text(SUBJECT)
    (here / "mycache.py").write_text(SUBJECT)
    (here / "needy.py").write_text("from spec import MINE\n" + SUBJECT)
    (here / "needier.py").write_text("import spec.mine\n" + SUBJECT)
    return here


def run(folder: Path, *command: object) -> Ran:
    """As with kvref installed: it is found behind what lies in the folder."""
    ran = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


CONSOLE = "import sys; from stateful_models.cli.main import main; main()"
SAFELY = ("-P", "-c", CONSOLE)
"""The console script: the folder that one stands in is not on its path."""
SMALL = ("--scope=small", "--jobs=2", "--length=10")

ELSEWHERE = ["tests.pools", "spec.pools", "stateful_models"] if NIGHT else ["spec.pools"]


@pytest.mark.parametrize("module", ["mycache", "stateful_models"] if NIGHT else ["stateful_models"])
def test_a_right_cache_conforms(module: str, folder: Path) -> None:
    ran = run(folder, *SAFELY, "check", f"{module}:Pool", *SMALL)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{module}:Pool conforms" in ran.stdout


@pytest.mark.parametrize("module", ELSEWHERE)
def test_a_wrong_one_is_told_and_its_repro_fails_from_any_folder(module: str, folder: Path) -> None:
    repro = folder / "repros" / "test_repro.py"
    repro.parent.mkdir()
    ran = run(folder, *SAFELY, "check", f"{module}:Newest", *SMALL, "--repro", repro)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "BROKEN" in ran.stdout
    again = run(repro.parent, "-m", "pytest", "-q", "-p", "no:cacheprovider", repro)
    assert again.returncode == 1, again.stdout
    assert "AssertionError" in again.stdout, again.stdout
    moved = folder.parent / "elsewhere"
    folder.rename(moved)
    again = run(moved, "-m", "pytest", "-q", "-p", "no:cacheprovider", "repros/test_repro.py")
    assert "AssertionError" in again.stdout, again.stdout


def test_a_repro_beside_the_names_fails_as_it_should(folder: Path) -> None:
    """pytest puts this folder first."""
    ran = run(folder, *SAFELY, "check", "mycache:Newest", *SMALL, "--repro", "test_repro.py")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    again = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_repro.py")
    assert again.returncode == 1, again.stdout
    assert "AssertionError" in again.stdout, again.stdout
    wrong, right = "from mycache import Newest", "from mycache import Pool as Newest"
    text = (folder / "test_repro.py").read_text()
    (folder / "test_repro.py").write_text(text.replace(wrong, right))
    mended = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_repro.py")
    assert mended.returncode == 0, mended.stdout


@pytest.mark.skipif(not NIGHT, reason="as `kvref check` does in every run: by night")
def test_fuzzing_works_there(folder: Path) -> None:
    ran = run(folder, *SAFELY, "fuzz", "mycache:Newest", "--minutes=0.2", "--jobs=2")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "breaks" in ran.stdout


def test_python_m_works_beside_somebodys_spec(folder: Path) -> None:
    (folder / "stateful_models.py").unlink()
    ran = run(folder, "-m", "stateful_models", "check", "mycache:Pool", *SMALL)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("module", ["needy", "needier"])
def test_what_needs_its_own_spec_is_told_what_to_do(module: str, folder: Path) -> None:
    ran = run(folder, *SAFELY, "check", f"{module}:Pool", *SMALL)
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1, ran.stderr
    for word in ("a `spec` of its own", str(folder / "spec"), "rename yours"):
        assert word in ran.stderr, ran.stderr
