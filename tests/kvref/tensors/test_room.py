"""How much storage windows keep alive, and how much they copy."""

import pytest
import torch
import torch.utils.dlpack

from kvref.tensors import KeysValues
from tests.support.making import filled, sealed, tokens_of


def held_by(kv: KeysValues) -> int:
    """Bytes of every storage that its tokens lie in."""
    storages = {t.untyped_storage()._cdata: t.untyped_storage().nbytes() for t in kv._tensors()}
    return sum(storages.values())


def needed(kv: KeysValues) -> int:
    samples, heads, size, width = kv.shape
    return 2 * len(kv) * samples * heads * size * width * 4


@pytest.mark.parametrize("order", ["layers in turn", "layer after layer", "as it comes"])
def test_a_fork_holds_twice_what_was_appended_at_most(order: str) -> None:
    """Its copies add up to less than twice of it, too: room is doubled."""
    with torch.no_grad():
        kv = KeysValues(1, 2, 400, 8, 6)
        for layer in kv:
            layer.update(tokens_of(0.0, 1), tokens_of(0.0, 1))
        fork = sealed(kv).fork()
        turns = {
            "layers in turn": [(n, 1) for _ in range(20) for n in range(6)],
            "layer after layer": [(n, 1) for n in range(6) for _ in range(20)],
            "as it comes": [((7 * n) % 6, 1) for n in range(120)],
        }[order]
        for layer_number, new in turns:
            fork[layer_number].update(tokens_of(1.0, new), tokens_of(1.0, new))
        assert fork.size == 21
        assert held_by(fork) <= 2.5 * needed(fork) + held_by(kv)


@pytest.mark.parametrize("kept", [1, 3, 7, 8])
def test_a_sealed_window_keeps_no_more_than_twice_its_tokens(kept: int) -> None:
    """After dropping, after being cut out of a larger storage, after a long chain."""
    with torch.no_grad():
        much = filled(size=64, capacity=64)
        chain = sealed(filled(size=8, capacity=8))
        for _ in range(kept):
            chain = chain.extended(torch.randn(4, 1, 2, 20, 4)[:, :, :, 3:4])
        windows = [chain, sealed(filled(size=kept, capacity=64))]
        much.remove_register_tokens(64 - kept)
        windows.append(sealed(much))
        for kv in windows:
            assert held_by(kv) <= 2 * needed(kv), kv
