"""The model learns, and entries of its old weights stay.

Whoever clears the caches by another clock than the optimizer's has this. Consequence: new tokens
attend to keys and values that another model made.
"""

from typing import Final

from spec.search_nodes import Keying
from spec.search_state import SearchClient
from stateful_models.scopes.searches import SearchScope

KEEPS_OLD_WEIGHTS: Final = SearchScope(
    SearchClient(1, Keying.LATENT, forgets=False), 1, 1, 1, 2, actions=2, changes=True
)
