"""Types and behaviour agree: a client module is checked against an installed wheel, strictly."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.support.paths import ROOT

CLIENT = ROOT / "tests" / "system" / "typed_client.py"


def test_a_typed_client_of_the_installed_wheel(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The wheel lies in an environment of its own; torch, numpy and mypy are taken from here.

    What mypy made of torch is kept in pytest's own cache, where there is one.
    """
    cached = request.config.pluginmanager.hasplugin("cacheprovider")
    cache = request.config.cache.mkdir("typed_client") if cached else tmp_path / "cache"
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
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
