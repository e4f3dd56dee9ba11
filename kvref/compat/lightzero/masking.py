"""The published attention, able to mask several rows; as published it raises."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, cast

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from kvref.compat.lightzero.published import Replacements, WorldModel
from kvref.tensors import KVCache, attention_mask

Projection = Callable[[Tensor], Tensor]


class AttentionConfig(Protocol):
    rotary_emb: bool


class Attention(Protocol):
    """What is used of one block's attention."""

    num_heads: int
    training: bool
    attn_drop: nn.Dropout

    @property
    def config(self) -> AttentionConfig: ...
    @property
    def query(self) -> Projection: ...
    @property
    def key(self) -> Projection: ...
    @property
    def value(self) -> Projection: ...
    @property
    def proj(self) -> Projection: ...
    @property
    def resid_drop(self) -> Projection: ...


Forward = Callable[..., Tensor]
Rotate = Callable[..., tuple[Tensor, Tensor]]


def mend(model: WorldModel, replacements: Replacements) -> None:
    """Have the attention of every block take a mask, or lengths, of as many rows as there are."""
    for block in model.transformer.blocks:
        attention = cast(Attention, block.attn)
        rotate = cast(Rotate, vars(sys.modules[type(attention).__module__])["apply_rotary_emb"])
        published = cast(Forward, cast(nn.Module, attention).forward)
        call = partial(attend, attention, published, rotate)
        replacements.method(attention, "forward", call)


def attend(
    attention: Attention,
    published: Forward,
    rotate: Rotate,
    x: Tensor,
    kv_cache: KVCache | None = None,
    valid_context_lengths: Tensor | Sequence[int] | None = None,
    freqs_cis: Tensor | None = None,
) -> Tensor:
    """Without lengths as published. `valid_context_lengths`: those of the rows' contexts, right
    aligned, or a mask (rows, 1, new, past + new) already, True where a token may look."""
    if valid_context_lengths is None or kv_cache is None:
        return published(x, kv_cache, valid_context_lengths, freqs_cis)
    rows, new, width = x.shape
    past = kv_cache.shape[2]

    def heads(projection: Projection) -> Tensor:
        return projection(x).view(rows, new, attention.num_heads, -1).transpose(1, 2)

    query, key, value = heads(attention.query), heads(attention.key), heads(attention.value)
    if attention.config.rotary_emb:
        query, key = rotate(query, key, freqs_cis=freqs_cis)
    kv_cache.update(key, value)
    mask = valid_context_lengths
    if not isinstance(mask, Tensor) or mask.dim() != 4:
        mask = attention_mask([int(one) for one in mask], new, past, x.device)
    dropout = attention.attn_drop.p if attention.training else 0.0
    seen = scaled_dot_product_attention(query, *kv_cache.get(), mask, dropout)
    return attention.resid_drop(attention.proj(seen.transpose(1, 2).reshape(rows, new, width)))
