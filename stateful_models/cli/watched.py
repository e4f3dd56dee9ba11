"""The watching side of a command that drives somebody else's subject.

The command runs whole in a child process, in a group of its own; here is only seen whether the
child and its workers go on. Whatever a subject does, that group is gone afterwards.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic, sleep
from types import FrameType
from typing import Final, NamedTuple, NoReturn

from stateful_models.cli.console import complain, refuse
from stateful_models.cli.shrinking import KEPT, PATIENCE
from stateful_models.subjects.journal import Doing, Entry, Journals, read, turn_of, written

SCRIPT: Final = Path(__file__).with_name("child.py")
POLL: Final = 0.05
SLOW: Final = 6
SOON: Final = 5.0
"""Seconds that a process gets to end once it has said that it will."""
QUIET: Final = (Doing.IDLE, Doing.DONE, Doing.LOST)
SHORT: Final = 8
"""Operations of a history that is told as it is."""
SHOW_CURSOR: Final = "\x1b[?25h"


class Watching:
    """Whether subjects are given a process of their own."""

    wanted: bool = os.name == "posix"
    arguments: tuple[str, ...] | None = None
    """Of the console script; None where a command was called in another way."""


def foreign(subject: str | None) -> bool:
    """Whether the command is to be watched: somebody else's subject, and nobody watches yet."""
    called = Watching.wanted and Watching.arguments is not None
    return subject is not None and called and Journals.open is None


class Noise:
    """What the subject prints: counted, and the first and the last line of it kept."""

    def __init__(self, pipe: int) -> None:
        self.pipe, self.lines, self.rest = pipe, 0, b""
        self.first = self.last = ""
        os.set_blocking(pipe, False)

    def drain(self, seconds: float) -> None:
        if not select.select([self.pipe], [], [], seconds)[0]:
            return
        told = b""
        with suppress(BlockingIOError):
            told = os.read(self.pipe, 1 << 16)
        if told:
            self.take(told)
        else:
            sleep(seconds)

    def take(self, told: bytes) -> None:
        *every, self.rest = (self.rest + told).split(b"\n")
        self.rest = self.rest[-1000:]
        lines = [line for line in every if b"resource_tracker" not in line]
        self.lines += len(lines)
        if lines:
            self.first = self.first or readable(lines[0])
            self.last = readable(lines[-1])

    def told(self) -> str | None:
        """One line about it; None if there was nothing."""
        if self.rest:
            self.take(b"\n")
        if not self.lines:
            return None
        if self.lines == 1:
            return f"the subject printed a line, which is not shown elsewhere: {self.first}"
        return (
            f"the subject printed {self.lines:,} lines, which are not shown; "
            f"the first: {self.first}; the last: {self.last}"
        )


def readable(line: bytes) -> str:
    """Printed text without what a terminal would obey."""
    told = line.decode(errors="replace")[:200]
    return "".join(one if one.isprintable() else "?" for one in told)


class Seen(NamedTuple):
    """How a child ended: its exit status, which of the processes hung if one did, the journals."""

    pid: int
    returncode: int
    hung: int | None
    journals: dict[int, Entry]
    noise: str | None


class Ended(NamedTuple):
    """Where a subject ended its process or did not return, and what it did.

    `again`: whether it did so once more when the history was repeated; None if that was not tried.
    `operations`: how many there were before those that are not needed were left out.
    """

    entry: Entry
    what: str
    again: bool | None = None
    operations: int | None = None


def observe(what: str, arguments: tuple[str, ...], limit: float, folder: Path) -> Seen:
    """A child process from its start until its whole group is gone."""
    life, alive = os.pipe()
    noisy, noise = os.pipe()
    own = (str(os.getpid()), str(folder), str(life), str(noise))
    child = subprocess.Popen(
        [sys.executable, "-P", str(SCRIPT), *own, what, *arguments],
        stdin=subprocess.DEVNULL,
        pass_fds=(life, noise),
        process_group=0,
    )
    os.close(life)
    os.close(noise)
    heard = Noise(noisy)
    try:
        hung = followed(child, limit, folder, heard)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        returncode = child.wait()
        heard.drain(0)
        os.close(noisy)
        os.close(alive)
    found = {int(one.stem): read(one) for one in folder.glob("*.journal")}
    return Seen(child.pid, returncode, hung, found, heard.told())


def followed(
    child: "subprocess.Popen[bytes]", limit: float, folder: Path, noise: Noise
) -> int | None:
    """Until the child has ended, or one of its processes does not return within the limit."""
    turns, since, end = dict[Path, tuple[int, Doing, int]](), dict[Path, float](), None
    while child.poll() is None:
        noise.drain(POLL)
        now = monotonic()
        for journal in folder.glob("*.journal"):
            turn = turn_of(journal)
            if turns.get(journal) != turn:
                turns[journal], since[journal] = turn, now
            elif now - since[journal] > allowed(turn[1], limit):
                return int(journal.stem)
            if turn[1] is Doing.DONE and int(journal.stem) == child.pid:
                end = end or now + SOON
        if end is not None and now > end:
            return None
    return None


def allowed(doing: Doing, limit: float) -> float:
    """Seconds without a turn. What is imported may be large, and is the system's business too."""
    if doing in QUIET:
        return inf
    return SLOW * limit if doing is Doing.IMPORTING else limit


def how(returncode: int) -> str:
    """The end of a process, as what an operation did."""
    if returncode >= 0:
        return f"ended the process with status {returncode}"
    number = -returncode
    with suppress(ValueError):
        name = signal.Signals(number).name
        hint = {
            "SIGSEGV": ", a segmentation fault",
            "SIGKILL": "; out of memory, perhaps",
        }.get(name, "")
        return f"ended with the process killed by signal {number} ({name}{hint})"
    return f"ended with the process killed by signal {number}"


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Ended from outside, the process still takes its children with it."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        complain(f"ended by {signal.Signals(number).name}")
        raise SystemExit(128 + number)

    kinds = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {kind: signal.signal(kind, end) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def watch(subject: str, limit: float, report: Callable[[Ended], int]) -> int:
    """The command that the console script was called with, watched; its exit status.

    `report` tells what became of a subject that did not let the command end.
    """
    folder = Path(mkdtemp(prefix="kvref-"))
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        with ended_by_signals():
            seen = observe("command", Watching.arguments or (), limit, folder)
            found = decided(seen, subject, limit, folder)
            if isinstance(found, Ended) and len(found.entry.operations) > SHORT:
                found = shrunk(found, subject, limit, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if sys.stderr.isatty():
            sys.stderr.write(SHOW_CURSOR)
    status = found if isinstance(found, int) else report(found)
    if seen.noise is not None:
        complain(seen.noise)
    return status


def decided(seen: Seen, subject: str, limit: float, folder: Path) -> int | Ended:
    """The exit status, or what hung or died."""
    own = seen.journals.get(seen.pid)
    if seen.hung is not None:
        return hanging(seen.journals[seen.hung], limit)
    if own is None:
        refuse(f"{sys.executable} could not be started: it {how(seen.returncode)}")
    if own.doing is Doing.DONE:
        return own.status
    if own.doing is Doing.LOST:
        return lost(seen, subject, limit, folder)
    return Ended(own, how(seen.returncode))


def hanging(entry: Entry, limit: float) -> Ended:
    return Ended(entry, f"did not return within {allowed(entry.doing, limit):g} s (--limit)")


def lost(seen: Seen, subject: str, limit: float, folder: Path) -> Ended:
    """Which of the workers has died, seen by repeating what each was about.

    When one dies all are ended, so what the others did may look like it.
    """
    workers = [entry for pid, entry in seen.journals.items() if pid != seen.pid]
    busy = [entry for entry in workers if entry.doing not in QUIET] or workers
    if not busy:
        return Ended(seen.journals[seen.pid], "ended a worker process before it had begun")
    for number, entry in enumerate(busy):
        if not (entry.whole and entry.build):
            continue
        place = folder / f"again-{number}"
        place.mkdir()
        old = next(folder / f"{pid}.journal" for pid, one in seen.journals.items() if one is entry)
        repeated = observe("again", (subject, str(old)), limit, place)
        found = once_more(repeated, limit)
        if found is not None:
            return found
    return Ended(busy[0], "was being performed when a worker process ended", again=False)


def shrunk(found: Ended, subject: str, limit: float, folder: Path) -> Ended:
    """With the operations left out that are not needed, if it then still ends in the same way."""
    entry = found.entry
    if entry.doing is not Doing.PERFORMING or not (entry.whole and entry.build):
        return found
    place = folder / "shrunk"
    place.mkdir()
    (place / "old").write_bytes(written(entry))
    observe("shrink", (subject, str(place / "old")), limit + PATIENCE, place)
    try:
        kept = [int(one) for one in (place / KEPT).read_text().split()]
    except (OSError, ValueError):
        return found
    fewer = entry._replace(operations=tuple(entry.operations[one] for one in kept))
    (folder / "fewer").write_bytes(written(fewer))
    (folder / "again-last").mkdir()
    seen = observe("again", (subject, str(folder / "fewer")), limit, folder / "again-last")
    again = once_more(seen, limit)
    if again is None or again.what != found.what:
        return found
    return again._replace(again=found.again, operations=len(entry.operations))


def once_more(seen: Seen, limit: float) -> Ended | None:
    """What came of a repetition: the same, if it does not get to its end."""
    if seen.hung is not None:
        return hanging(seen.journals[seen.hung], limit)._replace(again=True)
    own = seen.journals.get(seen.pid)
    for pid, entry in seen.journals.items():
        if pid != seen.pid and entry.doing is not Doing.DONE and own is not None:
            return Ended(entry, how(own.status), again=True)
    return None
