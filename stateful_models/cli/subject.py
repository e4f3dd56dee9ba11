"""The cache that a command is told to check."""

from typing import cast

from stateful_models.cli.console import refuse
from stateful_models.reference.target import KVREF
from stateful_models.subjects.loading import TargetError, load, load_target, tensor_kind
from stateful_models.subjects.target import Target


def tensors(subject: str | None) -> tuple[str, type] | None:
    """Which kind, and the class, of what is no cache: windows, batches, keys, sessions."""
    if subject is None:
        return None
    try:
        factory = load(subject)
    except TargetError as error:
        refuse(str(error))
    kind = tensor_kind(factory)
    return None if kind is None else (kind, cast(type, factory))


def named(subject: str | None) -> Target:
    """kvref itself, or what `module:factory` names; one line and status 2 if it names nothing."""
    if subject is None:
        return KVREF
    try:
        return load_target(subject)
    except TargetError as error:
        refuse(str(error))
