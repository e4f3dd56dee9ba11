"""The usual way to keep such a cache: clone at every lookup, pad and stack layer by layer, clone
at every store. Right, and what kvref is measured against.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from kvref import KVCacheManager
from kvref.tensors import KeysValues, hash_state


class UsualSearch:
    """Roots, then steps, for all environments at once; windows are stored as clones."""

    def __init__(self, manager: KVCacheManager[KeysValues], context_length: int) -> None:
        self.manager = manager
        self.capacity = context_length

    def root(self, latents: Tensor, windows: list[KeysValues]) -> None:
        self.manager.clear_recur_cache()
        for env, (latent, window) in enumerate(zip(latents, windows, strict=True)):
            self.manager.set_init_cache(env, hash_state(latent), window.clone())

    def step(self, latents: Tensor, children: Tensor, new: list[tuple[Tensor, Tensor]]) -> None:
        """Look up the parents, append `new` tokens (layer by layer), store the children."""
        windows = [self.looked_up(env, latent) for env, latent in enumerate(latents)]
        tokens = new[0][0].shape[2]
        for window in windows:
            if window.size + tokens > self.capacity:
                trim(window, self.capacity - tokens)
        lengths = [window.size for window in windows]
        batch = stacked(windows, self.capacity)
        for layer, (k, v) in zip(batch, new, strict=True):
            layer.update(k, v)
        for row, (latent, length) in enumerate(zip(children, lengths, strict=True)):
            child = taken_out(batch, row, length + tokens, self.capacity)
            self.manager.set_recur_cache(hash_state(latent), child.clone())

    def looked_up(self, env: int, latent: Tensor) -> KeysValues:
        found = self.manager.hierarchical_get(env, hash_state(latent))
        assert found is not None
        return found.clone()


def like(window: KeysValues, samples: int, capacity: int) -> KeysValues:
    _, heads, _, head_dim = window.shape
    return KeysValues(samples, heads, capacity, heads * head_dim, len(window), dtype=window.dtype)


def trim(window: KeysValues, tokens: int) -> None:
    """Keep the newest, an even number of the others going."""
    excess = window.size - tokens
    kept = window.size - excess - excess % 2
    parts = [[part[:, :, -kept:].clone() for part in layer.get()] for layer in window]
    window.reset()
    for layer, (k, v) in zip(window, parts, strict=True):
        layer.update(k, v)


def stacked(windows: list[KeysValues], capacity: int) -> KeysValues:
    """Every layer's rows padded on the left and stacked."""
    width = max(window.size for window in windows)
    batch = like(windows[0], len(windows), capacity)
    for number, layer in enumerate(batch):
        parts = []
        for part in (0, 1):
            rows = [window[number].get()[part] for window in windows]
            padded = [pad(row, (0, 0, width - row.shape[2], 0)) for row in rows]
            parts.append(torch.cat(padded))
        layer.update(parts[0], parts[1])
    return batch


def taken_out(batch: KeysValues, row: int, tokens: int, capacity: int) -> KeysValues:
    window = like(batch, 1, capacity)
    for mine, its in zip(window, batch, strict=True):
        k, v = its.get()
        mine.update(k[row : row + 1, :, -tokens:], v[row : row + 1, :, -tokens:])
    return window
