"""One simulation: from the lookup of the parents to the storing of their children."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import SupportsIndex

import torch
from torch import Tensor

from kvref.arguments import as_count
from kvref.errors import KVCacheValueError
from kvref.ownership import COPYING
from kvref.tensors.batch import MOST_TOKENS, align, attention_mask, taken
from kvref.tensors.blocks import Block, columns, durable, joined, on
from kvref.tensors.contexts import Contexts, Source, WindowPool, store
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.layout import Held
from kvref.tensors.nodes import Node
from kvref.together import all_or_nothing


class Step:
    """A simulation's working batch, from the lookup of its parents to the storing of its children.

    Ask for `mask` and `positions` before the model appends the tokens that they are for.

    Attributes:
        nodes: the parents.

    Attributes, inside the `with` block:
        keys_values: the aligned contexts, a copy for the model to update in place. It may also
            write into the tokens that are there, through `get()`: what is stored is what it left.
        lengths: how many tokens each row's context has.
        firsts: the index of each row's oldest token in its history.
        sources: where each row's context came from.
    """

    keys_values: KeysValues
    _batch: KeysValues
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
        self._children: tuple[Node, ...] | None = None

    def __enter__(self) -> "Step":
        contexts = self.contexts
        contexts.claim()
        contexts.refuse_if_open()
        contexts.require_room(list(zip(self._homes(), range(len(self.env_ids)), strict=True)))
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
        found = [init if recur is None else recur for init, recur in self._sought()]
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
        self._parents = [contexts.fitting(one, contexts.new) for one in parents]
        self._sharing = [one.sealed for one in parents]
        self.firsts = tuple(parent.first for parent in self._parents)
        self._batch, self.lengths = align(self._parents, contexts.buffer_for(self._parents))
        self.keys_values, self._children = self._batch, None
        self._width = max(self.lengths)
        self._edits = self._batch.edits()
        self.sources = tuple([self._met(row, *pair) for row, pair in enumerate(self._sought())])

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
            if not self._batch.sealed:  # sealed, it has been copied out
                self._batch.retire()  # its storage is the next step's

    def _homes(self) -> list[WindowPool]:
        """The pool that each row's child is stored in."""
        manager = self.contexts.manager
        pools = manager._recur_pool if self._recurrent else manager._init_pool
        return [pools(env) for env in self.env_ids]

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
        if self._recurrent:
            manager._met(env, key, init, recur)
        else:
            manager.init_pools[env]._met(key, init)
        if init is None and recur is None:
            return Source.REBUILT
        return Source.RECUR if init is None else Source.INIT

    def mask(self, new: SupportsIndex) -> Tensor:
        """The attention mask for the next `new` tokens; see `attention_mask`."""
        grown = self.keys_values.size - self._width
        lengths = [length + grown for length in self.lengths]
        return attention_mask(lengths, new, self.keys_values.size, self.keys_values.device)

    def positions(self, new: SupportsIndex) -> Tensor:
        """(rows, new): the index of each of the next `new` tokens in its row's history."""
        fresh = as_count(new, "new", 1, MOST_TOKENS)
        grown = self.keys_values.size - self._width
        starts = [f + n + grown for f, n in zip(self.firsts, self.lengths, strict=True)]
        place = self.keys_values.device
        return on(torch.tensor(starts, device="cpu"), place).unsqueeze(1) + torch.arange(
            fresh, device=place
        )

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
        self._children = self.contexts.handles.following(self.nodes, appended, ids, outputs)
        return self._children

    def _store(self) -> None:
        """Every row's new window, under its child's key; made before the first is stored."""
        new, children = self.contexts.new, self._children
        if children is None:
            raise KVCacheValueError("children() was not called: nothing tells what to store where")
        keys = self.contexts.handles.keys(children)
        self.contexts.handles.require_same_making(children, keys)
        if self.keys_values.num_samples != len(keys):
            raise KVCacheValueError(
                f"{len(keys)} rows are to be stored; the batch has {self.keys_values.num_samples}"
            )
        if self.keys_values.size != self._width + new or self.keys_values.first:
            raise KVCacheValueError(
                f"the model was to append {new} tokens to {self._width}; there are now "
                f"{self.keys_values.size}, and {self.keys_values.first} were dropped"
            )
        (joint,) = self.keys_values.pieces()
        with durable(), torch.no_grad():
            windows = [self._child(row, joint, new) for row in range(len(keys))]
        homes = self._homes()
        self.contexts.require_one_history(homes, keys, windows)
        with self._together(homes):
            store(list(zip(homes, keys, windows, strict=True)))
        self.contexts.handles.remember(children, keys)

    def _together(self, homes: Sequence[WindowPool]) -> AbstractContextManager[object]:
        """Where a set may fail, after others have been done: by an `on_evict`, by a copy, or for
        want of room."""
        may_fail = [
            pool
            for pool in homes
            if pool.on_evict or pool.ownership in COPYING or len(pool) == pool.pool_size
        ]
        return all_or_nothing({pool.name: pool for pool in homes}.values() if may_fail else ())

    def _child(self, row: int, joint: Tensor, new: int) -> KeysValues:
        """The parent's tokens and the new ones: shared with a sealed parent, else all copied.

        Older tokens that the model wrote are stored as it left them, whatever the parent was.
        """
        parent, size = self._parents[row], self.lengths[row] + new
        if self._sharing[row] and not self._edited(row, joint, joint.shape[3] - size):
            return parent.extended(taken(joint, row, self._width))
        block = Block(taken(joint, row, joint.shape[3] - size))
        held = Held((), block, size, parent.first)
        return KeysValues._of(parent._layout, len(parent), held)

    def _edited(self, row: int, joint: Tensor, start: int) -> bool:
        """Whether the model wrote into tokens that were there; torch's counts tell of the batch."""
        if self.keys_values is self._batch and self._batch.edits() == self._edits:
            return False
        parent = self._parents[row]
        older = columns(joint.narrow(1, row, 1), start, start + parent.size)
        return bool(parent.size) and not torch.equal(joined(parent.pieces()), older)
