"""Windows that left are kept, to use their tensors again some day.

Consequence: memory grows by every window ever evicted.
"""

from stateful_models.bugs.caches.graveyard import Graveyard
from stateful_models.reference.tensor_pool import KvrefTensorPool


class KeepsWindows(Graveyard, KvrefTensorPool):
    """As `Graveyard`, with tensors."""
