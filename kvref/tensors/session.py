"""A tree search's side of the cache: roots, then simulations, each on its own working batch."""

from typing import ClassVar, Final, SupportsIndex
from weakref import WeakKeyDictionary
from weakref import ref as weak

from torch import Tensor

from kvref.errors import KVCacheTypeError, KVCacheValueError, show
from kvref.manager import KVCacheManager
from kvref.tensors.contexts import Contexts, EnvIds, Keys, Rebuild, Source, by_env_and_latent
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.step import Step
from kvref.together import all_or_nothing, clear_together

_CLAIMS: Final[WeakKeyDictionary[KVCacheManager[KeysValues], weak[Contexts]]] = WeakKeyDictionary()
"""Whose entries a manager holds: it serves one session at a time."""


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
        self._claim()

    def _claim(self) -> None:
        """Refuse a manager that serves another session, or holds what one left behind."""
        manager, claim = self.manager, _CLAIMS.get(self.manager)
        holder = None if claim is None else claim()
        if holder is self._contexts:
            return
        if holder is not None:
            raise KVCacheValueError(
                f"{manager!r} serves another session: close() that one, or give each role a "
                "manager of its own"
            )
        if claim is not None and any(map(len, (*manager.init_pools, *manager.recur_pools))):
            raise KVCacheValueError(
                f"{manager!r} holds entries of a session that was not closed: clear_all() first"
            )
        _CLAIMS[manager] = weak(self._contexts)

    def close(self) -> None:
        """End the session: its entries go, and the manager may serve another."""
        self._contexts.refuse_if_open()
        self._claim()
        clear_together((*self.manager.init_pools, *self.manager.recur_pools))
        del _CLAIMS[self.manager]

    def root(self, env_ids: EnvIds, latents: Tensor) -> tuple[Source, ...]:
        """Begin a search: recurrent windows go, of all environments; every root has one in init.

        A root that its environment's init pool does not hold is rebuilt and stored there.
        `latents`: (environments, ...). Returns where each root's context came from.
        """
        contexts, manager = self._contexts, self.manager
        contexts.refuse_if_open()
        self._claim()
        envs, keys = contexts.rows(env_ids, latents)
        pools = [manager.init_pools[env] for env in envs]
        rows = list(zip(pools, keys, strict=True))
        contexts.require_room(rows)
        found = [pool._find(key) for pool, key in rows]
        missing = [row for row, window in enumerate(found) if window is None]
        rebuilt = [contexts.kept(one) for one in contexts.rebuilt(missing, envs, latents)]
        new = [rows[row] for row in missing]
        contexts.require_one_history([pool for pool, _ in new], [key for _, key in new], rebuilt)
        with all_or_nothing(manager.pools):
            for pool, key in rows:
                pool.get(key)
            manager.clear_recur_cache()
            for (pool, key), window in zip(new, rebuilt, strict=True):
                pool.set(key, window)
        return tuple(Source.REBUILT if one is None else Source.INIT for one in found)

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
        self._claim()
        envs, keys = self._contexts.rows(env_ids, latents)
        return self.step_type(self._contexts, envs, keys, latents, recurrent=recurrent)

    def end_episode(self, env_id: SupportsIndex) -> None:
        """Forget an environment's roots."""
        self._claim()
        self.manager.clear_init_caches(env_id)
