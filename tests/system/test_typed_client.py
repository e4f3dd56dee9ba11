"""Types and behaviour agree: a client module is checked against an installed wheel, strictly.

The wheel is built from this tree, and from the source distribution that this tree makes.
"""

import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from tests.support.paths import ROOT

CLIENT = ROOT / "tests" / "system" / "typed_client.py"


def unpacked_sdist(folder: Path) -> Path:
    """What the source distribution holds."""
    (archive,) = SdistBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    (tree,) = (one for one in folder.iterdir() if one.is_dir())
    return tree


@pytest.mark.parametrize("source", ["tree", "sdist"])
def test_a_typed_client_of_the_installed_wheel(
    tmp_path: Path, source: str, request: pytest.FixtureRequest
) -> None:
    """The wheel lies in an environment of its own; torch, numpy and mypy are taken from here.

    What mypy made of torch is kept in pytest's own cache, where there is one.
    """
    cached = request.config.pluginmanager.hasplugin("cacheprovider")
    cache = request.config.cache.mkdir(f"typed_client_{source}") if cached else tmp_path / "cache"
    (tmp_path / "sdist").mkdir()
    root = ROOT if source == "tree" else unpacked_sdist(tmp_path / "sdist")
    (wheel,) = WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"])
    venv.create(tmp_path / "there", with_pip=False)
    python = tmp_path / "there" / "bin" / "python"
    (there,) = (tmp_path / "there" / "lib").glob("*/site-packages")
    unpacked = [sys.executable, "-m", "zipfile", "-e", wheel, str(there)]
    subprocess.run(unpacked, check=True)
    (there / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    client = tmp_path / "client.py"
    client.write_text(CLIENT.read_text())
    run = subprocess.run(
        [
            *(sys.executable, "-I", "-m", "mypy"),
            *("--strict", "--python-executable", str(python)),
            *("--cache-dir", str(cache), str(client)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    where = "import kvref; print(kvref.__file__)"
    told = subprocess.run(
        [python, "-I", "-c", where], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith(str(there)), told.stdout + told.stderr
