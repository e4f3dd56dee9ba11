"""A forward pass in pieces through the cache is the whole forward pass."""

import pytest
import torch

from kvref.tensors import align, attention_mask
from spec.window import drop
from tests.system.model.oracle import recomputed, visible
from tests.system.model.passes import TOKENS, history, through
from tests.system.model.transformer import Outputs, WorldModel

CLOSE = {torch.float64: 1e-12, torch.float32: 1e-5}


@pytest.fixture(params=[False, True], ids=["absolute", "rope"])
def rope(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=[torch.float64, torch.float32], ids=str)
def model(request: pytest.FixtureRequest, rope: bool, device: str) -> WorldModel:
    return WorldModel(rope, request.param, device)


def agree(one: Outputs, other: Outputs, dtype: torch.dtype) -> bool:
    pairs = zip(one, other, strict=True)
    return all(torch.allclose(a, b, rtol=0, atol=CLOSE[dtype]) for a, b in pairs)


@torch.no_grad()
@pytest.mark.parametrize("split", range(1, TOKENS))
def test_two_pieces_are_the_whole(model: WorldModel, split: int) -> None:
    x, window = history(model, 2), model.window(2, TOKENS)
    whole = through(model, model.window(2, TOKENS), x)
    early, late = through(model, window, x[:, :split]), through(model, window, x[:, split:])
    pieces = Outputs(*(torch.cat(pair, dim=1) for pair in zip(early, late, strict=True)))
    assert agree(pieces, whole, model.dtype)
    for row in range(2):
        alone = recomputed(model, [x[row]], TOKENS)
        assert agree(Outputs(*(one[row : row + 1] for one in whole)), alone, model.dtype)


@torch.no_grad()
def test_overflowing_windows_agree_with_the_oracle(model: WorldModel) -> None:
    """Chunks of 1, 2 and 3 tokens into a window of five: each sees what was there."""
    sizes = [3, 2, 1, 2, 3, 2]
    x, window = history(model, 1, sum(sizes)), model.window(1, 5)
    chunks = list(torch.split(x[0], sizes))
    made, position = [], 0
    for chunk in chunks:
        keeps = window.size - drop(5, window.size, len(chunk))
        positions = torch.arange(position, position + len(chunk), device=model.device)[None]
        mask = attention_mask([keeps], len(chunk), keeps, model.device)
        made.append(model.run(chunk[None], positions, mask, window))
        position += len(chunk)
    pieces = Outputs(*(torch.cat(parts, dim=1) for parts in zip(*made, strict=True)))
    assert agree(pieces, recomputed(model, chunks, 5), model.dtype)


@torch.no_grad()
def test_padded_rows_are_as_if_alone(model: WorldModel) -> None:
    """B3: rows of 5, 0 and 3 tokens in one batch, each at its own positions."""
    sizes, new = (5, 0, 3), history(model, 3, 2, seed=2)
    past = history(model, 3)
    windows = []
    for row, size in enumerate(sizes):
        window = model.window(1, TOKENS)
        if size:
            through(model, window, past[row : row + 1, :size])
        windows.append(window)
    batch, lengths = align(windows)
    mask = attention_mask(lengths, 2, batch.size, model.device)
    positions = torch.tensor([[size, size + 1] for size in sizes], device=model.device)
    together = model.run(new, positions, mask, batch)
    blind = model.run(
        new, positions, torch.ones_like(mask).tril(batch.size - 2), align(windows).batch
    )
    for row, window in enumerate(windows):
        alone = through(model, window, new[row : row + 1])
        assert agree(Outputs(*(one[row : row + 1] for one in together)), alone, model.dtype)
        unmasked = Outputs(*(one[row : row + 1] for one in blind))
        assert agree(unmasked, alone, model.dtype) == (sizes[row] == max(sizes))


def test_what_the_oracle_lets_be_seen() -> None:
    """Capacity 3, chunks of 2, 1 and 2: the last two have pushed the first two out."""
    expected = [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 1, 1, 1],
    ]
    assert visible([2, 1, 2], 3).int().tolist() == expected
