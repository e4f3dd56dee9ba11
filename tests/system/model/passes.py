"""Random inputs of a world model, and its forward pass behind a window."""

import torch
from torch import Tensor

from kvref.tensors import KeysValues, attention_mask
from tests.system.model.transformer import Outputs, WorldModel

TOKENS = 9


def history(model: WorldModel, rows: int, tokens: int = TOKENS, seed: int = 1) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, tokens, model.width, generator=random, dtype=torch.float64)
    return x.to(model.device, model.dtype)


def through(model: WorldModel, window: KeysValues, x: Tensor) -> Outputs:
    """These tokens behind what an unpadded window holds."""
    size, (rows, new, _) = window.size, x.shape
    positions = torch.arange(size, size + new, device=model.device).expand(rows, new)
    return model.run(x, positions, attention_mask([size] * rows, new, size, model.device), window)
