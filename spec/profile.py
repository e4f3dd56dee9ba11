"""Every semantic choice as a named value."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from spec.policies import NAMED as NAMED
from spec.policy import Policy as Policy

CLASSIC: Final = (Policy.FIFO, Policy.LRU, Policy.PRIORITY)
"""The policies of the system that kvref specifies."""


class Ownership(Enum):
    """What a set stores and a hit delivers.

    The object; the object sealed; a sealed copy; a copy, of which a hit delivers another that is
    the client's own; a copy that a hit lends, until the next operation that stores or clears.
    """

    REFERENCE = "reference"
    SEALED = "sealed"
    COPY = "copy"
    COPY_BOTH = "copy-both"
    LENT = "lent"


class RecurScope(Enum):
    SHARED = "shared"
    PER_ENV = "per-env"


class Sizing(Enum):
    SEED = "seed"
    SEARCH_SAFE = "search-safe"


@dataclass(frozen=True, slots=True)
class Profile:
    policy: Policy = Policy.FIFO
    ownership: Ownership = Ownership.REFERENCE
    recur_scope: RecurScope = RecurScope.SHARED
    sizing: Sizing = Sizing.SEED
    counting: bool = True


def copies(profile: Profile) -> bool:
    """Whether a set stores a copy: then no object of the client's is kept."""
    return profile.ownership not in (Ownership.REFERENCE, Ownership.SEALED)


def delivers_own(profile: Profile) -> bool:
    """Whether a hit delivers a fresh copy, which belongs to the client."""
    return profile.ownership is Ownership.COPY_BOTH


def lends(profile: Profile) -> bool:
    """Whether what a hit delivers is taken back by the next operation that stores or clears."""
    return profile.ownership is Ownership.LENT


FIFO_REFERENCE: Final = Profile()
FIFO_SEALED: Final = Profile(ownership=Ownership.SEALED)
FIFO_COPY: Final = Profile(ownership=Ownership.COPY)
FIFO_COPY_BOTH: Final = Profile(ownership=Ownership.COPY_BOTH)
FIFO_LENT: Final = Profile(ownership=Ownership.LENT)
LRU_REFERENCE: Final = Profile(Policy.LRU)
LRU_SEALED: Final = Profile(Policy.LRU, Ownership.SEALED)
LRU_COPY: Final = Profile(Policy.LRU, Ownership.COPY)
LRU_COPY_BOTH: Final = Profile(Policy.LRU, Ownership.COPY_BOTH)
LRU_LENT: Final = Profile(Policy.LRU, Ownership.LENT)
PRIORITY_REFERENCE: Final = Profile(Policy.PRIORITY)
PRIORITY_SEALED: Final = Profile(Policy.PRIORITY, Ownership.SEALED)
PRIORITY_COPY: Final = Profile(Policy.PRIORITY, Ownership.COPY)
PRIORITY_COPY_BOTH: Final = Profile(Policy.PRIORITY, Ownership.COPY_BOTH)
PRIORITY_LENT: Final = Profile(Policy.PRIORITY, Ownership.LENT)

USUAL: Final = (
    FIFO_REFERENCE,
    FIFO_SEALED,
    FIFO_COPY,
    LRU_REFERENCE,
    LRU_SEALED,
    LRU_COPY,
    PRIORITY_REFERENCE,
    PRIORITY_SEALED,
    PRIORITY_COPY,
)
"""What an adapter claims that declares no profiles."""

KVREF: Final = (*USUAL, FIFO_COPY_BOTH, LRU_COPY_BOTH, PRIORITY_COPY_BOTH)
"""What kvref refines."""
