"""The command line: its commands, and the exit status of each.

0: what was asked holds. 1: a law is broken. 2: usage or input. 130: interrupted.
"""

import sys
from concurrent.futures import BrokenExecutor
from typing import Annotated, Final

import typer

from kvref import __version__
from stateful_models.cli.bugs import bugs_command
from stateful_models.cli.check import check_command
from stateful_models.cli.console import refuse
from stateful_models.cli.contracts import contracts_command
from stateful_models.cli.fuzz import fuzz_command
from stateful_models.cli.isolate import isolate_command
from stateful_models.cli.laws import laws_command
from stateful_models.cli.search import search_command
from stateful_models.cli.trace import traces
from stateful_models.cli.watched import Watching
from stateful_models.subjects.journal import Journals

app: Final = typer.Typer(
    help="The formally specified reference for the KV cache of tree-searching world models.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("check")(check_command)
app.command("isolate")(isolate_command)
app.add_typer(traces, name="trace")
app.command("contracts")(contracts_command)
app.command("laws")(laws_command)
app.command("search")(search_command)
app.command("bugs")(bugs_command)
app.command("fuzz")(fuzz_command)


def show_version(wanted: bool) -> None:
    if wanted:
        print(f"kvref {__version__}")
        raise typer.Exit


@app.callback()
def kvref(
    wanted: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """The formally specified reference for the KV cache of tree-searching world models."""


def main() -> None:
    """The console script: every failure to understand is one line and status 2."""
    Watching.arguments = tuple(sys.argv[1:])
    try:
        status = app(standalone_mode=False)
    except typer.TyperException as error:
        refuse(error.format_message())
    except (typer.Abort, KeyboardInterrupt):
        status = 130
    except BrokenExecutor:
        if Journals.open is not None:
            raise
        refuse("a worker process was ended from outside")
    except OSError as error:
        refuse(f"cannot go on: {error.strerror or error}")
    if status == 130:
        print("kvref: interrupted", file=sys.stderr)
    sys.exit(status or 0)
