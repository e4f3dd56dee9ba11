"""The contexts of a search's rows: looked up, rebuilt where missing, cut to length, aligned."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final, NamedTuple, SupportsIndex, cast
from weakref import WeakKeyDictionary
from weakref import ref as weak

import torch
from torch import Tensor

from kvref.arguments import as_env, as_key, as_size, as_tuple
from kvref.errors import (
    KVCacheReentryError,
    KVCacheTypeError,
    KVCacheValueError,
    number,
    show,
)
from kvref.hashing import SupportsArray
from kvref.manager import KVCacheManager
from kvref.pool import KVCachePool
from kvref.tensors.batch import BatchBuffer, require_alike
from kvref.tensors.blocks import joined, without_oldest
from kvref.tensors.hashing import hash_states, salted_hash_states
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.layout import Held
from kvref.window_drop import drop


class Missing(NamedTuple):
    """Rows whose context no pool holds: their place in the batch, environment, latent state.

    `latents` are of these rows only: `latents[n]` belongs to `rows[n]` and `env_ids[n]`.
    """

    rows: tuple[int, ...]
    env_ids: tuple[int, ...]
    latents: Tensor


class Source(Enum):
    """Where a row's context came from."""

    INIT = "init"
    RECUR = "recur"
    REBUILT = "rebuilt"


WindowPool = KVCachePool[KeysValues]
EnvIds = Iterable[SupportsIndex] | Tensor | SupportsArray
"""Environment ids, one a row: a list, an array, a tensor."""

Rebuild = Callable[[Missing], Sequence[KeysValues]]
"""Makes the context of each missing row anew: one window of one sample for each, in order.

It holds everything up to the latent state, that one's own token included, so that the next thing
appended is an action. Where the whole history is longer than what is rebuilt, say with
`KeysValues(..., first=...)` how many tokens came before: `Step.positions` count on from there.
"""

Keys = Callable[[tuple[int, ...], Tensor], Sequence[int]]
"""(environment ids, latents) -> a key for each row."""


def by_latent(env_ids: tuple[int, ...], latents: Tensor) -> Sequence[int]:
    """Keys of the latents alone: environments with equal latents share an entry (M5)."""
    return hash_states(latents)


def by_env_and_latent(version: int = 0) -> Keys:
    """Keys that no two environments share, nor two versions of the weights."""

    def keys(env_ids: tuple[int, ...], latents: Tensor) -> Sequence[int]:
        return salted_hash_states(latents, [(env, version) for env in env_ids])

    return keys


def same_history(one: KeysValues, other: KeysValues) -> bool:
    """Whether two windows hold the same tokens at the same place of their histories."""
    if (one.shape, one.first, len(one)) != (other.shape, other.first, len(other)):
        return False
    with torch.no_grad():
        return not one.size or torch.equal(joined(one.pieces()), joined(other.pieces()))


def require_rows(latents: object, rows: int) -> None:
    """A dense tensor with so many rows."""
    if not isinstance(latents, Tensor) or latents.is_nested or latents.layout is not torch.strided:
        raise KVCacheValueError(f"{rows} environments need as many latents, not {show(latents)}")
    if latents.dim() < 1 or latents.shape[0] != rows:
        told = tuple(latents.shape)
        raise KVCacheValueError(f"{rows} environments need as many latents, not {told}")


def store(rows: Sequence[tuple[WindowPool, int, KeysValues]]) -> None:
    """Set these entries, so that all of them are there at the end (S1).

    A row's entry may be the oldest, and go for the next row's: it is set again then.
    """
    left = list(rows)
    for _ in range(len(rows) + 1):
        for pool, key, window in left:
            pool.set(key, window)
        left = [row for row in rows if row[1] not in row[0]]
        if not left:
            return
    pool, key, _ = left[0]
    raise KVCacheValueError(f"key {number(key)} does not stay in {pool!r} beside the other rows'")


_CLAIMS: Final[WeakKeyDictionary[KVCacheManager[KeysValues], "weak[Contexts]"]] = (
    WeakKeyDictionary()
)
"""Whose entries a manager holds: it serves one session at a time."""


class Contexts:
    """What the steps of a session share: the pools, how to fill them, the working batch's room.

    Args: as `SearchSession`.
    """

    def __init__(
        self,
        manager: KVCacheManager[KeysValues],
        rebuild: Rebuild,
        context_length: int,
        tokens_per_step: int,
        keys: Keys,
    ) -> None:
        self.manager = manager
        self.rebuild = rebuild
        self.length = as_size(context_length, "context_length")
        self.new = as_size(tokens_per_step, "tokens_per_step")
        if self.new > self.length:
            raise KVCacheValueError(
                f"{self.new} tokens a step do not fit into a context of {self.length}"
            )
        for function, what in ((rebuild, "rebuild"), (keys, "keys")):
            if not callable(function):
                raise KVCacheTypeError(f"{what} must be callable, not {show(function)}")
        self.keys = keys
        self.in_use = False
        self._buffer: BatchBuffer | None = None

    def claim(self) -> None:
        """Refuse a manager that serves another session, or holds what one left behind."""
        manager, claim = self.manager, _CLAIMS.get(self.manager)
        holder = None if claim is None else claim()
        if holder is self:
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
        _CLAIMS[manager] = weak(self)

    def let_go(self) -> None:
        """The manager may serve another session."""
        del _CLAIMS[self.manager]

    def refuse_if_open(self) -> None:
        if self.in_use:
            raise KVCacheReentryError("a step of this session is still open: one at a time")

    def rows(self, env_ids: EnvIds, latents: Tensor) -> tuple[tuple[int, ...], list[int]]:
        """The environments and the keys of so many rows, checked."""
        asked = as_tuple(cast(Iterable[SupportsIndex], env_ids), "env_ids")
        envs = tuple(as_env(env, self.manager.env_num) for env in asked)
        require_rows(latents, len(envs))
        if not envs:
            raise KVCacheValueError("no environments to search")
        keys = as_tuple(self.keys(envs, latents), "what keys made")
        if len(keys) != len(envs):
            raise KVCacheValueError(f"keys made {len(keys)} keys for {len(envs)} rows")
        return envs, [as_key(key) for key in keys]

    def rebuilt(
        self, missing: Sequence[int], envs: tuple[int, ...], latents: Tensor
    ) -> Sequence[KeysValues]:
        """The contexts of these rows, from the caller's function, checked."""
        if not missing:
            return ()
        asked = torch.stack([latents.detach().select(0, row) for row in missing])
        told = Missing(tuple(missing), tuple(envs[row] for row in missing), asked)
        windows = as_tuple(self.rebuild(told), "what rebuild made")
        if len(windows) != len(missing):
            raise KVCacheValueError(f"rebuild made {len(windows)} windows for {len(missing)} rows")
        for window in windows:
            if not isinstance(window, KeysValues):
                raise KVCacheTypeError(f"rebuild must make KeysValues, not {show(window)}")
            if window.shape[0] != 1:
                raise KVCacheValueError(f"rebuild made {window!r}, not a window of one sample")
        require_alike(windows)
        return windows

    def fitting(self, window: KeysValues, new: int) -> KeysValues:
        """A window's newest tokens, to be read: as many as leave room for `new` more."""
        layout, size = window._now(), window.size
        dropped = drop(self.length, size, new)
        if window.sealed and not dropped and layout.max_tokens == self.length:
            return window
        spans, _ = without_oldest(window._as_spans(), dropped)
        held = Held(spans, None, 0, window.first + dropped)
        layout = replace(layout, max_tokens=self.length)
        return KeysValues._of(layout, len(window), held, sealed=True)

    def kept(self, window: KeysValues) -> KeysValues:
        """What is stored of a rebuilt window: itself if it is sealed, else a copy."""
        fitting = self.fitting(window, 0)
        return fitting.compacted() if window.sealed else fitting.clone()

    def require_one_history(
        self, pools: Sequence[WindowPool], keys: Sequence[int], windows: Sequence[KeysValues]
    ) -> None:
        """Rows that one key stands for in one pool must hold the same."""
        first: dict[tuple[str, int], tuple[int, KeysValues]] = {}
        for row, (pool, key, window) in enumerate(zip(pools, keys, windows, strict=True)):
            before, other = first.setdefault((pool.name, key), (row, window))
            if other is not window and not same_history(other, window):
                raise KVCacheValueError(
                    f"rows {before} and {row} have one key ({number(key)}) and two histories: "
                    f"pool {pool.name!r} could keep only one of them"
                )

    def require_room(self, rows: Sequence[tuple[WindowPool, int]]) -> None:
        """One call must not push out what it stores itself (S1)."""
        for pool in {pool.name: pool for pool, _ in rows}.values():
            count = len({key for other, key in rows if other is pool})
            if count > pool.pool_size:
                raise KVCacheValueError(
                    f"{count} rows at once do not fit into pool {pool.name!r} of {pool.pool_size}"
                )

    def buffer_for(self, windows: Sequence[KeysValues]) -> BatchBuffer:
        """The working batch's room, made anew only when it has become too small."""
        like, rows, buffer = windows[0]._now(), len(windows), self._buffer
        wanted = replace(like, samples=rows, max_tokens=self.length)
        if buffer is not None and buffer.num_layers == len(windows[0]):
            wanted = replace(wanted, samples=max(rows, buffer.layout.samples))
            if wanted == buffer.layout:
                return buffer
        self._buffer = BatchBuffer.for_windows(windows, self.length)
        return self._buffer
