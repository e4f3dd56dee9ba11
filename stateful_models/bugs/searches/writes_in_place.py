"""The model writes into the very object that a lookup delivered.

UniZero stored its working object and went on writing into it. Consequence: visiting a node changes
the entry of its parent; in a recorded run 87% of hits delivered other contents than were stored.
"""

from typing import Final

from spec.search_state import SearchClient
from stateful_models.scopes.searches import SearchScope

WRITES_IN_PLACE: Final = SearchScope(SearchClient(1, copies=False), 3, 1, 3, 1, actions=2)
