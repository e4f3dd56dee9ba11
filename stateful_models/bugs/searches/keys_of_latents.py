"""A recur hit on another environment's history: keys are hashes of the latent state alone.

UniZero looks a state up in the recurrent pool that all environments share. In a recorded run 1,030
lookups were handed another environment's context. Consequence: environments that pass through the
same state, as all do right after a reset, read each other's past.
"""

from typing import Final

from spec.search_nodes import Keying
from spec.search_state import SearchClient
from stateful_models.scopes.searches import SearchScope

KEYS_OF_LATENTS: Final = SearchScope(SearchClient(2, Keying.PATH), 2, 1, 4, 1, actions=2)
