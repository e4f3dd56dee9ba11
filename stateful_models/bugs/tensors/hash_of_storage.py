"""A key of the bytes as they lie in memory, whatever the strides say.

Consequence: a transposed or sliced latent is never found again.
"""

import torch
import xxhash
from torch import Tensor

from stateful_models.reference.keys import KvrefKeys


class HashOfStorage(KvrefKeys):
    def key(self, latent: Tensor) -> int:
        storage = latent.detach().untyped_storage()
        whole = torch.empty(0, dtype=torch.uint8).set_(storage, 0, (storage.nbytes(),), (1,))
        return xxhash.xxh64_intdigest(bytes(whole.tolist()))
