"""A window whose seal says that it is sealed and refuses nothing.

Consequence: what is stored goes on changing, as if it had never been sealed.
"""

from kvref.tensors import KeysValues
from stateful_models.reference.tensor_pool import KvrefTensorPool


class Flagged(KeysValues):
    said = False

    def seal(self) -> None:
        self.said = True

    @property
    def sealed(self) -> bool:
        return self.said


class SealIsAFlag(KvrefTensorPool):
    window_type = Flagged
