"""Recur is not cleared between searches, and what is there is not computed again.

Consequence: where a later search imagines the same actions from another root, it goes on from the
earlier root's context.
"""

from typing import Final

from spec.search_nodes import Keying
from spec.search_state import SearchClient
from stateful_models.scopes.searches import SearchScope

CLIENT: Final = SearchClient(1, Keying.IMAGINED, clears=False, recomputes=False)
NEVER_CLEARS_RECUR: Final = SearchScope(CLIENT, 3, 1, 3, 2, actions=2)
