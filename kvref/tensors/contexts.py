"""The contexts of a search's rows: looked up, rebuilt where missing, cut to length, aligned."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from enum import Enum
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary
from weakref import ref as weak

import torch
from torch import Tensor

from kvref.arguments import as_node, as_size, as_tuple
from kvref.errors import (
    KVCacheReentryError,
    KVCacheTypeError,
    KVCacheValueError,
    number,
    show,
)
from kvref.manager import KVCacheManager
from kvref.ownership import COPYING
from kvref.pool import KVCachePool
from kvref.sizing import RecurScope
from kvref.tensors.arena import Arena
from kvref.tensors.batch import BatchBuffer, kind, require_alike
from kvref.tensors.blocks import joined, without_oldest
from kvref.tensors.handles import Handles
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.layout import Held
from kvref.tensors.nodes import Node, stacked
from kvref.tensors.working import OnDrop, Positions
from kvref.window_drop import drop


class Missing(NamedTuple):
    """Rows whose context no pool holds: their place in the batch, environment, latent state, node.

    `latents` are of these rows only: `latents[n]` belongs to `rows[n]`, `env_ids[n]`, `nodes[n]`.
    Where the session keeps a record (`tokens=True`), `nodes[n].history()` has all that was
    appended, from the root on.
    """

    rows: tuple[int, ...]
    env_ids: tuple[int, ...]
    latents: Tensor
    nodes: tuple[Node, ...]


class Rebuilt(NamedTuple):
    """What `rebuild` may return: the windows, and what the model put out for each of their rows."""

    windows: Sequence[KeysValues]
    outputs: Sequence[object]


class Source(Enum):
    """Where a row's context came from."""

    INIT = "init"
    RECUR = "recur"
    REBUILT = "rebuilt"


WindowPool = KVCachePool[KeysValues]
Rebuild = Callable[[Missing], Sequence[KeysValues] | Rebuilt]
"""Makes the context of each missing row anew: one window of one sample for each, in order; of roots
also what the model put out, for whoever wants it back from `root`.

It holds everything up to the latent state, that one's own token included, so that the next thing
appended is an action. Where the whole history is longer than what is rebuilt, say with
`KeysValues(..., first=...)` how many tokens came before: `Step.positions` count on from there.
"""


def same_history(one: KeysValues, other: KeysValues) -> bool:
    """Whether two windows hold the same tokens at the same place of their histories."""
    if (one.shape, one.first, len(one)) != (other.shape, other.first, len(other)):
        return False
    with torch.no_grad():
        return not one.size or torch.equal(joined(one.pieces()), joined(other.pieces()))


class Entry(NamedTuple):
    """What is stored, where, under which key, and whose it is."""

    pool: WindowPool
    key: int
    node: Node
    window: KeysValues


MOST_AT_FIRST: Final = 4096
"""Tokens that a search's storage has room for as it begins."""

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
        handles: Handles,
        grouped: bool,
        positions: tuple[Positions, OnDrop | None],
    ) -> None:
        self.manager = manager
        self.rebuild = rebuild
        self.length = as_size(context_length, "context_length")
        self.new = as_size(tokens_per_step, "tokens_per_step")
        if self.new > self.length:
            raise KVCacheValueError(
                f"{self.new} tokens a step do not fit into a context of {self.length}"
            )
        if not callable(rebuild):
            raise KVCacheTypeError(f"rebuild must be callable, not {show(rebuild)}")
        self.handles, self.grouped, self.positions = handles, grouped, positions
        self.in_use = False
        self._buffers: dict[int, BatchBuffer] = {}
        self._arena: Arena | None = None
        self._before: Arena | None = None
        pools = manager.recur_pools
        self._shared = pools[0].ownership not in COPYING
        self._most = min(MOST_AT_FIRST, self.new * sum([pool.pool_size for pool in pools]))

    def acting_for(self, node: Node) -> AbstractContextManager[None]:
        """A block that is for this node, where a recording asks for whom."""
        naming = self.handles.naming
        if not naming.recordings:
            return nullcontext()
        told = naming.history_of(node)
        return self.manager._audience.acting_for(None if told is None else as_node(told))

    def store(self, rows: Sequence[Entry]) -> None:
        """Set these entries, so that all of them are there at the end (S1).

        A row's entry may be the oldest, and go for the next row's: it is set again then.
        """
        left = list(rows)
        for _ in range(len(rows) + 1):
            for one in left:
                with self.acting_for(one.node):
                    one.pool.set(one.key, one.window)
            left = [one for one in rows if one.key not in one.pool]
            if not left:
                return
        told = f"key {number(left[0].key)} does not stay in {left[0].pool!r}"
        raise KVCacheValueError(f"{told} beside the other rows'")

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

    def require_search(self, rows: int, simulations: int | None) -> None:
        """S1: what a search of so many environments stores fits, if it is said how much that is."""
        if simulations is None:
            return
        shared = self.manager.recur_scope is RecurScope.SHARED
        wanted = simulations * (rows if shared else 1)
        size = self.manager.recur_pools[0].pool_size
        if size < wanted:
            raise KVCacheValueError(
                f"{simulations} simulations of {rows} environments store {wanted} contexts; the "
                f"recur pool holds {size}"
            )

    def rebuilt(self, missing: Sequence[int], nodes: Sequence[Node]) -> Rebuilt:
        """The contexts of these rows, from the caller's function, checked."""
        if not missing:
            return Rebuilt((), ())
        asked = tuple([nodes[row] for row in missing])
        envs = tuple([one.env_id for one in asked])
        made = self.rebuild(Missing(tuple(missing), envs, stacked(asked), asked))
        both = made if isinstance(made, Rebuilt) else Rebuilt(made, (None,) * len(missing))
        outputs = as_tuple(both.outputs, "what rebuild put out")
        if len(outputs) != len(missing):
            raise KVCacheValueError(f"rebuild put out {len(outputs)} for {len(missing)} rows")
        return Rebuilt(self.windows(both.windows, len(missing)), outputs)

    def windows(self, made: Sequence[KeysValues], rows: int) -> tuple[KeysValues, ...]:
        windows = as_tuple(made, "what rebuild made")
        if len(windows) != rows:
            raise KVCacheValueError(f"rebuild made {len(windows)} windows for {rows} rows")
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
        if window._sealed and not dropped and layout.max_tokens == self.length:
            return window
        spans, _ = without_oldest(window._as_spans(), dropped)
        held = Held(spans, None, 0, window.first + dropped)
        if layout.max_tokens != self.length:
            layout = replace(layout, max_tokens=self.length)
        return KeysValues._of(layout, len(window), held, True, size - dropped)

    def kept(self, window: KeysValues) -> KeysValues:
        """What is stored of a rebuilt window: itself if it is sealed, else a copy.

        Where positions change as tokens are dropped, none can be dropped here.
        """
        if self.positions[0] is Positions.WINDOW and window.size > self.length:
            raise KVCacheValueError(
                f"rebuild made {window.size} tokens for a context of {self.length}, whose "
                "positions count from the oldest that is left: make those that are left, from 0 on"
            )
        fitting = self.fitting(window, 0)
        return fitting.compacted() if window.sealed else fitting.clone()

    def require_one_history(
        self, pools: Sequence[WindowPool], keys: Sequence[int], windows: Sequence[KeysValues]
    ) -> None:
        """Rows that one key stands for in one pool must hold the same."""
        if len(set(keys)) == len(keys):
            return
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
        if all(len(rows) <= pool._pool_size for pool, _ in rows):
            return
        for pool in {pool.name: pool for pool, _ in rows}.values():
            count = len({key for other, key in rows if other is pool})
            if count > pool.pool_size:
                raise KVCacheValueError(
                    f"{count} rows at once do not fit into pool {pool.name!r} of {pool.pool_size}"
                )

    def arena_for(self, windows: Sequence[KeysValues]) -> Arena | None:
        """Where these contexts will lie, all sealed; None where every set copies anyway.

        One that is full stays with the windows that lie there, and the next is twice as large.
        """
        if not self._shared:
            return None
        before, self._before = self._before, None
        if before is not None and before.vacated():
            self._arena = before
        if self._arena is None or not self._arena.takes(windows):
            most = self._most if self._arena is None else 2 * self._arena.tokens
            roots = sum([max(one.size, self.length) for one in windows])
            self._arena = Arena(windows[0], max(most, len(windows) * self.new) + roots)
        return self._arena if self._arena.takes(windows) else None

    def search_ends(self) -> None:
        """What lies in its arena goes with the windows that lie there; then it may serve again."""
        self._before, self._arena = self._arena, None

    def buffer_for(self, windows: Sequence[KeysValues], place: int = 0) -> BatchBuffer:
        """The `place`-th working batch's room, made anew only when it has become too small."""
        buffer = self._buffers.get(place)
        fits = buffer is not None and len(windows) <= buffer.layout.samples
        if buffer is not None and fits and kind(windows[0]) == buffer.kind:
            return buffer
        self._buffers[place] = BatchBuffer.for_windows(windows, self.length)
        return self._buffers[place]
