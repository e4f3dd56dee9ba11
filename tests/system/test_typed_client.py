"""Types and behaviour agree: a client module is checked against an installed wheel, strictly.

The wheel is built from this tree, and from the source distribution that this tree makes.
"""

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from tests.support.night import NIGHT
from tests.support.paths import ROOT

SKIP_TORCH = "[mypy]\n[mypy-torch.*]\nfollow_imports = skip\n"
CLIENT = ROOT / "tests" / "system" / "typed_client.py"


def unpacked_sdist(folder: Path) -> Path:
    """What the source distribution holds."""
    (archive,) = SdistBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    (tree,) = (one for one in folder.iterdir() if one.is_dir())
    return tree


def built(root: Path, folder: Path) -> Path:
    (wheel,) = WheelBuilder(str(root)).build(directory=str(folder), versions=["standard"])
    return Path(wheel)


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as files:
        return {name: files.read(name) for name in files.namelist()}


def test_the_source_distribution_makes_the_same_wheel(tmp_path: Path) -> None:
    """Byte for byte, so that what is checked of one is so of the other; and its tests are there."""
    for name in ("here", "there", "sdist"):
        (tmp_path / name).mkdir()
    tree = unpacked_sdist(tmp_path / "sdist")
    assert contents(built(ROOT, tmp_path / "here")) == contents(built(tree, tmp_path / "there"))
    assert (tree / "tests" / "system" / "typed_client.py").exists()


def test_a_typed_client_of_the_installed_wheel(tmp_path: Path) -> None:
    """The wheel lies in an environment of its own; torch, numpy and mypy are taken from here.

    What torch says of its types is read by night; of this tree it is in every run of mypy.
    """
    wheel = built(ROOT, tmp_path)
    venv.create(tmp_path / "there", with_pip=False)
    python = tmp_path / "there" / "bin" / "python"
    (there,) = (tmp_path / "there" / "lib").glob("*/site-packages")
    unpacked = [sys.executable, "-m", "zipfile", "-e", str(wheel), str(there)]
    subprocess.run(unpacked, check=True)
    (there / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\n" if NIGHT else SKIP_TORCH)
    client = tmp_path / "client.py"
    client.write_text(CLIENT.read_text())
    run = subprocess.run(
        [
            *(sys.executable, "-I", "-m", "mypy"),
            *("--strict", "--python-executable", str(python)),
            *("--config-file", str(config), "--cache-dir", str(tmp_path / "cache"), str(client)),
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
