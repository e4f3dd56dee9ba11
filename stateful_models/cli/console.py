"""What every command shares: refusing input, writing data, showing progress."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Annotated, Final, NoReturn, TextIO, TypeAlias

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from stateful_models.cli.streams import err, out
from stateful_models.engines.check import Watch
from stateful_models.engines.frontier import Progress
from stateful_models.reports.data import AnyDocument, encoded, is_document
from stateful_models.reports.repro import is_repro

QUIET_SECONDS = 5.0
STANDARD: Final = Path("-")
WIDE: Final = 120


def output(json: Path | None = None) -> Console:
    """Standard output; or standard error, where the data are to stand alone."""
    file = err() if json == STANDARD else out()
    return Console(file=file, width=width(file))


def width(file: TextIO) -> int:
    """What COLUMNS says; else that of the terminal, or elsewhere enough for the tables."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(file.fileno()).columns or WIDE
    except (OSError, ValueError):  # no terminal, or no file at all
        return WIDE


def complain(why: str) -> None:
    """One line on standard error."""
    print(f"kvref: {' '.join(why.split())}", file=err(), flush=True)


def refuse(why: str) -> NoReturn:
    """One line on standard error, exit status 2."""
    complain(why)
    raise SystemExit(2)


JsonFile: TypeAlias = Annotated[
    Path | None, typer.Option(help="Write the result to this file; - is standard output.")
]


def fresh_json(path: Path | None) -> Path | None:
    """Where the document goes; `-` is standard output."""
    return path if path is None or path == STANDARD else fresh(path, is_document, "--json")


def fresh_repro(path: Path | None) -> Path | None:
    """Where the counterexample goes."""
    return None if path is None else fresh(path, is_repro, "--repro")


def fresh(path: Path, ours: Callable[[str], bool], option: str) -> Path:
    """Refuse, before a long run, a file that could not be written after it or that is not kvref's.

    What an earlier run wrote there goes away, so that nothing stale is left, however this one ends.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        refuse(f"cannot write {path}: {'a folder' if path.is_dir() else 'no such folder'}")
    if path.is_file() and path.stat().st_size:
        if not ours(path.read_text(errors="replace")):
            refuse(f"{option} {path}: there is a file that kvref did not write; it stays as it is")
        try:
            path.unlink()
        except OSError as error:
            refuse(f"cannot write {path}: {error.strerror}")
        complain(f"removed {path}, which an earlier run wrote")
    return path.absolute()


def write_text(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        refuse(f"cannot write {path}: {error.strerror}")


def write_json(path: Path | None, document: AnyDocument) -> None:
    if path == STANDARD:
        out().write(encoded(document))
        out().flush()
    elif path is not None:
        write_text(path, encoded(document))


Tell = Callable[[str], object]


@contextmanager
def telling() -> Iterator[Tell]:
    """Progress on standard error: a live line on a terminal, now and then a plain one elsewhere."""
    console = Console(file=err(), width=width(err()))
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
            print(line, file=err(), flush=True)

    return tell


def describe(label: str, now: Progress) -> str:
    rate = now.transitions / now.seconds if now.seconds else 0.0
    return (
        f"{label}: depth {now.depth}, {now.states:,} states, {now.transitions:,} transitions "
        f"({rate:,.0f}/s), {now.waiting:,} states waiting"
    )
