"""A tree search's side of the cache: roots, then simulations, each on its own working batch."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from kvref.manager import KVCacheManager
from kvref.tensors.contexts import Contexts, Keys, Rebuild, Source, by_env_and_latent
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.step import Step


class SearchSession:
    """Looks up contexts, hands out working batches, stores what the model makes of them.

    S3: the model writes only into working batches, which are copies; a stored window is never
    written again. What is stored is cut to `context_length` as W2 says, row by row. A step that
    raises stores nothing, with one exception: an `on_evict` that refuses one row's window leaves
    those of the rows before it stored.

    Args:
        manager: the pools. SEALED ones let windows share the tokens that they have in common.
        rebuild: makes the contexts that no pool holds.
        context_length: the most tokens that a context has, new ones included: a step is given at
            most `context_length - tokens_per_step`.
        tokens_per_step: how many tokens the model appends in each step.
        keys: how latent states are told apart; S2 holds as far as equal keys mean equal histories.
    """

    step_type: ClassVar[type[Step]] = Step

    def __init__(
        self,
        manager: KVCacheManager[KeysValues],
        rebuild: Rebuild,
        *,
        context_length: int,
        tokens_per_step: int = 2,
        keys: Keys | None = None,
    ) -> None:
        self.manager = manager
        keys = by_env_and_latent() if keys is None else keys
        self._contexts = Contexts(manager, rebuild, context_length, tokens_per_step, keys)

    def root(self, env_ids: Sequence[int], latents: Tensor) -> tuple[Source, ...]:
        """Begin a search: recurrent windows go, of all environments; every root has one in init.

        A root that its environment's init pool does not hold is rebuilt and stored there.
        `latents`: (environments, ...). Returns where each root's context came from.
        """
        contexts, manager = self._contexts, self.manager
        contexts.refuse_if_open()
        envs, keys = contexts.rows(env_ids, latents)
        found = [manager.get_init_cache(env, key) for env, key in zip(envs, keys, strict=True)]
        missing = [row for row, window in enumerate(found) if window is None]
        rebuilt = [contexts.kept(one) for one in contexts.rebuilt(missing, envs, latents)]
        manager.clear_recur_cache()
        for row, window in zip(missing, rebuilt, strict=True):
            manager.set_init_cache(envs[row], keys[row], window)
        return tuple(Source.REBUILT if one is None else Source.INIT for one in found)

    def step(self, env_ids: Sequence[int], latents: Tensor) -> Step:
        """One simulation: the contexts of these parents, looked up in init, then in recur.

        To be used in a `with` block; on leaving it, each row's window is stored in recur. A parent
        that had to be rebuilt is not stored again.
        """
        envs, keys = self._contexts.rows(env_ids, latents)
        return self.step_type(self._contexts, envs, keys, latents, recurrent=True)

    def advance(self, env_ids: Sequence[int], latents: Tensor) -> Step:
        """As `step`, for what really happened: windows are stored as roots, in init."""
        envs, keys = self._contexts.rows(env_ids, latents)
        return self.step_type(self._contexts, envs, keys, latents, recurrent=False)

    def end_episode(self, env_id: int) -> None:
        """Forget an environment's roots."""
        self.manager.clear_init_caches(env_id)
