"""Everything that can happen to a cache (`Op`) and everything it can answer (`Response`).

An operand of None stands for input that a cache must refuse: a key that is no integer, None
offered as a value, a priority that is not a number.
"""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, NewType, TypeAlias

Key = NewType("Key", int)
EnvId = NewType("EnvId", int)
SlotId = NewType("SlotId", int)
Ref = NewType("Ref", int)  # the identity of an object that the client made
Contents = NewType("Contents", int)  # what is in an object; only equality has a meaning


class Tier(Enum):
    INIT = "init"
    RECUR = "recur"
    WM = "wm"


class Cause(Enum):
    EVICTED = "evicted"
    UPDATED = "updated"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Get:
    key: Key | None


@dataclass(frozen=True, slots=True)
class Set:
    key: Key | None
    ref: Ref | None
    priority: int | None = 0


@dataclass(frozen=True, slots=True)
class Clear:
    pass


@dataclass(frozen=True, slots=True)
class Peek:
    """Look without being seen: no counter, no recency."""

    key: Key | None


@dataclass(frozen=True, slots=True)
class Inspect:
    """`len`, `in`, iteration, `repr`, statistics, and what the pool keeps alive."""


@dataclass(frozen=True, slots=True)
class ResetStats:
    pass


@dataclass(frozen=True, slots=True)
class Read:
    """The client looks into an object that it made."""

    ref: Ref


@dataclass(frozen=True, slots=True)
class Write:
    """The client writes into an object that it made."""

    ref: Ref
    contents: Contents


@dataclass(frozen=True, slots=True)
class Reread:
    """The client looks again into the object that the last hit delivered (if copies are stored)."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The client writes into the object that the last hit delivered (if copies are stored)."""

    contents: Contents


PoolOp: TypeAlias = Get | Set | Clear | Peek | Inspect | ResetStats
ClientOp: TypeAlias = Read | Write | Reread | Rewrite
Op: TypeAlias = PoolOp | ClientOp


@dataclass(frozen=True, slots=True)
class On:
    """One operation on one pool; `env` names whose, where the tier has one pool per environment."""

    tier: Tier
    env: EnvId | None
    op: PoolOp


@dataclass(frozen=True, slots=True)
class Lookup:
    """The hierarchical lookup: init, then recur."""

    env: EnvId | None
    key: Key | None


@dataclass(frozen=True, slots=True)
class ClearTier:
    tier: Tier


@dataclass(frozen=True, slots=True)
class ClearAll:
    pass


@dataclass(frozen=True, slots=True)
class ResetAllStats:
    pass


ManagerOp: TypeAlias = On | Lookup | ClearTier | ClearAll | ResetAllStats | ClientOp


class Counters(NamedTuple):
    """What a pool counts; `carried` is how many entries were resident at the last reset."""

    hits: int = 0
    misses: int = 0
    insertions: int = 0
    updates: int = 0
    evictions: int = 0
    cleared: int = 0
    carried: int = 0


@dataclass(frozen=True, slots=True)
class Hit:
    """`ref` is None where copies are stored: what is delivered is none of the client's objects."""

    ref: Ref | None
    contents: Contents


@dataclass(frozen=True, slots=True)
class Miss:
    pass


@dataclass(frozen=True, slots=True)
class Left:
    """An entry that the operation removed; `ref` as in `Hit`."""

    key: Key
    slot: SlotId
    ref: Ref | None
    cause: Cause


@dataclass(frozen=True, slots=True)
class Stored:
    slot: SlotId
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True)
class Cleared:
    """What left, pool by pool, each in slot order."""

    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    contents: Contents


@dataclass(frozen=True, slots=True)
class Done:
    pass


@dataclass(frozen=True, slots=True)
class Refused:
    pass


@dataclass(frozen=True, slots=True)
class Census:
    """`kept`: the client's objects that the pool keeps alive; `copies`: its own, counted."""

    keys: frozenset[Key]
    kept: frozenset[Ref]
    copies: int
    counters: Counters


Response: TypeAlias = Hit | Miss | Stored | Cleared | Seen | Done | Refused | Census
