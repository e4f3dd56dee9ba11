"""The specification's tokens as keys and values, and back.

A token's K and V are made from its identity, so that what a window holds can be read back: in part
p (K of layer 0, V of layer 0, ...) token t is the number 8 t + p; of several heads, or heads wider
than one, each element says which it is, too.
"""

from typing import Final

import torch
from torch import Tensor

from kvref.tensors import KeysValues
from spec.window import Columns, Part, Token

STRIDE: Final = 8  # parts that can be told apart


def rows(tokens: Columns, part: int, heads: int = 1, head_dim: int = 1) -> Tensor:
    """Tokens as K or V: (samples, heads, tokens, head_dim)."""
    samples = len(tokens[0]) if tokens else 1
    values = torch.tensor(tokens, dtype=torch.float32).reshape(len(tokens), samples)
    told = (values.T * STRIDE + part)[:, None, :, None]
    return told * (heads * head_dim) + elements(heads, head_dim)


def elements(heads: int, head_dim: int) -> Tensor:
    """The number of each element of one token: (1, heads, 1, head_dim)."""
    return torch.arange(heads * head_dim, dtype=torch.float32).view(1, heads, 1, head_dim)


def columns(tensor: Tensor, part: int) -> Columns:
    """What `rows` was made from; -1 for what no token of this part can be, in all its elements."""
    samples, heads, tokens, head_dim = tensor.shape
    place = elements(heads, head_dim).to(tensor.device)
    numbers = ((tensor.double() - place) / (heads * head_dim) - part) / STRIDE
    told = numbers.permute(2, 0, 1, 3).reshape(tokens, samples, heads * head_dim)
    one = told[..., 0]
    right = (told == one[..., None]).all(-1) & (one == one.round()) & (one >= 0)
    kept = torch.where(right, one, torch.full_like(one, -1)).tolist()
    return tuple(tuple(Token(int(number)) for number in column) for column in kept)


def written(new: Columns, samples: int, layers: int) -> list[tuple[Tensor, Tensor]]:
    """K and V of these tokens, layer by layer."""
    return [(rows(new, 2 * layer), rows(new, 2 * layer + 1)) for layer in range(layers)]


def part_of(kv: KeysValues, row: int, length: int, first: int) -> Part:
    """The newest tokens of a row; -1 where the parts disagree."""
    parts = [part for layer in kv for part in layer.get()]
    told = [columns(part[row : row + 1], number) for number, part in enumerate(parts)]
    kept = [one[len(one) - length :] for one in told]
    agreed = all(one == kept[0] for one in kept)
    return Part(kept[0] if agreed else ((Token(-1),),), first)
