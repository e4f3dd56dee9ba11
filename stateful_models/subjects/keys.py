"""Keys of latent states under test: what an adapter's author writes."""

from abc import ABC, abstractmethod

from torch import Tensor


class KeySubject(ABC):
    """How a latent state is turned into a key, without a salt and with one."""

    @abstractmethod
    def key(self, latent: Tensor) -> int:
        """A key of the state's bytes, and of nothing else."""

    @abstractmethod
    def salted(self, latent: Tensor, *salt: int) -> int:
        """A key that also tells apart dtype, shape and salt."""
