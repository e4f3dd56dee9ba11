"""A session that takes the rows of a batch for environment ids.

Consequence: none as long as all environments search together, in order. Once one of them is done
and the others go on, environment 1 reads and writes what is environment 0's. A collector passed
row numbers in this way, instead of the ids of the environments that were ready.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from torch import Tensor

from stateful_models.reference.sessions import KvrefSession
from stateful_models.subjects.sessions import StepLike


class RowForEnv(KvrefSession):
    def root(self, envs: Sequence[int], latents: Tensor) -> None:
        super().root(range(len(latents)), latents)

    def step(self, envs: Sequence[int], latents: Tensor) -> AbstractContextManager[StepLike]:
        return super().step(range(len(latents)), latents)

    def advance(self, envs: Sequence[int], latents: Tensor) -> AbstractContextManager[StepLike]:
        return super().advance(range(len(latents)), latents)
