"""kvref's own search session as a subject."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import ClassVar

from torch import Tensor

from kvref import EvictionStrategy, KVCacheManager, Ownership, RecurScope, SizingProfile
from kvref.tensors import KeysValues, SearchSession, by_env_and_latent
from spec.ops import Key
from spec.search_state import Where
from stateful_models.subjects.sessions import Rebuild, SessionSubject, Setting, StepLike


class KvrefSession(SessionSubject):
    session_type: ClassVar[type[SearchSession]] = SearchSession

    def start(self, setting: Setting, rebuild: Rebuild) -> None:
        profile, self.keys = setting.profile, by_env_and_latent()
        self.manager: KVCacheManager[KeysValues] = KVCacheManager(
            setting.config,
            setting.envs,
            eviction_strategy=EvictionStrategy(profile.policy.value),
            ownership=Ownership(profile.ownership.value),
            sizing=SizingProfile(profile.sizing.value),
            recur_scope=RecurScope(profile.recur_scope.value),
        )
        self.session = self.session_type(
            self.manager,
            rebuild,
            context_length=setting.context_length,
            tokens_per_step=setting.tokens,
            keys=self.keys,
        )

    def root(self, envs: Sequence[int], latents: Tensor) -> None:
        self.session.root(envs, latents)

    def step(self, envs: Sequence[int], latents: Tensor) -> AbstractContextManager[StepLike]:
        return self.session.step(envs, latents)

    def advance(self, envs: Sequence[int], latents: Tensor) -> AbstractContextManager[StepLike]:
        return self.session.advance(envs, latents)

    def end_episode(self, env: int) -> None:
        self.session.end_episode(env)

    def forget(self) -> None:
        self.manager.clear_all()

    def key(self, env: int, latent: Tensor) -> int:
        return self.keys((env,), latent[None])[0]

    def stored(self) -> dict[Where, KeysValues]:
        return {
            (pool.name, Key(one.key)): one.value
            for pool in self.manager.pools
            for one in pool.residents()
        }
