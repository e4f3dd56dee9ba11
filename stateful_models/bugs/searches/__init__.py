"""Search clients that go wrong on a right cache, one file each."""

from typing import Final

from stateful_models.bugs.searches.equal_latents import EQUAL_LATENTS
from stateful_models.bugs.searches.goes_on_from_latest import GOES_ON_FROM_LATEST
from stateful_models.bugs.searches.keeps_old_weights import KEEPS_OLD_WEIGHTS
from stateful_models.bugs.searches.keys_of_latents import KEYS_OF_LATENTS
from stateful_models.bugs.searches.never_clears_recur import NEVER_CLEARS_RECUR
from stateful_models.bugs.searches.pools_too_small import POOLS_TOO_SMALL
from stateful_models.bugs.searches.writes_in_place import WRITES_IN_PLACE
from stateful_models.scopes.searches import SearchScope

CLIENTS: Final[tuple[tuple[str, SearchScope, str, int], ...]] = (
    ("EqualLatents", EQUAL_LATENTS, "S4", 2),
    ("GoesOnFromLatest", GOES_ON_FROM_LATEST, "S2", 4),
    ("KeepsOldWeights", KEEPS_OLD_WEIGHTS, "S2", 4),
    ("KeysOfLatents", KEYS_OF_LATENTS, "S2", 3),
    ("NeverClearsRecur", NEVER_CLEARS_RECUR, "S2", 7),
    ("PoolsTooSmall", POOLS_TOO_SMALL, "S1", 4),
    ("WritesInPlace", WRITES_IN_PLACE, "S3", 2),
)
"""Name, client within a scope, the law that it breaks, steps of the shortest search that does."""
