"""A search of windows with another manager beside it: not a bit of what it computes changes."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from kvref import KVCacheManager, Ownership
from kvref.ranks import Priority
from kvref.shadow import ManagerSide, Mode, OnDivergence, Shadow, Verdict
from kvref.tensors import KeysValues, Missing, SearchSession, close, contents

ENVS, SIMULATIONS, WIDTH = 2, 4, 4


def manager(ownership: Ownership) -> KVCacheManager[KeysValues]:
    config = SimpleNamespace(game_segment_length=6, num_simulations=SIMULATIONS)
    return KVCacheManager(config, ENVS, ownership=ownership)


def append(tokens: Tensor, window: KeysValues) -> Tensor:
    """What a model does: attends to all tokens, and appends its own."""
    seen = sum(part.sum(dim=(1, 2, 3)) for layer in window for part in layer.get())
    new = torch.tanh(tokens + torch.as_tensor(seen).reshape(-1, 1))
    for layer in window:
        layer.update(new.view(-1, 1, 1, WIDTH), 2 * new.view(-1, 1, 1, WIDTH))
    return new


def rebuild(missing: Missing) -> list[KeysValues]:
    windows = []
    for latent in missing.latents:
        windows.append(KeysValues(1, 1, 6, WIDTH, 2))
        append(latent.view(1, WIDTH), windows[-1])
    return windows


def searched(used: KVCacheManager[KeysValues]) -> list[Tensor]:
    """Every latent of some searches."""
    torch.manual_seed(0)
    session = SearchSession(used, rebuild, context_length=6, tokens_per_step=2)
    told = []
    for _ in range(3):
        nodes = session.root(range(ENVS), torch.randn(ENVS, WIDTH)).nodes
        for _ in range(SIMULATIONS):
            with session.step(nodes) as step:
                actions = torch.randn(ENVS, WIDTH)
                latents = append(append(actions, step.keys_values), step.keys_values)
                nodes = step.children(actions, latents)
            told.append(latents)
    session.close()
    return told


class Spoils(ManagerSide[KeysValues]):
    """It writes into what it is given."""

    def set(self, pool: str, key: int, value: KeysValues, priority: Priority | None = None) -> int:
        slot = super().set(pool, key, value, priority)
        value.reset()
        return slot


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.COMPARE])
@pytest.mark.parametrize("spoils", [True, False])
def test_every_bit_stays(mode: Mode, spoils: bool) -> None:
    expected = searched(manager(Ownership.SEALED))
    primary = manager(Ownership.SEALED)
    candidate = manager(Ownership.REFERENCE if spoils else Ownership.COPY)
    side = Spoils(candidate) if spoils else ManagerSide(candidate)
    shadow = Shadow(
        ManagerSide(primary),
        side,
        mode,
        snapshot=contents,
        same=close(0, 0),
        on_divergence=OnDivergence.COUNT,
    )
    primary.observe(shadow)
    for one, other in zip(searched(primary), expected, strict=True):
        assert torch.equal(one, other)
    assert (shadow.compared > 0) == (mode is Mode.COMPARE)
    differing = {verdict for verdict, count in shadow.counts.items() if count}
    assert differing == ({Verdict.CONTENTS} if spoils and mode is Mode.COMPARE else set())
