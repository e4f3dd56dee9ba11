"""Windows under UniZero's names, with something in them."""

from typing import Final

import torch
from torch import Tensor

from kvref.compat.lightzero.kv_caching import KeysValues

SIZES: Final = (2, 3, 5, 6, 2)
"""Samples, heads, tokens, width of all heads, layers."""


def tokens(new: int, samples: int = 2, seed: int = 0) -> Tensor:
    made = torch.Generator().manual_seed(seed)
    return torch.randn(samples, 3, new, 2, generator=made)


def filled(new: int = 3, grad: bool = False) -> KeysValues:
    kv = KeysValues(*SIZES)
    with torch.set_grad_enabled(grad):
        for number, layer in enumerate(kv):
            layer.update(tokens(new, seed=number), -tokens(new, seed=number))
    return kv
