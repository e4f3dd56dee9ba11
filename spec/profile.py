"""Every semantic choice as a named value."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Policy(Enum):
    FIFO = "fifo"
    LRU = "lru"
    PRIORITY = "priority"


class Ownership(Enum):
    """What a set stores and a hit delivers: the object, the object sealed, a sealed copy."""

    REFERENCE = "reference"
    SEALED = "sealed"
    COPY = "copy"


class RecurScope(Enum):
    SHARED = "shared"
    PER_ENV = "per-env"


class FifoUpdate(Enum):
    """Whether an update changes a FIFO entry's place in the eviction order."""

    KEEPS_AGE = "keeps-age"
    RENEWS_AGE = "renews-age"


class Sizing(Enum):
    SEED = "seed"
    SEARCH_SAFE = "search-safe"


@dataclass(frozen=True, slots=True)
class Profile:
    policy: Policy = Policy.FIFO
    ownership: Ownership = Ownership.REFERENCE
    recur_scope: RecurScope = RecurScope.SHARED
    fifo_update: FifoUpdate = FifoUpdate.KEEPS_AGE
    sizing: Sizing = Sizing.SEED
    counting: bool = True


FIFO_REFERENCE: Final = Profile()
FIFO_SEALED: Final = Profile(ownership=Ownership.SEALED)
FIFO_COPY: Final = Profile(ownership=Ownership.COPY)
LRU_REFERENCE: Final = Profile(Policy.LRU)
LRU_SEALED: Final = Profile(Policy.LRU, Ownership.SEALED)
LRU_COPY: Final = Profile(Policy.LRU, Ownership.COPY)
PRIORITY_REFERENCE: Final = Profile(Policy.PRIORITY)
PRIORITY_SEALED: Final = Profile(Policy.PRIORITY, Ownership.SEALED)
PRIORITY_COPY: Final = Profile(Policy.PRIORITY, Ownership.COPY)

KVREF: Final = (
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
