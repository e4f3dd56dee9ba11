"""What a subject answers and shows, or one line that says why it does neither."""

from typing import Final, TypeVar, cast, get_args

from spec.ops import Response
from stateful_models.subjects.protocol import Subject, SubjectError, Transparent

O = TypeVar("O")  # noqa: E741 - operations, as in the scopes
ANSWERS: Final = get_args(Response)


def ask(subject: Subject[O], op: O) -> Response:
    """What it answers; its driver has turned whatever a cache raises into a refusal."""
    try:
        answer = subject.perform(op)
    except (Exception, SystemExit) as error:
        raise SubjectError(
            f"perform() of {type(subject).__name__} raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(cast(object, answer), ANSWERS):
        raise SubjectError(
            f"perform() of {type(subject).__name__} must give an answer, not {answer!r}"
        )
    return answer


def shown_by(subject: Subject[O], kind: type) -> object:
    """The state that it shows, of this kind."""
    try:
        state = cast(Transparent[object], subject).abstract()
    except (Exception, SystemExit) as error:
        raise SubjectError(
            f"abstract() of {type(subject).__name__} raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(state, kind):
        raise SubjectError(
            f"abstract() of {type(subject).__name__} must give a {kind.__name__}, not {state!r}"
        )
    return state
