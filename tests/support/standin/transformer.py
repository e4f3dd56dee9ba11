"""The stand-in's transformer, to which windows of anybody's may be given."""

from collections.abc import Sequence
from typing import Protocol, SupportsInt, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.support.standin.attention import Attention, Config, LayerOfWindow, turns
from tests.support.standin.windows import Window

Lengths: TypeAlias = Tensor | Sequence[int] | None
Array: TypeAlias = NDArray[np.int64]
Steps: TypeAlias = int | Array | Sequence[int] | Sequence[Array]
"""At which step each row is; or, of reanalysis, rows of steps."""


class AnyWindow(Protocol):
    @property
    def size(self) -> int: ...
    def __getitem__(self, layer: int, /) -> LayerOfWindow: ...
    def __len__(self) -> int: ...


class Block(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.embed_dim
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(config)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(
        self, x: Tensor, past: LayerOfWindow | None, lengths: Lengths, freqs_cis: Tensor | None
    ) -> Tensor:
        x = x + self.attn(self.ln1(x), past, lengths, freqs_cis)
        grown: Tensor = x + self.mlp(self.ln2(x))
        return grown


class Transformer(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.num_layers)])
        self.ln_f = nn.LayerNorm(config.embed_dim)

    def generate_empty_keys_values(self, n: int, max_tokens: int) -> Window:
        config = self.config
        return Window(n, config.num_heads, max_tokens, config.embed_dim, config.num_layers)

    def forward(
        self,
        sequences: Tensor,
        past_keys_values: AnyWindow | None = None,
        valid_context_lengths: Lengths = None,
        start_pos: int | Sequence[SupportsInt] = 0,
    ) -> Tensor:
        rows, new, width = sequences.shape
        freqs_cis = None
        if self.config.rotary_emb:
            first = torch.tensor(numbers(start_pos, rows)).unsqueeze(1)
            freqs_cis = turns(first + torch.arange(new), width // self.config.num_heads)
        x = sequences
        for layer, block in enumerate(self.blocks):
            past = None if past_keys_values is None else past_keys_values[layer]
            x = block(x, past, valid_context_lengths, freqs_cis)
        normed: Tensor = self.ln_f(x)
        return normed


def numbers(told: int | Sequence[SupportsInt] | Array, rows: int) -> list[int]:
    """A number a row, of one number for all, of numbers, or of arrays whose first ones count."""
    if isinstance(told, int):
        return [told] * rows
    return [int(np.asarray(one).reshape(-1)[0]) for one in told]
