"""A miss is made good from the latest state alone, its history forgotten.

UniZero starts a context anew from the one latent state that was missed. Consequence: with a pool
two entries too small for a search, the tree below is built on truncated contexts.
"""

from typing import Final

from spec.search_state import SearchClient
from stateful_models.scopes.searches import SearchScope

GOES_ON_FROM_LATEST: Final = SearchScope(SearchClient(1, rebuilds=False), 3, 1, 1, 1, actions=2)
