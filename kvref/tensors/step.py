"""One simulation: from the lookup of the parents to the storing of their children."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import ClassVar, SupportsIndex

import torch
from torch import Tensor

from kvref.arguments import as_tuple
from kvref.errors import KVCacheValueError
from kvref.ownership import COPYING
from kvref.tensors.arena import Arena
from kvref.tensors.blocks import durable, on
from kvref.tensors.contexts import Contexts, Entry, Source, WindowPool
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.nodes import Node
from kvref.tensors.working import Working, by_length, in_order
from kvref.together import all_or_nothing


class Step:
    """A simulation's working batch, from the lookup of its parents to the storing of its children.

    Ask for `mask` and `positions` before the model appends the tokens that they are for.

    Attributes:
        nodes: the parents.

    Attributes, inside the `with` block:
        groups: the working batches, each with rows of the step: one of all rows, or, of a session
            that is `grouped`, one of the rows of each length.
        lengths: how many tokens each row's context has.
        firsts: the index of each row's oldest token in its history.
        sources: where each row's context came from.
    """

    working_type: ClassVar[type[Working]] = Working
    groups: tuple[Working, ...]
    lengths: tuple[int, ...]
    firsts: tuple[int, ...]
    sources: tuple[Source, ...]

    def __init__(
        self,
        contexts: Contexts,
        nodes: tuple[Node, ...],
        *,
        recurrent: bool,
    ) -> None:
        self.contexts = contexts
        self.nodes = nodes
        self.env_ids = tuple([one.env_id for one in nodes])
        self._keys = contexts.handles.keys(nodes)
        self._recurrent = recurrent
        manager = contexts.manager
        home = manager._recur_of if recurrent else manager._init_pools.__getitem__
        self._homes = [home(env) for env in self.env_ids]
        self._children: tuple[Node, ...] | None = None
        self._parents = nodes

    def __enter__(self) -> "Step":
        contexts = self.contexts
        contexts.claim()
        contexts.refuse_if_open()
        contexts.require_room(list(zip(self._homes, range(len(self.env_ids)), strict=True)))
        contexts.in_use = True
        try:
            self._begin()
        except BaseException:
            contexts.in_use = False
            raise
        return self

    def _begin(self) -> None:
        """Find, rebuild and align the parents; what was asked counts when all that is done."""
        contexts = self.contexts
        contexts.handles.require_same_making(self.nodes, self._keys)
        sought = self._sought()
        found = [init if recur is None else recur for init, recur in sought]
        missing = [row for row, window in enumerate(found) if window is None]
        rebuilt = dict(zip(missing, contexts.rebuilt(missing, self.nodes).windows, strict=True))
        contexts.require_one_history(
            [self._asked(row) for row in missing],
            [self._keys[row] for row in missing],
            list(rebuilt.values()),
        )
        parents = [rebuilt[row] if window is None else window for row, window in enumerate(found)]
        for parent in parents:
            if parent.num_samples != 1:
                raise KVCacheValueError(f"a context must have one sample: {parent!r}")
        sharing = [one.sealed for one in parents]
        arena = contexts.arena_for(parents) if self._recurrent and all(sharing) else None
        if arena is not None:
            parents = [arena.bring(one) for one in parents]
        fitting = [contexts.fitting(one, contexts.new) for one in parents]
        self.firsts = tuple(parent.first for parent in fitting)
        self.lengths = tuple(parent.size for parent in fitting)
        self.groups = self._grouped(fitting, sharing, arena)
        self._rebase([made.first - was.first for made, was in zip(fitting, parents, strict=True)])
        self._children = None
        self._parents = contexts.handles.as_stored(
            self.nodes, self._keys, [init for init, _ in sought]
        )
        if missing or contexts.positions[1] is not None:  # whoever was called may have stored more
            sought = self._sought()
        self.sources = tuple([self._met(row, *pair) for row, pair in enumerate(sought)])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.contexts.in_use = False
        try:
            if kind is None:
                self._store()
        finally:
            for group in self.groups:
                group.retire()

    def _grouped(
        self, parents: list[KeysValues], sharing: list[bool], arena: Arena | None
    ) -> tuple[Working, ...]:
        """All rows together; apart where that is asked for, those of each length."""
        every = [list(range(len(parents)))]
        rows = by_length(self.lengths) if self.contexts.grouped else every
        return tuple(
            [
                self.working_type(
                    some,
                    [parents[row] for row in some],
                    [sharing[row] for row in some],
                    self.contexts.buffer_for([parents[row] for row in some], place),
                    self.contexts.new,
                    arena,
                )
                for place, some in enumerate(rows)
            ]
        )

    def _rebase(self, dropped: list[int]) -> None:
        """Where positions are counted from the oldest token that is left, have it written anew."""
        counted, on_drop = self.contexts.positions
        for group in self.groups:
            group.nodes = tuple([self.nodes[row] for row in group.rows])
            group.dropped = tuple([dropped[row] for row in group.rows])
            group.counted = counted
            if on_drop is not None and any(group.dropped):
                lost = on(torch.tensor(group.dropped, device="cpu"), group.keys_values.device)
                on_drop(group, lost)
                group.require_untouched_size()

    def _asked(self, row: int) -> WindowPool:
        return self.contexts.manager.init_pools[self.env_ids[row]]

    def _sought(self) -> list[tuple[KeysValues | None, KeysValues | None]]:
        """Of each row, what init holds and, if nothing, what recur holds; nothing is counted."""
        manager, rows = self.contexts.manager, zip(self.env_ids, self._keys, strict=True)
        if self._recurrent:
            return [manager._sought(env, key) for env, key in rows]
        return [(manager.init_pools[env]._find(key), None) for env, key in rows]

    def _met(self, row: int, init: KeysValues | None, recur: KeysValues | None) -> Source:
        """Count a row's lookup."""
        manager, env, key = self.contexts.manager, self.env_ids[row], self._keys[row]
        with self.contexts.acting_for(self.nodes[row]):
            if self._recurrent:
                manager._met(env, key, init, recur)
            else:
                manager.init_pools[env]._met(key, init)
        if init is None and recur is None:
            return Source.REBUILT
        return Source.RECUR if init is None else Source.INIT

    @property
    def keys_values(self) -> KeysValues:
        """The aligned contexts, a copy for the model to update in place; see `Working`."""
        return self._whole.keys_values

    @keys_values.setter
    def keys_values(self, worked_on: KeysValues) -> None:
        self._whole.keys_values = worked_on

    @property
    def _whole(self) -> Working:
        if len(self.groups) > 1:
            raise KVCacheValueError(
                f"contexts of {len(self.groups)} lengths are in groups of their own: run the model "
                "on each of step.groups, or by step.run"
            )
        return self.groups[0]

    def mask(self, new: SupportsIndex) -> Tensor:
        """The attention mask for the next `new` tokens; see `attention_mask`."""
        return self._whole.mask(new)

    def positions(self, new: SupportsIndex) -> Tensor:
        """(rows, new): the index of each of the next `new` tokens; see `Working.positions`."""
        return self._whole.positions(new)

    def run(self, model: Callable[[Working], Sequence[Tensor]]) -> tuple[Tensor, ...]:
        """One call of the model for each of `groups`; its tensors, their rows in the step's order.

        With `grouped=True` no row is padded, so that no mask is needed.
        """
        made = [as_tuple(model(group), "what the model made") for group in self.groups]
        if len({len(one) for one in made}) > 1:
            raise KVCacheValueError("the model made unequal numbers of tensors for its groups")
        return tuple([in_order(self.groups, each) for each in zip(*made, strict=True)])

    def children(
        self,
        *appended: Tensor,
        ids: Iterable[SupportsIndex] | None = None,
        outputs: Iterable[object] | None = None,
    ) -> tuple[Node, ...]:
        """The nodes that this step leads to: each row's window is stored as theirs.

        Args:
            appended: a tensor, or several, (rows, ...): what tells the children of one parent
                apart, an action and an observation, say; the last are their latent states.
            ids: numbers of your own, which name the nodes instead.
            outputs: what the model put out for each row, for whoever searches from it.
        """
        self._children = self.contexts.handles.following(self._parents, appended, ids, outputs)
        return self._children

    def _store(self) -> None:
        """Every row's new window, under its child's key; made before the first is stored."""
        new, children = self.contexts.new, self._children
        if children is None:
            raise KVCacheValueError("children() was not called: nothing tells what to store where")
        keys = self.contexts.handles.keys(children)
        self.contexts.handles.require_same_making(children, keys)
        windows = self._windows(new)
        homes = self._homes
        self.contexts.require_one_history(homes, keys, windows)
        with self._together(homes):
            self.contexts.store(list(map(Entry, homes, keys, children, windows)))
        self.contexts.handles.remember(children, keys)
        if not self._recurrent:
            self.contexts.handles.rooted(children, keys)
            # what is remembered of recur's entries goes as the next search begins
            self.contexts.handles.forget(self.contexts.manager.pools)

    def _together(self, homes: Sequence[WindowPool]) -> AbstractContextManager[object]:
        """Where a set may fail, after others have been done: by an `on_evict`, by a copy, or for
        want of room."""
        may_fail = [
            pool
            for pool in homes
            if pool._on_evict or pool._ownership in COPYING or len(pool) == pool._pool_size
        ]
        return all_or_nothing({pool.name: pool for pool in homes}.values() if may_fail else ())

    def _windows(self, new: int) -> list[KeysValues]:
        """Every row's window, in the order of the rows."""
        with durable(), torch.no_grad():
            made = {
                row: window
                for group in self.groups
                for row, window in zip(group.rows, group.windows(new), strict=True)
            }
        return [made[row] for row in range(len(self.nodes))]
