"""Keys of latent states, of a model that makes them all equal.

A dynamics head that starts at zero does: every node's latent is its parent's. Consequence: one key
stands for all nodes of an environment, and a child's lookup hits its root's entry, in init.
"""

from typing import Final

from spec.search_nodes import Keying, Latents
from spec.search_state import SearchClient
from stateful_models.scopes.searches import SearchScope

EQUAL_LATENTS: Final = SearchScope(
    SearchClient(1, Keying.LATENT, Latents.EQUAL), 2, 1, 2, 1, actions=2
)
