"""One simulation: from the lookup of the parents to the storing of their children."""

from collections.abc import Sequence
from types import TracebackType

import torch
from torch import Tensor

from kvref.errors import KVCacheValueError
from kvref.tensors.batch import align, attention_mask, taken
from kvref.tensors.blocks import Block, durable, on
from kvref.tensors.contexts import Contexts, Source
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.layout import Held


class Step:
    """A simulation's working batch, from the lookup of its parents to the storing of its children.

    Ask for `mask` and `positions` before the model appends the tokens that they are for.

    Attributes, inside the `with` block:
        keys_values: the aligned contexts, a copy for the model to update in place.
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
        env_ids: tuple[int, ...],
        keys: Sequence[int],
        latents: Tensor,
        *,
        recurrent: bool,
    ) -> None:
        self.contexts = contexts
        self.env_ids = env_ids
        self._keys = keys
        self._latents = latents
        self._recurrent = recurrent
        self._children: Sequence[int] | None = None

    def __enter__(self) -> "Step":
        contexts = self.contexts
        contexts.refuse_if_open()
        found = [self._found(row) for row in range(len(self.env_ids))]
        missing = [row for row, window in enumerate(found) if window is None]
        rebuilt = dict(
            zip(missing, contexts.rebuilt(missing, self.env_ids, self._latents), strict=True)
        )
        parents = [rebuilt[row] if window is None else window for row, window in enumerate(found)]
        self._parents = [contexts.fitting(one, contexts.new) for one in parents]
        self._sharing = [one.sealed for one in parents]
        self.sources = tuple(self._source(row, window) for row, window in enumerate(found))
        for parent in self._parents:
            if parent.num_samples != 1:
                raise KVCacheValueError(f"a context must have one sample: {parent!r}")
        self.firsts = tuple(parent.first for parent in self._parents)
        buffer = contexts.buffer_for(self._parents)
        self._batch, self.lengths = align(self._parents, buffer)
        self.keys_values, self._children = self._batch, None
        self._width = max(self.lengths)
        contexts.in_use = True
        return self

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
            self._batch.retire()  # its storage is the next step's

    def _found(self, row: int) -> KeysValues | None:
        manager, env, key = self.contexts.manager, self.env_ids[row], self._keys[row]
        if self._recurrent:
            return manager.hierarchical_get(env, key)
        return manager.get_init_cache(env, key)

    def _source(self, row: int, window: KeysValues | None) -> Source:
        if window is None:
            return Source.REBUILT
        init = self.contexts.manager.init_pools[self.env_ids[row]]
        return Source.INIT if init.peek(self._keys[row]) is window else Source.RECUR

    def mask(self, new: int) -> Tensor:
        """The attention mask for the next `new` tokens; see `attention_mask`."""
        grown = self.keys_values.size - self._width
        lengths = [length + grown for length in self.lengths]
        return attention_mask(lengths, new, self.keys_values.size, self.keys_values.device)

    def positions(self, new: int) -> Tensor:
        """(rows, new): the index of each of the next `new` tokens in its row's history."""
        grown = self.keys_values.size - self._width
        starts = [f + n + grown for f, n in zip(self.firsts, self.lengths, strict=True)]
        place = self.keys_values.device
        return on(torch.tensor(starts, device="cpu"), place).unsqueeze(1) + torch.arange(
            new, device=place
        )

    def children(self, latents: Tensor) -> None:
        """The latent states that this step led to: each row's window is stored under its key."""
        _, self._children = self.contexts.rows(self.env_ids, latents)

    def _store(self) -> None:
        """Every row's new window, under its child's key; made before the first is stored."""
        new, keys = self.contexts.new, self._children
        if keys is None:
            raise KVCacheValueError("children() was not called: nothing tells what to store where")
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
        manager = self.contexts.manager
        for env, key, window in zip(self.env_ids, keys, windows, strict=True):
            if self._recurrent:
                manager.set_recur_cache(key, window, env_id=env)
            else:
                manager.set_init_cache(env, key, window)

    def _child(self, row: int, joint: Tensor, new: int) -> KeysValues:
        """The parent's tokens and the new ones: shared with a sealed parent, else all copied."""
        parent = self._parents[row]
        if self._sharing[row]:
            return parent.extended(taken(joint, row, self._width))
        size = self.lengths[row] + new
        block = Block(taken(joint, row, self._width + new - size))
        held = Held((), block, size, parent.first)
        return KeysValues._of(parent._layout, len(parent), held)
