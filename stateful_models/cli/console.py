"""What every command shares: refusing input, writing data, showing progress."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import NoReturn

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from stateful_models.engines.check import Watch
from stateful_models.engines.frontier import Progress
from stateful_models.reports.data import AnyDocument, encoded

QUIET_SECONDS = 5.0


def output() -> Console:
    """Standard output: as wide as the terminal, and wide enough for the tables elsewhere."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def complain(why: str) -> None:
    """One line on standard error."""
    print(f"kvref: {' '.join(why.split())}", file=sys.stderr)


def refuse(why: str) -> NoReturn:
    """One line on standard error, exit status 2."""
    complain(why)
    raise SystemExit(2)


def writable(path: Path | None) -> None:
    """Refuse, before a long run, a file that could not be written after it."""
    if path is not None and (path.is_dir() or not path.resolve().parent.is_dir()):
        refuse(f"cannot write {path}: {'a folder' if path.is_dir() else 'no such folder'}")


def write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        refuse(f"cannot write {path}: {error.strerror}")


def write_json(path: Path | None, document: AnyDocument) -> None:
    if path is not None:
        write_text(path, encoded(document))


Tell = Callable[[str], object]


@contextmanager
def telling() -> Iterator[Tell]:
    """Progress on standard error: a live line on a terminal, now and then a plain one elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield plain_teller()
        return
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting")
        yield lambda line: bar.update(task, description=line)


@contextmanager
def watching() -> Iterator[Watch]:
    """Progress of explorations."""
    with telling() as tell:
        yield lambda label, now: tell(describe(label, now))


def plain_teller() -> Tell:
    last = monotonic()

    def tell(line: str) -> None:
        nonlocal last
        if monotonic() - last > QUIET_SECONDS:
            last = monotonic()
            print(line, file=sys.stderr, flush=True)

    return tell


def describe(label: str, now: Progress) -> str:
    rate = now.transitions / now.seconds if now.seconds else 0.0
    return (
        f"{label}: depth {now.depth}, {now.states:,} states, {now.transitions:,} transitions "
        f"({rate:,.0f}/s), {now.waiting:,} states waiting"
    )
