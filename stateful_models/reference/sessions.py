"""kvref's own search session as a subject, with keys of latents and with chained keys."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import ClassVar

from torch import Tensor

from kvref import EvictionStrategy, KVCacheManager, Ownership, RecurScope, SizingProfile
from kvref.tensors import KeysValues, Node, SearchSession, Step, by_env_and_latent
from kvref.tensors.nodes import Keys
from spec.ops import Key
from spec.search_state import Where
from stateful_models.subjects.sessions import Rebuild, SessionSubject, Setting, StepLike


class KvrefSession(SessionSubject):
    """Keys of latents: none of the searches that it is put to has two nodes with equal ones."""

    session_type: ClassVar[type[SearchSession]] = SearchSession
    keys: Keys | None = staticmethod(by_env_and_latent())

    def start(self, setting: Setting, rebuild: Rebuild) -> None:
        profile = setting.profile
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
        (node,) = self.session.begin([env], latent[None])
        return node.key

    def stored(self) -> dict[Where, KeysValues]:
        return {
            (pool.name, Key(one.key)): one.value
            for pool in self.manager.pools
            for one in pool.residents()
        }


class ChainedSession(KvrefSession):
    """Chained keys: `handles` are the nodes that the session has made, by what stands for them."""

    keys = None

    def start(self, setting: Setting, rebuild: Rebuild) -> None:
        super().start(setting, rebuild)
        self.handles: dict[tuple[int, bytes], Node] = {}

    def node(self, env: int, latent: Tensor) -> Node:
        """The handle; of a node that the session has not made, that of a first root."""
        known = self.handles.get((env, named(latent)))
        return self.session.begin([env], latent[None])[0] if known is None else known

    def nodes(self, envs: Sequence[int], latents: Tensor) -> list[Node]:
        return [self.node(env, latent) for env, latent in zip(envs, latents, strict=True)]

    def root(self, envs: Sequence[int], latents: Tensor) -> None:
        self.session.root(self.nodes(envs, latents))

    def step(self, envs: Sequence[int], latents: Tensor) -> AbstractContextManager[StepLike]:
        return Told(self.session.step(self.nodes(envs, latents)), self.handles)

    def advance(self, envs: Sequence[int], latents: Tensor) -> AbstractContextManager[StepLike]:
        return Told(self.session.advance(self.nodes(envs, latents)), self.handles)

    def forget(self) -> None:
        self.session.learned()

    def key(self, env: int, latent: Tensor) -> int:
        return self.session.stored_under(self.node(env, latent))


class Told(AbstractContextManager[StepLike]):
    """A step whose children are told by their latents; their handles are written down."""

    def __init__(self, step: Step, handles: dict[tuple[int, bytes], Node]) -> None:
        self.step, self.handles = step, handles

    def __enter__(self) -> StepLike:
        self.step.__enter__()
        self.keys_values, self.sources = self.step.keys_values, self.step.sources
        self.lengths, self.firsts = self.step.lengths, self.step.firsts
        return self

    def children(self, latents: Tensor, /) -> None:
        made = self.step.children(latents)
        rows = zip(made, latents, strict=True)
        self.handles.update({(node.env_id, named(latent)): node for node, latent in rows})

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.step.__exit__(kind, error, trace)


def named(latent: Tensor) -> bytes:
    """What stands for a node that has a latent state of its own."""
    return latent.numpy().tobytes()
