"""Processes that work beside the main one."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Final

from stateful_models.subjects.asking import Flag, Halt
from stateful_models.subjects.journal import Journals, open_journal
from stateful_models.subjects.loading import load

PR_SET_PDEATHSIG: Final = 1


@contextmanager
def workers(jobs: int, subject: str | None = None) -> Iterator[Executor | None]:
    """Processes that start when first needed, and can make this subject; none for one job.

    What they are still about when nobody waits for it any more, they leave.
    """
    if jobs == 1:
        yield None
        return
    context = multiprocessing.get_context("spawn")
    halt: Flag = context.RawValue("b", 0)
    ready = (os.getpid(), Journals.folder, subject, halt)
    with ProcessPoolExecutor(jobs, context, begin_worker, ready) as executor:
        try:
            yield executor
        except KeyboardInterrupt:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            halt.value = 1


def begin_worker(
    parent: int, journals: Path | None, subject: str | None = None, halt: Flag | None = None
) -> None:
    """In a worker: Ctrl-C is the main process's business, and it does not outlive that one.

    A thread that somebody's subject has started does not keep it alive either.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Halt.flag = halt
    die_with(parent)
    if journals is not None:
        open_journal(journals)
        Finalize(None, os._exit, (0,), exitpriority=-1000)
    if subject is not None:
        load(subject)


def die_with(parent: int) -> None:
    """Have this process killed when its parent ends, however it ends; where the system can."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
