"""The cache that a command is told to check."""

from stateful_models.cli.console import refuse
from stateful_models.reference.target import KVREF
from stateful_models.subjects.loading import TargetError, load_target
from stateful_models.subjects.target import Target


def named(subject: str | None) -> Target:
    """kvref itself, or what `module:factory` names; one line and status 2 if it names nothing."""
    if subject is None:
        return KVREF
    try:
        return load_target(subject)
    except TargetError as error:
        refuse(str(error))
