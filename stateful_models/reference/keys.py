"""kvref's own keys as a subject."""

from torch import Tensor

from kvref.tensors import hash_state, salted_hash_state
from stateful_models.subjects.keys import KeySubject


class KvrefKeys(KeySubject):
    def key(self, latent: Tensor) -> int:
        return hash_state(latent)

    def salted(self, latent: Tensor, *salt: int) -> int:
        return salted_hash_state(latent, *salt)
