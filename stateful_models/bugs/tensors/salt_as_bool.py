"""A salt declared as a flag: every number but zero is the same one.

Consequence: version 2 of the weights is served what version 1 stored, and environment 2 what
environment 1 did. A chess engine's key counted eight plies of history as one in this way.
"""

from torch import Tensor

from stateful_models.reference.keys import KvrefKeys


class SaltAsBool(KvrefKeys):
    def salted(self, latent: Tensor, *salt: int) -> int:
        return super().salted(latent, *(bool(number) + 0 for number in salt))
