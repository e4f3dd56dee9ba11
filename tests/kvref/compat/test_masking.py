"""The attention, mended: rows of unequal length beside each other see what each alone would."""

from typing import cast

import pytest
import torch
from torch import Tensor

from kvref.compat.lightzero import masking
from kvref.compat.lightzero.masking import attend, mend
from kvref.compat.lightzero.published import Replacements, as_world_model
from kvref.tensors import KeysValues, align, attention_mask, split
from tests.support.standin.attention import Attention, Config, apply_rotary_emb, turns
from tests.support.standin.transformer import Block
from tests.support.standin.world_model import WorldModel

LENGTHS = (1, 5, 3)
PLACES = torch.tensor([[4, 5], [9, 10], [0, 1]])


def attention_of(rotary: bool) -> Attention:
    model = WorldModel(Config(rotary_emb=rotary))
    return cast(Block, model.transformer.blocks[0]).attn


def mended(attention: Attention) -> masking.Attention:
    return cast(masking.Attention, attention)


def window(rows: int, tokens: int, seed: int) -> KeysValues:
    made = KeysValues(rows, 2, 8, 16, 1, "cpu")
    generator = torch.Generator().manual_seed(seed)
    made[0].update(*torch.randn(2, rows, 2, tokens, 8, generator=generator))
    return made


def turned(rotary: bool, rows: slice) -> Tensor | None:
    return turns(PLACES[rows], 8) if rotary else None


@torch.no_grad()
@pytest.mark.parametrize("rotary", [True, False])
@pytest.mark.parametrize("told", ["lengths", "numbers", "mask"])
def test_each_row_sees_what_it_would_alone(rotary: bool, told: str) -> None:
    attention = attention_of(rotary)
    x = torch.randn(3, 2, 16, generator=torch.Generator().manual_seed(0))
    windows = [window(1, count, seed) for seed, count in enumerate(LENGTHS)]
    batch, lengths = align(windows)
    forms: dict[str, Tensor | list[int]] = {
        "lengths": torch.tensor(lengths),
        "numbers": list(lengths),
        "mask": attention_mask(lengths, 2, batch.size, "cpu"),
    }
    given = forms[told]
    own, frequencies = attention.forward, turned(rotary, slice(None))
    with pytest.raises(RuntimeError, match="of one row"):
        own(x, batch.clone()[0], given, frequencies)
    made = attend(mended(attention), own, apply_rotary_emb, x, batch[0], given, frequencies)
    grown = split(batch, [n + 2 for n in LENGTHS])
    for row, alone in enumerate(windows):
        own_turns = turned(rotary, slice(row, row + 1))
        expected = own(x[row : row + 1], alone[0], None, own_turns)
        assert torch.allclose(made[row : row + 1], expected, atol=1e-6)
        for one, other in zip(grown[row][0].get(), alone[0].get(), strict=True):
            assert torch.allclose(one, other, atol=1e-6)


@torch.no_grad()
def test_without_lengths_it_is_the_published_one() -> None:
    model = WorldModel(Config(rotary_emb=False))
    attention = cast(Block, model.transformer.blocks[0]).attn
    x = torch.randn(3, 2, 16, generator=torch.Generator().manual_seed(0))
    expected = attention(x), attention(x, window(3, 2, 0)[0])
    replacements = Replacements()
    mend(as_world_model(model), replacements)
    assert "forward" in vars(attention)
    assert torch.equal(attention(x), expected[0])
    assert torch.equal(attention(x, window(3, 2, 0)[0]), expected[1])
    replacements.undo()
    assert "forward" not in vars(attention)


def test_a_model_in_training_drops_out() -> None:
    attention = attention_of(False)
    attention.attn_drop.p = attention.resid_drop.p = 0.9
    x, made = torch.ones(3, 2, 16), list[Tensor]()
    for training in (False, False, True):
        attention.train(training)
        batch, lengths = align([window(1, count, seed) for seed, count in enumerate(LENGTHS)])
        own = attention.forward
        call = attend(mended(attention), own, apply_rotary_emb, x, batch[0], list(lengths))
        made.append(call)
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[1], made[2])
