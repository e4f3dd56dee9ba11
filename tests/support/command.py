"""The command line, called in this process as its console script calls it.

Subjects are driven in this process too; `process` has the commands watch them in one of their own.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec

from stateful_models.cli.main import main
from stateful_models.cli.watched import Watching
from stateful_models.reports.data import decoded
from tests.support.paths import ROOT


class Ran(NamedTuple):
    """What a process that ran it would have left behind."""

    returncode: int
    stdout: str
    stderr: str


def kvref(*arguments: object) -> Ran:
    """`main` itself, so that mistakes are told as they are to a user; starting it is not tested."""
    out, err = io.StringIO(), io.StringIO()
    status: object = None
    with (
        patch.object(sys, "argv", ["kvref", *map(str, arguments)]),
        patch.object(sys, "path", list(sys.path)),
        patch.object(Watching, "wanted", False),
        patch.object(Watching, "arguments", None),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as left:
            status = left.code
    assert isinstance(status, int), f"main() ended with {status!r}, which is no exit status"
    return Ran(status, out.getvalue(), err.getvalue())


def process(*arguments: object, cwd: Path = ROOT, variables: Mapping[str, str] = {}) -> Ran:
    """The same in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-m", "stateful_models", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(run.returncode, run.stdout, run.stderr)


def result(path: Path) -> Any:
    """What a command wrote with `--json`, once it has been seen to be a document of its kind."""
    told = decoded(path.read_bytes())
    return json.loads(msgspec.json.encode(told.result))
