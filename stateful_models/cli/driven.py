"""The watched side of a command: it runs whole in this process, which writes down what it does."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from fcntl import F_DUPFD_CLOEXEC, fcntl
from pathlib import Path
from typing import Final

from stateful_models.cli.again import again
from stateful_models.cli.main import main as kvref
from stateful_models.cli.shrinking import shrink
from stateful_models.cli.streams import Private
from stateful_models.engines.workers import die_with
from stateful_models.subjects.journal import Doing, open_journal

FAR: Final = 200


def main(parent: str, folder: str, life: str, noise: str, what: str, *arguments: str) -> None:
    """Run a command, or perform one history again; does not return.

    `life` ends when the parent does; what the subject prints goes into `noise`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with(int(parent))
    threading.Thread(target=follow, args=(int(life),), daemon=True).start()
    Private.out, Private.err = (os.fdopen(apart(fd), "w", errors="replace") for fd in (1, 2))
    for standard in (1, 2):
        os.dup2(int(noise), standard)
    os.close(int(noise))
    journal = open_journal(Path(folder))
    doing, status = ended(WHAT[what], arguments)
    for stream in (Private.out, Private.err, sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    journal.write(doing, status)
    os._exit(0)


def ended(
    run: Callable[[tuple[str, ...]], tuple[Doing, int]], arguments: tuple[str, ...]
) -> tuple[Doing, int]:
    """How a run ends in this process."""
    try:
        return run(arguments)
    except SystemExit as left:
        return Doing.DONE, left.code if isinstance(left.code, int) else 1
    except BrokenExecutor:
        return Doing.LOST, 0
    except BaseException:
        traceback.print_exc(file=Private.err)
        return Doing.DONE, 1


def command(arguments: tuple[str, ...]) -> tuple[Doing, int]:
    """What the console script does."""
    sys.argv = ["kvref", *arguments]
    kvref()
    return Doing.DONE, 0


def repetition(arguments: tuple[str, ...]) -> tuple[Doing, int]:
    """One history of this subject, found in this journal."""
    subject, journal = arguments
    return Doing.LOST, again(subject, journal)


def shrinking(arguments: tuple[str, ...]) -> tuple[Doing, int]:
    """The same, cut down."""
    shrink(*arguments)
    return Doing.DONE, 0


WHAT: Final = {"command": command, "again": repetition, "shrink": shrinking}


def apart(fd: int) -> int:
    """The same file under a number that nobody closes by chance."""
    return fcntl(fd, F_DUPFD_CLOEXEC, FAR)


def follow(life: int) -> None:
    """The portable way not to outlive the parent: nobody writes into this pipe, so it has ended."""
    os.read(life, 1)
    os.killpg(0, signal.SIGKILL)
