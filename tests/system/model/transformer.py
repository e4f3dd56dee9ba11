"""A small world model: a causal transformer over observation and action tokens."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu
from torch.nn.functional import scaled_dot_product_attention as attend

from kvref.tensors import KeysValues

LAYERS, HEADS, WIDTH, ACTIONS = 2, 2, 16, 3
LONGEST = 128  # positions that the learned embedding knows


class Outputs(NamedTuple):
    """Predictions at every token given: (rows, new, ...)."""

    policy: Tensor
    value: Tensor
    latent: Tensor


def rotated(x: Tensor, positions: Tensor) -> Tensor:
    """RoPE: pairs of channels turned by an angle that grows with the position."""
    half = x.shape[-1] // 2
    speeds = 100.0 ** (-torch.arange(half, device=x.device, dtype=x.dtype) / half)
    angles = positions[:, None, :, None].to(x.dtype) * speeds
    one, two = x[..., :half], x[..., half:]
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((one * cos - two * sin, one * sin + two * cos), dim=-1)


class Attention(nn.Module):
    def __init__(self, rope: bool, width: int, heads: int) -> None:
        super().__init__()
        self.rope, self.heads = rope, heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        mask: Tensor | None,
        window: KeysValues | None,
        layer: int,
    ) -> Tensor:
        """`mask`: (rows, 1, new, all that is there), True where a token may look, or None."""
        rows, new, _ = x.shape
        projected: Tensor = self.qkv(x)
        q, k, v = projected.reshape(rows, new, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if self.rope:
            q, k = rotated(q, positions), rotated(k, positions)
        if window is not None:
            window[layer].update(k, v)
            k, v = window[layer].get()
        mixed = attend(q, k, v, attn_mask=mask)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(rows, new, -1))
        return out


class WorldModel(nn.Module):
    """Learned absolute positions, or RoPE. Predicts policy, value and the next latent state; with a
    dynamics head that starts at `zero`, one and the same for all nodes."""

    def __init__(
        self,
        rope: bool,
        dtype: torch.dtype,
        device: str,
        seed: int = 0,
        *,
        zero: bool = False,
        width: int = WIDTH,
        heads: int = HEADS,
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.attentions = nn.ModuleList(Attention(rope, width, heads) for _ in range(LAYERS))
            self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * LAYERS))
            self.mlps = nn.ModuleList(
                nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
                for _ in range(LAYERS)
            )
            self.places = None if rope else nn.Parameter(torch.randn(LONGEST, width))
            self.actions = nn.Parameter(torch.randn(ACTIONS, width))
            self.policy, self.value = nn.Linear(width, ACTIONS), nn.Linear(width, 1)
            self.latent = nn.Linear(width, width)
        if zero:
            nn.init.zeros_(self.latent.weight)
            nn.init.zeros_(self.latent.bias)
        self.to(device, dtype).requires_grad_(False)
        self.dtype, self.device, self.width, self.heads = dtype, device, width, heads

    def run(
        self, x: Tensor, positions: Tensor, mask: Tensor | None, window: KeysValues | None = None
    ) -> Outputs:
        """Tokens (rows, new, width) at these positions; with a window, appended to it."""
        if self.places is not None:
            x = x + self.places[positions]
        for layer, (attention, mlp) in enumerate(zip(self.attentions, self.mlps, strict=True)):
            x = x + attention(self.norms[2 * layer](x), positions, mask, window, layer)
            x = x + mlp(self.norms[2 * layer + 1](x))
        return Outputs(self.policy(x), self.value(x).squeeze(-1).tanh(), gelu(self.latent(x)))

    def window(self, samples: int, capacity: int) -> KeysValues:
        shape = samples, self.heads, capacity, self.width, LAYERS
        return KeysValues(*shape, self.device, dtype=self.dtype)
