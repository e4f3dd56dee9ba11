"""A recur pool smaller than one search stores.

Among the faults that the system we specify has shipped. Consequence: nodes of a search are evicted
before it ends, and every visit to one is a miss.
"""

from typing import Final

from spec.search_state import SearchClient
from stateful_models.scopes.searches import SearchScope

POOLS_TOO_SMALL: Final = SearchScope(SearchClient(1), 3, 1, 2, 1, actions=2)
