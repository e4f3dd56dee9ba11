"""What a guard found: the operation, what was due, the law, and the history that led there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

from kvref.errors import show
from kvref.shadow import Asked, Put, Step
from kvref.shadow.journal import Journal
from spec.ops import Contents, Hit, Key, Miss, Op, Peek, Ref, Response, Set, SlotId, Stored
from spec.pool import PoolState
from spec.profile import Profile, copies
from stateful_models.engines.judge import Divergence
from stateful_models.runtime.sides import telling
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.aspects import Aspect, unjudged

LONG: Final = 40
"""Steps of a history that are shown."""


class OnBreach(Enum):
    """What happens, besides counting, when a cache departs from the specification."""

    RAISE = "raise"
    LOG = "log"
    COUNT = "count"


class Saw(Enum):
    """What of an operation was not as it is due."""

    PRESENCE = "presence"
    VALUE = "value"
    CONTENTS = "contents"
    SLOT = "slot"
    SIZE = "size"
    TAKEN = "taken"


OF_KIND: Final = {
    Saw.PRESENCE: ("P6",),
    Saw.VALUE: ("R1",),
    Saw.CONTENTS: ("R4",),
    Saw.SLOT: ("P4", "P5"),
    Saw.SIZE: (),
    Saw.TAKEN: ("P8",),
}
"""What is broken as far as a single answer tells."""


TOLD: Final = frozenset({Aspect.SLOTS, Aspect.INSPECTION, Aspect.REFUSALS})
UNSEEN: Final = unjudged(TOLD, transparent=False) | {"R3"}
"""What no answer of a cache tells; what a client holds is in its own hands."""


class Sight(NamedTuple):
    """What was seen: of which pool, by which look (None: the last step), due and come.

    `number`: the set that stored the value that came; None for a miss, -1 if nobody knows.
    """

    saw: Saw
    pool: str
    due: object
    came: object
    number: int | None = None
    looked: object = None
    laws: tuple[str, ...] = ()


@dataclass(frozen=True)
class Breach:
    """The cache departs from the specification in the last operation of `steps`.

    `steps`: since every pool was last empty, or, for long histories, each pool's since its own
    last clear; `whole` if nothing else is left out. `divergence` and `scope`: the same of this
    pool alone, in the specification's names, as `replay` and reports take it.
    """

    profile: Profile
    pool: str
    laws: tuple[str, ...]
    saw: Saw
    due: str
    came: str
    steps: tuple[Step, ...]
    whole: bool
    scope: PoolScope
    divergence: Divergence[PoolState, Op]

    @property
    def history(self) -> tuple[Op, ...]:
        return self.divergence.history

    def __str__(self) -> str:
        laws = ", ".join(self.laws) or "no single law"
        own = [step for step in self.steps if step.pool == self.pool]
        shown = list(self.steps) if len(self.steps) <= LONG else own[-LONG:]
        lines = [
            f"pool {self.pool!r} breaks {laws}: {self.saw.value}: due {self.due}, came {self.came}",
            f"in the last of {len(self.steps)} operations, {len(own)} of them on this pool:",
            *(["  ..."] if len(shown) < len(self.steps) or not self.whole else []),
            *(f"  {step}" for step in shown),
        ]
        return "\n".join(lines)


class BreachError(AssertionError):
    """A guarded cache departed from the specification (`OnBreach.RAISE`)."""

    def __init__(self, breach: Breach) -> None:
        super().__init__(str(breach))
        self.breach = breach


def breach_of(profile: Profile, capacity: int, journal: Journal, sight: Sight) -> Breach:
    """The same judged by the specification; by the kind of what was seen, if too little is known
    of the history."""
    steps, whole = journal.steps(), journal.whole
    told = telling(steps, sight.pool, profile, capacity)
    scope = replace(told.scope, objects=told.scope.objects + 1)  # one that nobody ever stored
    history = told.history
    if sight.looked is not None:
        history = (*history, look(sight.looked, steps, sight.pool))
    if sight.saw is Saw.TAKEN:
        history = (*history, Set(Key(0), None))
    before = after = scope.initial()
    expected: Response | None = None
    for op in history:
        before = after
        after, expected = scope.step(before, op)
    observed = response(sight, expected, steps, scope)
    laws = (*sight.laws, *OF_KIND[sight.saw])
    if observed is not None and whole:
        broken = scope.broken(before, history[-1], observed, after)
        laws = tuple(dict.fromkeys((*sight.laws, *(law for law in broken if law not in UNSEEN))))
    wrong = Divergence(history, expected, observed, after, None, laws, reports=TOLD)
    due, came = show(sight.due), show(sight.came)
    return Breach(profile, sight.pool, laws, sight.saw, due, came, steps, whole, scope, wrong)


def look(key: object, steps: Sequence[Step], pool: str) -> Peek:
    """A peek of a key, by its small name."""
    own = [step for step in steps if step.pool == pool]
    keys = list(dict.fromkeys(step.key for step in own if isinstance(step, (Asked, Put))))
    return Peek(Key(keys.index(key) if key in keys else len(keys)))


def response(
    sight: Sight, expected: Response | None, steps: Sequence[Step], scope: PoolScope
) -> Response | None:
    """What was answered, as the specification has it; None where that has no words for it."""
    match sight.saw:
        case Saw.SLOT if isinstance(expected, Stored):
            return Stored(SlotId(int(str(sight.came))), expected.left)
        case Saw.TAKEN:
            return Stored(SlotId(0))
        case Saw.PRESENCE | Saw.VALUE | Saw.CONTENTS:
            return Miss() if sight.number is None else hit(sight, steps, scope)
        case _:
            return None


def hit(sight: Sight, steps: Sequence[Step], scope: PoolScope) -> Hit:
    """Of a value that this pool was given; else of the object that nobody ever stored."""
    own = [step for step in steps if step.pool == sight.pool]
    numbers = list(dict.fromkeys(step.number for step in own if isinstance(step, Put)))
    unknown = scope.objects - 1
    ref = numbers.index(sight.number) if sight.number in numbers else unknown
    contents = Contents(unknown if sight.saw is Saw.CONTENTS else ref)
    theirs = sight.saw is Saw.VALUE or not copies(scope.profile)
    return Hit(Ref(ref) if theirs else None, contents)
