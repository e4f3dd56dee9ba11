"""A history that ends its process, cut down: every trial in a fork of its own."""

import os
import pickle
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from select import select
from time import monotonic
from typing import Final

from stateful_models.engines.workers import die_with
from stateful_models.subjects.asking import ask
from stateful_models.subjects.journal import Journals, read
from stateful_models.subjects.loading import load
from stateful_models.subjects.protocol import Subject

HUNG: Final = "hung"
KEPT: Final = "kept"
"""The file, beside the journals, that names the operations left."""
PATIENCE: Final = 1.0
"""Seconds for a history at the most; less, if what comes before its last operation is soon done."""
LEAST: Final = 0.2
BUDGET: Final = 10.0


def shrink(name: str, journal: str) -> None:
    """Write down which operations of this journal's history are needed for it to end as it does."""
    load(name)
    entry = read(Path(journal))
    ops = [pickle.loads(op) for op in entry.operations]
    build: Callable[[], Subject[object]] = pickle.loads(entry.build)
    patience, end = enough(build, ops[:-1]), monotonic() + BUDGET
    wanted = trial(build, ops, patience)
    kept = list(range(len(ops)))
    size = len(kept) // 2
    while wanted is not None and size and monotonic() < end:
        start = 0
        while start < len(kept) - 1 and monotonic() < end:
            fewer = [*kept[:start], *kept[min(start + size, len(kept) - 1) :]]
            if trial(build, [ops[place] for place in fewer], patience) == wanted:
                kept = fewer
            else:
                start += size
        size //= 2
    assert Journals.folder is not None, "whoever shrinks is watched"
    (Journals.folder / KEPT).write_text(" ".join(map(str, kept)))


def enough(build: Callable[[], Subject[object]], ops: Sequence[object]) -> float:
    """Seconds after which a history that is not longer than this is taken to hang."""
    began = monotonic()
    trial(build, ops, PATIENCE)
    return min(PATIENCE, max(LEAST, 10 * (monotonic() - began)))


def trial(
    build: Callable[[], Subject[object]], ops: Sequence[object], patience: float
) -> str | None:
    """How a fork that performs this ends; None if it gets to the end of the history."""
    done, told = os.pipe()
    parent = os.getpid()
    fork = os.fork()
    if fork == 0:
        with suppress(BaseException):
            die_with(parent)
            Journals.open = None
            subject = build()
            for op in ops:
                ask(subject, op)
        os.write(told, b".")
        os._exit(0)
    os.close(told)
    try:
        ready = select([done], [], [], patience)[0]
        if ready and os.read(done, 1):
            return None
        if not ready:
            os.kill(fork, signal.SIGKILL)
    finally:
        os.close(done)
        _, status = os.waitpid(fork, 0)
    return str(os.waitstatus_to_exitcode(status)) if ready else HUNG
