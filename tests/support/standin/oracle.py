"""Every prediction anew, from its node's history of tokens, without any cache.

With rotary embeddings each token keeps what it made of those that were there when it came (W2, pair
by pair); with learned positions what is left is run afresh, from position 0 on.
"""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as attend

from spec.window import drop
from tests.support.standin.attention import apply_rotary_emb, turns
from tests.support.standin.playing import Known, Prediction
from tests.support.standin.predicting import Predicting
from tests.support.standin.transformer import Block


def chain(node: Known) -> list[Known]:
    """From the first root on."""
    return [node] if node.parent is None else [*chain(node.parent), node]


def embedded(model: Predicting, node: Known) -> tuple[Tensor, list[int]]:
    """A history's tokens (tokens, width), and their places."""
    tokens, places = list[Tensor](), list[int]()
    for one in chain(node):
        if one.action is not None:
            acted: Tensor = model.act_embedding_table(one.action)
            tokens.append(acted.reshape(-1))
            places.append(one.place - 1)
        tokens.append(one.latent)
        places.append(one.place)
    return torch.stack(tokens), places


def windows(capacity: int, total: int) -> list[tuple[int, int]]:
    """Of a history of an observation and then pairs, what each is appended to: from where to
    where."""
    start, end, told = 0, 1, [(0, 0)]
    while end < total:
        start += drop(capacity, end - start, 2)
        told.append((start, end))
        end += 2
    return told


def visible(capacity: int, total: int) -> Tensor:
    """(tokens, tokens): which may look at which."""
    mask = torch.zeros(total, total, dtype=torch.bool)
    for start, end in windows(capacity, total):
        for token in range(end, min(end + 2, total) if end else 1):
            mask[token, start : token + 1] = True
    return mask


def run(model: Predicting, x: Tensor, places: Tensor | None, mask: Tensor) -> Tensor:
    """(rows, tokens, width) -> the same."""
    rows, count, width = x.shape
    for layer in model.transformer.blocks:
        block = cast(Block, layer)
        attention, normed = block.attn, block.ln1(x)
        q, k, v = (
            attention.heads(one, normed)
            for one in (attention.query, attention.key, attention.value)
        )
        if places is not None:
            q, k = apply_rotary_emb(q, k, turns(places, width // model.num_heads))
        mixed = attend(q, k, v, attn_mask=mask)
        x = x + attention.proj(mixed.transpose(1, 2).reshape(rows, count, width))
        x = x + block.mlp(block.ln2(x))
    last: Tensor = model.transformer.ln_f(x)
    return last


def outputs(model: Predicting, nodes: Sequence[Known]) -> dict[str, Tensor]:
    """Of nodes whose histories are of one length."""
    both = [embedded(model, node) for node in nodes]
    x, places = torch.stack([one for one, _ in both]), torch.tensor([told for _, told in both])
    total = x.shape[1]
    if model.config.rotary_emb:
        made = run(model, x, places, visible(model.context_length, total))
    else:
        start, _ = windows(model.context_length, total)[-1]
        x = x[:, start:]
        count = x.shape[1]
        x = x + model.pos_emb(torch.arange(count))
        made = run(model, x, None, torch.ones(count, count, dtype=torch.bool).tril())
    last, before = made[:, -1], made[:, max(made.shape[1] - 2, 0)]
    return {
        "policy": model.head_policy(last),
        "value": model.head_value(last),
        "reward": model.head_rewards(before),
        "latent": model.latents(before),
    }


@torch.no_grad()
def errors(model: Predicting, predictions: Iterable[Prediction]) -> list[float]:
    """By how much each prediction is wrong, at most."""
    told, alike = list(predictions), dict[int, list[int]]()
    for number, one in enumerate(told):
        alike.setdefault(len(chain(one.of)), []).append(number)
    wrong = [0.0] * len(told)
    for numbers in alike.values():
        right = outputs(model, [told[number].of for number in numbers])
        for row, number in enumerate(numbers):
            wrong[number] = max(
                float((right[name][row] - one).abs().max())
                for name, one in told[number].made.items()
            )
    return wrong
