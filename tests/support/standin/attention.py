"""Attention as the published has it: told to mask several rows, it raises."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import torch
from torch import Tensor, nn


@dataclass
class Config:
    """What a stand-in is made of; small, so that contexts are full soon."""

    rotary_emb: bool = True
    continuous_action_space: bool = False
    context_length: int = 8
    env_num: int = 3
    num_simulations: int = 8
    num_layers: int = 2
    num_heads: int = 2
    embed_dim: int = 16
    action_space_size: int = 3
    num_observations_tokens: int = 1
    longest: int = 160


class LayerOfWindow(Protocol):
    @property
    def shape(self) -> tuple[int, int, int, int]: ...
    def get(self) -> tuple[Tensor, Tensor]: ...
    def update(self, k: Tensor, v: Tensor) -> None: ...


def turns(places: Tensor, head_dim: int) -> Tensor:
    """(rows, new) -> (rows, new, pairs): by how much each pair of channels is turned, complex."""
    speeds = 100.0 ** (-torch.arange(head_dim // 2) / (head_dim // 2))
    angles = places.unsqueeze(-1) * speeds
    return torch.polar(torch.ones_like(angles), angles)


def apply_rotary_emb(xq: Tensor, xk: Tensor, freqs_cis: Tensor) -> tuple[Tensor, Tensor]:
    return turned(xq, freqs_cis), turned(xk, freqs_cis)


def turned(x: Tensor, by: Tensor) -> Tensor:
    """(rows, heads, new, head_dim): first half and second half are the pairs' two channels."""
    cos, sin, half = by.real.unsqueeze(1), by.imag.unsqueeze(1), x.shape[-1] // 2
    one, two = x[..., :half], x[..., half:]
    return torch.cat((one * cos - two * sin, one * sin + two * cos), dim=-1)


class Attention(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.num_heads, width = config, config.num_heads, config.embed_dim
        self.key, self.query = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.proj = nn.Linear(width, width), nn.Linear(width, width)
        self.attn_drop, self.resid_drop = nn.Dropout(0.1), nn.Dropout(0.1)

    def heads(self, projection: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        rows, new, width = x.shape
        made = projection(x).view(rows, new, self.num_heads, width // self.num_heads)
        return made.transpose(1, 2)

    def forward(
        self,
        x: Tensor,
        kv_cache: LayerOfWindow | None = None,
        valid_context_lengths: Tensor | Sequence[int] | None = None,
        freqs_cis: Tensor | None = None,
    ) -> Tensor:
        (rows, new, width), past = x.shape, 0 if kv_cache is None else kv_cache.shape[2]
        if valid_context_lengths is not None and rows > 1:
            raise RuntimeError(f"a mask of {rows} rows is of one row")
        q, k, v = (self.heads(one, x) for one in (self.query, self.key, self.value))
        if self.config.rotary_emb:
            assert freqs_cis is not None
            q, k = apply_rotary_emb(q, k, freqs_cis)
        if kv_cache is not None:
            kv_cache.update(k, v)
            k, v = kv_cache.get()
        seen = torch.ones(new, past + new, dtype=torch.bool).tril(past)
        if valid_context_lengths is not None:
            seen[:, : past - int(valid_context_lengths[0])] = False
        scores = (q @ k.transpose(-2, -1) / sqrt(q.shape[-1])).masked_fill(~seen, float("-inf"))
        mixed = self.attn_drop(scores.softmax(dim=-1)) @ v
        put_out: Tensor = self.proj(mixed.transpose(1, 2).reshape(rows, new, width))
        dropped: Tensor = self.resid_drop(put_out)
        return dropped
