"""A history that ended its process, or does not return: for people and as data."""

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final, cast, get_args

from rich.console import RenderableType
from rich.text import Text

from spec.ops import Tier
from stateful_models.engines.judge import Divergence
from stateful_models.engines.rows import AnyOp, AnyScope, title
from stateful_models.reports.data import Ended
from stateful_models.reports.repro import source
from stateful_models.reports.timeline import steps, timeline
from stateful_models.reports.words import answer, operation
from stateful_models.scopes.isolation import IsolationScope
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.journal import Doing, Entry

OWN: Final = ("spec.", "stateful_models.")


class Own(pickle.Unpickler):
    """Reads values of kvref's own kinds; a process that went astray may have written anything."""

    def find_class(self, module: str, name: str) -> object:
        if module.startswith(OWN):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not of kvref's own")


def value(told: bytes) -> object:
    """None for what cannot be read."""
    try:
        return cast(object, Own(BytesIO(told)).load())
    except Exception:  # whatever damaged bytes lead to
        return None


@dataclass(frozen=True)
class Course:
    """What a process was about when it was last heard of, and how that ended.

    `history` ends with the operation that was being performed, if one was.
    """

    doing: Doing
    scope: AnyScope | None
    label: str
    kind: str
    history: tuple[AnyOp, ...]
    whole: bool
    what: str
    again: bool | None
    operations: int | None = None
    """Before the history was cut down, if it was."""

    @property
    def words(self) -> str:
        """What did it, in words."""
        match self.doing:
            case Doing.IMPORTING:
                return "importing it"
            case Doing.MAKING:
                return f"making a subject for {self.label}" if self.label else "making a subject"
            case Doing.PERFORMING if self.history:
                return worded(self.history[-1])
            case Doing.PERFORMING:
                return self.label
            case Doing.SHOWING:
                return "its abstract(), after this history,"
            case _:
                return "something outside of any operation, after this history,"

    @property
    def divergence(self) -> Divergence[object, AnyOp] | None:
        """As if the last operation had been answered by what became of it."""
        if self.scope is None or not self.history or self.doing is not Doing.PERFORMING:
            return None
        _, expected, after = steps(self.scope, self.history)[-1]
        return Divergence(self.history, expected, None, after, None, (), self.what)


def course(entry: Entry, what: str, again: bool | None, operations: int | None = None) -> Course:
    about = value(entry.about)
    told, tier = about if isinstance(about, tuple) and len(about) == 2 else (None, None)
    scope = told if isinstance(told, (PoolScope, ManagerScope)) else None
    if isinstance(told, IsolationScope):
        scope = ManagerScope(told.profile, told.config, told.envs, told.span, told.objects)
    label = str(getattr(told, "label", told or "") if scope is None else scope.label)
    ops = tuple(value(op) for op in entry.operations)
    kind = "manager" if isinstance(scope, ManagerScope) else "pool"
    return Course(
        entry.doing,
        scope,
        label,
        f"{tier.value} pool" if isinstance(tier, Tier) else kind,
        cast(tuple[AnyOp, ...], ops),
        entry.whole and None not in ops,
        what,
        again,
        operations,
    )


def worded(op: AnyOp) -> str:
    return operation(op) if isinstance(op, get_args(AnyOp)) else source(op)


def as_data(found: Course) -> Ended:
    wrong, scope = found.divergence, found.scope
    return Ended(
        found.words,
        found.what,
        None if scope is None else found.kind,
        None if scope is None else title(scope.profile),
        found.label or None,
        [worded(op) for op in found.history],
        [source(op) for op in found.history],
        None if wrong is None else answer(wrong.expected),
        found.again,
    )


def told(name: str, found: Course) -> Iterator[RenderableType]:
    """The history and how it ended, for people."""
    wrong = found.divergence
    if wrong is not None and found.scope is not None and found.whole:
        yield timeline(found.scope, wrong, "the history that it was in")
    else:
        if found.history:
            yield Text(f"the history that it was in ({found.label}):")
        for number, op in enumerate(found.history, 1):
            yield Text(f"  {number}. {worded(op)}")
    of = "" if found.scope is None else f" ({found.kind} {title(found.scope.profile)})"
    yield Text.assemble((name, "bold red"), f": {found.words} {found.what}{of}.")
    if found.operations is not None:
        yield Text(f"It was found in a history of {found.operations} operations, then cut down.")
    if not found.whole:
        yield Text("Of that history not every operation is known.")
    if found.again:
        yield Text("It did so in a worker process, and again when the history was repeated.")
    if found.again is False:
        yield Text(
            "None of the histories that workers were about does so when it is repeated: either the "
            "process was killed from outside, or the subject does not do the same twice."
        )
