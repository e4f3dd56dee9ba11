"""One history again, in a process of its own: whether it ends that process once more."""

import os
import pickle
from multiprocessing import get_context
from pathlib import Path

from stateful_models.engines.workers import begin_worker
from stateful_models.subjects.asking import ask
from stateful_models.subjects.journal import Doing, Entry, Journals, made, read


def perform_again(parent: int, folder: Path, name: str, entry: Entry) -> None:
    """In a worker, since only there it may happen; it does not return."""
    begin_worker(parent, folder, name)
    about, _ = pickle.loads(entry.about)
    subject = made(about, pickle.loads(entry.build))
    for op in entry.operations:
        ask(subject, pickle.loads(op))
    if entry.doing is Doing.SHOWING:
        subject.abstract()
    assert Journals.open is not None, "it was opened when the worker began"
    Journals.open.write(Doing.DONE)
    os._exit(0)


def again(name: str, journal: str) -> int:
    """How the worker that performed it ended."""
    folder = Journals.folder
    assert folder is not None, "whoever performs something again is watched"
    task = os.getpid(), folder, name, read(Path(journal))
    worker = get_context("spawn").Process(target=perform_again, args=task)
    worker.start()
    worker.join()
    return worker.exitcode or 0
