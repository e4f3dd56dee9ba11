"""Published windows and kvref's, each made of the other."""

import torch
from torch import Tensor

from kvref.compat.lightzero.published import PublishedWindow, WorldModel
from kvref.tensors import KeysValues


def tokens_of(window: KeysValues | PublishedWindow) -> list[Tensor]:
    """K and V of each layer, the tokens that count."""
    if isinstance(window, KeysValues):
        return [half for layer in window for half in layer.get()]
    return [
        half._cache[:, :, : half._size]
        for layer in window._keys_values
        for half in (layer._k_cache, layer._v_cache)
    ]


def as_window(window: KeysValues | PublishedWindow) -> KeysValues:
    """A sealed window with the same tokens, which shares nothing with a published one."""
    if isinstance(window, KeysValues):
        return window
    halves = tokens_of(window)
    rows, heads, width, head_dim = window._keys_values[0]._k_cache._cache.shape
    made = KeysValues(
        rows,
        heads,
        width,
        heads * head_dim,
        len(halves) // 2,
        halves[0].device,
        dtype=halves[0].dtype,
    )
    with torch.no_grad():
        for layer, k, v in zip(made, halves[::2], halves[1::2], strict=True):
            layer.update(k, v)
    made.seal()
    return made


def given_back(window: KeysValues, model: WorldModel) -> PublishedWindow:
    """A published window of its own with the same tokens."""
    made = model.transformer.generate_empty_keys_values(window.num_samples, model.context_length)
    with torch.no_grad():
        halves = [one for each in made._keys_values for one in (each._k_cache, each._v_cache)]
        for half, tokens in zip(halves, tokens_of(window), strict=True):
            half._cache[:, :, : window.size] = tokens
            half._size = window.size
    return made


def contents(window: KeysValues | PublishedWindow) -> tuple[Tensor, ...]:
    """What a window holds now, whatever is written into it later."""
    return tuple([one.detach().clone() for one in tokens_of(window)])
