"""How two caches may differ, and what is kept of it."""

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from kvref.errors import show
from kvref.ranks import Rank


class Mode(Enum):
    """Who answers, and what the other is for.

    OFF: the primary alone. SHADOW: the primary answers, the candidate is told everything.
    COMPARE: likewise, and every get is compared. SERVE: the candidate answers, the primary is told
    everything and compared. SWITCH: the candidate alone.
    """

    OFF = "off"
    SHADOW = "shadow"
    COMPARE = "compare"
    SERVE = "serve"
    SWITCH = "switch"


class OnDivergence(Enum):
    """What happens besides counting when the two differ. Whoever raises is only logged.

    The first of each verdict is logged as a warning, later ones at debug level.
    """

    RAISE = "raise"
    LOG = "log"
    COUNT = "count"


class Verdict(Enum):
    """How the candidate differs from the primary.

    MISSING: it missed where the primary hit. UNEXPECTED: it hit where the primary missed.
    CONTENTS, SIZE, SLOT: both hit (or were looked at), and differ in that. RAISED: what does not
    answer raised, or what it answered could not be compared.
    """

    MISSING = "missing"
    UNEXPECTED = "unexpected"
    CONTENTS = "contents"
    SIZE = "size"
    SLOT = "slot"
    RAISED = "raised"


class Asked(NamedTuple):
    """A get."""

    pool: str
    key: int


class Put(NamedTuple):
    """A set of the value that is the `number`-th to be set."""

    pool: str
    key: int
    number: int
    priority: Rank | None


class Emptied(NamedTuple):
    """A clear."""

    pool: str


Step: TypeAlias = Asked | Put | Emptied


@dataclass(frozen=True)
class Divergence:
    """The two differ in the last step of `history`.

    `primary`, `candidate`: what each told, snapshots where they are contents, None for a miss;
    `due`: the snapshot that was taken when the key was set last, if it is remembered. `history`:
    since every pool was last empty, or, for long ones, each pool's since its own last clear;
    `whole` if nothing else is left out. `last`: whether the primary delivered what was stored last
    under the key; None if it delivered nothing, or nobody knows.
    """

    verdict: Verdict
    primary: object
    candidate: object
    pool: str
    key: int | None
    due: object
    history: tuple[Step, ...]
    whole: bool
    error: str | None = None
    last: bool | None = None

    def __str__(self) -> str:
        where = self.pool if self.key is None else f"{self.pool}, key {self.key}"
        if self.error is not None:
            return f"{where}: {self.error}"
        told = f"primary {show(self.primary)}{LAST[self.last]}, candidate {show(self.candidate)}"
        return f"{where}: {self.verdict.value}: {told}"


LAST: Final = {
    None: "",
    True: " (what was stored last under it)",
    False: " (not what was stored last under it)",
}
