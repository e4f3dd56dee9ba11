"""Every prediction anew, from the whole history of tokens, without any cache.

A token that has left the window can no longer be seen, but those that saw it keep what they made
of it. So the oracle runs the whole history at once, and lets each token look at what was in the
window when it came: W2, applied chunk by chunk.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from spec.window import drop
from tests.system.model.transformer import Outputs, WorldModel


def visible(chunks: Sequence[int], capacity: int) -> Tensor:
    """(tokens, tokens): which may look at which, for a history of chunks of these sizes."""
    total = sum(chunks)
    mask, start, end = torch.zeros(total, total, dtype=torch.bool), 0, 0
    for new in chunks:
        start += drop(capacity, end - start, new)
        for token in range(end, end + new):
            mask[token, start : token + 1] = True
        end += new
    return mask


def recomputed(model: WorldModel, chunks: Sequence[Tensor], capacity: int) -> Outputs:
    """The predictions at every token of this history, appended chunk by chunk."""
    x = torch.cat(tuple(chunks))[None]
    mask = visible([len(chunk) for chunk in chunks], capacity).to(model.device)[None, None]
    positions = torch.arange(x.shape[1], device=model.device)[None]
    return model.run(x, positions, mask)


def left_of(chunks: Sequence[Tensor], capacity: int) -> Tensor:
    """The tokens that are left when this history has been appended chunk by chunk."""
    size = 0
    for chunk in chunks:
        size += len(chunk) - drop(capacity, size, len(chunk))
    return torch.cat(tuple(chunks))[-size:]


def afresh(model: WorldModel, chunks: Sequence[Tensor], capacity: int) -> Outputs:
    """The predictions at the tokens that are left, as though nothing had come before them."""
    x = left_of(chunks, capacity)[None]
    mask = torch.ones(1, 1, x.shape[1], x.shape[1], dtype=torch.bool, device=model.device).tril()
    return model.run(x, torch.arange(x.shape[1], device=model.device)[None], mask)
