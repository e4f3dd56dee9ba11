"""The specification's tokens as keys and values, and back.

A token's K and V are made from its identity, so that what a window holds can be read back: in part
p (K of layer 0, V of layer 0, ...) token t is the number 8 t + p.
"""

from typing import Final

import torch
from torch import Tensor

from kvref.tensors import KeysValues
from spec.window import Columns, Part, Token

STRIDE: Final = 8  # parts that can be told apart


def rows(tokens: Columns, part: int) -> Tensor:
    """Tokens as K or V: (samples, 1, tokens, 1)."""
    samples = len(tokens[0]) if tokens else 1
    values = torch.tensor(tokens, dtype=torch.float32).reshape(len(tokens), samples)
    return (values.T * STRIDE + part)[:, None, :, None]


def columns(tensor: Tensor, part: int) -> Columns:
    """What `rows` was made from; -1 for what no token of this part can be."""
    numbers = (tensor[:, 0, :, 0].T - part) / STRIDE
    return tuple(
        tuple(Token(int(n)) if float(n).is_integer() and n >= 0 else Token(-1) for n in column)
        for column in numbers.tolist()
    )


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
