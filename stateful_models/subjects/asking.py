"""What a subject answers and shows, or one line that says why it does neither."""

from typing import Final, Protocol, TypeVar, cast, get_args

from spec.ops import Response
from stateful_models.subjects.journal import Doing, Journals, interrupted
from stateful_models.subjects.protocol import Subject, SubjectError, Transparent

O = TypeVar("O")  # noqa: E741 - operations, as in the scopes
ANSWERS: Final = get_args(Response)


class Flag(Protocol):
    """Memory that several processes see."""

    value: int


class Halt:
    """Whether anybody still waits for what this process has subjects do; None: somebody does."""

    flag: Flag | None = None


class AbandonedError(Exception):
    """Nobody waits for the answer any more."""


def ask(subject: Subject[O], op: O) -> Response:
    """What it answers; its driver has turned whatever a cache raises into a refusal."""
    if Halt.flag is not None and Halt.flag.value:
        raise AbandonedError
    journal = Journals.open
    if journal is not None:
        journal.performing(subject, op)
    try:
        answer = subject.perform(op)
    except BaseException as error:
        raise unable(error, f"perform() of {type(subject).__name__}") from error
    finally:
        if journal is not None:
            journal.idle()
    if not isinstance(cast(object, answer), ANSWERS):
        raise SubjectError(
            f"perform() of {type(subject).__name__} must give an answer, not {answer!r}"
        )
    return answer


def shown_by(subject: Subject[O], kind: type) -> object:
    """The state that it shows, of this kind."""
    journal = Journals.open
    if journal is not None:
        journal.write(Doing.SHOWING)
    try:
        state = cast("Transparent[object]", subject).abstract()
    except BaseException as error:
        raise unable(error, f"abstract() of {type(subject).__name__}") from error
    finally:
        if journal is not None:
            journal.idle()
    if not isinstance(state, kind):
        raise SubjectError(
            f"abstract() of {type(subject).__name__} must give a {kind.__name__}, not {state!r}"
        )
    return state


def unable(error: BaseException, where: str) -> BaseException:
    """What a subject raised, as one line; or itself, where somebody wants the run to end."""
    if isinstance(error, SubjectError):
        return SubjectError(str(error))
    if interrupted(error):
        return error
    return SubjectError(f"{where} raised {type(error).__name__}: {error}")
