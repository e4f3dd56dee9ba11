"""Where a command writes. What a subject prints goes elsewhere, so that it garbles no report."""

import sys
from typing import TextIO


class Private:
    """Streams of the command's own, where standard output and error are the subject's."""

    out: TextIO | None = None
    err: TextIO | None = None


def out() -> TextIO:
    return Private.out or sys.stdout


def err() -> TextIO:
    return Private.err or sys.stderr
