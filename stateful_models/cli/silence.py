"""What a watched command says where the subject did not let it end."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from stateful_models.cli.console import output, write_json, write_text
from stateful_models.cli.watched import Ended, watch
from stateful_models.reports.data import AnyDocument
from stateful_models.reports.data import Ended as EndedData
from stateful_models.reports.ended import as_data, course, told
from stateful_models.reports.repro import repro
from stateful_models.subjects.target import Target

Limit: TypeAlias = Annotated[
    float,
    typer.Option(min=0.1, help="Seconds for one operation of somebody else's cache."),
]
LIMIT: Final = 10.0


def watched(
    subject: str,
    limit: float,
    document: Callable[[EndedData], AnyDocument],
    json: Path | None,
    repro_file: Path | None = None,
) -> int:
    """The command in a process of its own; its exit status."""

    def report(ended: Ended) -> int:
        found = course(*ended)
        console = output(json)
        for line in told(subject, found):
            console.print(line, highlight=False)
        write_json(json, document(as_data(found)))
        wrong, scope = found.divergence, found.scope
        if repro_file is not None and wrong is not None and scope is not None and found.whole:
            target = Target(subject, None, None, ())
            write_text(repro_file, repro(target, scope, wrong, found.kind, repro_file))
        return 1

    return watch(subject, limit, report)
