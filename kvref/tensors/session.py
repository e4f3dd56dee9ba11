"""A tree search's side of the cache: roots, then simulations, each on its own working batch."""

from typing import ClassVar, SupportsIndex

from torch import Tensor

from kvref.errors import KVCacheTypeError, KVCacheValueError, show
from kvref.manager import KVCacheManager
from kvref.tensors.contexts import (
    Contexts,
    EnvIds,
    Keys,
    Rebuild,
    Source,
    WindowPool,
    by_env_and_latent,
    store,
)
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.step import Step
from kvref.together import all_or_nothing, clear_together


class SearchSession:
    """Looks up contexts, hands out working batches, stores what the model makes of them.

    S3: the model writes only into working batches, which are copies; a stored window is never
    written again. What is stored is cut to `context_length` as W2 says, row by row. What raises
    stores nothing and counts nothing. Rows that one key stands for must hold one history, or the
    call is refused; so is one with more rows for a pool than that pool holds.

    A manager serves one session at a time: give each role (collector, evaluator) its own, or
    `close()` the session before, which empties init and recur.

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
        if not isinstance(manager, KVCacheManager):
            raise KVCacheTypeError(f"manager must be a KVCacheManager, not {show(manager)}")
        self.manager = manager
        keys = by_env_and_latent() if keys is None else keys
        self._contexts = Contexts(manager, rebuild, context_length, tokens_per_step, keys)
        self._contexts.claim()

    def close(self) -> None:
        """End the session: its entries go, and the manager may serve another."""
        self._contexts.refuse_if_open()
        self._contexts.claim()
        clear_together((*self.manager.init_pools, *self.manager.recur_pools))
        self._contexts.let_go()

    def root(self, env_ids: EnvIds, latents: Tensor) -> tuple[Source, ...]:
        """Begin a search: recurrent windows go, of all environments; every root has one in init.

        A root that its environment's init pool does not hold is rebuilt and stored there.
        `latents`: (environments, ...). Returns where each root's context came from.
        """
        contexts, manager = self._contexts, self.manager
        contexts.refuse_if_open()
        self._contexts.claim()
        envs, keys = contexts.rows(env_ids, latents)
        rows = [(manager.init_pools[env], key) for env, key in zip(envs, keys, strict=True)]
        contexts.require_room(rows)
        contexts.in_use = True
        try:
            found = self._rooted(rows, envs, latents)
        finally:
            contexts.in_use = False
        return tuple(Source.REBUILT if one is None else Source.INIT for one in found)

    def _rooted(
        self, rows: list[tuple[WindowPool, int]], envs: tuple[int, ...], latents: Tensor
    ) -> list[KeysValues | None]:
        """Look up every root, rebuild and store those that are missing; what was found."""
        contexts, manager = self._contexts, self.manager
        found = [pool._find(key) for pool, key in rows]
        missing = [row for row, window in enumerate(found) if window is None]
        rebuilt = [contexts.kept(one) for one in contexts.rebuilt(missing, envs, latents)]
        new = [rows[row] for row in missing]
        contexts.require_one_history([pool for pool, _ in new], [key for _, key in new], rebuilt)
        with all_or_nothing(manager.pools):
            for pool, key in rows:
                pool.get(key)
            manager.clear_recur_cache()
            store([(*row, window) for row, window in zip(new, rebuilt, strict=True)])
            held = zip(rows, found, strict=True)
            gone = [(*row, one) for row, one in held if one and row[1] not in row[0]]
            store(gone)
            if any(key not in pool for pool, key in rows):
                raise KVCacheValueError(f"{len(rows)} roots do not stay in init beside each other")
        return found

    def step(self, env_ids: EnvIds, latents: Tensor) -> Step:
        """One simulation: the contexts of these parents, looked up in init, then in recur.

        To be used in a `with` block; on leaving it, each row's window is stored in recur. A parent
        that had to be rebuilt is not stored again.
        """
        return self._step(env_ids, latents, recurrent=True)

    def advance(self, env_ids: EnvIds, latents: Tensor) -> Step:
        """As `step`, for what really happened: windows are stored as roots, in init."""
        return self._step(env_ids, latents, recurrent=False)

    def _step(self, env_ids: EnvIds, latents: Tensor, recurrent: bool) -> Step:
        self._contexts.claim()
        envs, keys = self._contexts.rows(env_ids, latents)
        return self.step_type(self._contexts, envs, keys, latents, recurrent=recurrent)

    def end_episode(self, env_id: SupportsIndex) -> None:
        """Forget an environment's roots."""
        self._contexts.claim()
        self._contexts.refuse_if_open()
        self.manager.clear_init_caches(env_id)
