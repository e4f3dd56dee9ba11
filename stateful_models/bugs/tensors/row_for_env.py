"""A session that takes the rows of a batch for environment ids.

Consequence: none as long as all environments search together, in order. Once one of them is done
and the others go on, environment 1 reads and writes what is environment 0's. A collector passed
row numbers in this way, instead of the ids of the environments that were ready.
"""

from torch import Tensor

from kvref.tensors import SearchSession, Source, Step
from kvref.tensors.contexts import EnvIds
from stateful_models.reference.sessions import KvrefSession


class RowSession(SearchSession):
    def root(self, env_ids: EnvIds, latents: Tensor) -> tuple[Source, ...]:
        return super().root(range(len(latents)), latents)

    def step(self, env_ids: EnvIds, latents: Tensor) -> Step:
        return super().step(range(len(latents)), latents)

    def advance(self, env_ids: EnvIds, latents: Tensor) -> Step:
        return super().advance(range(len(latents)), latents)


class RowForEnv(KvrefSession):
    session_type = RowSession
