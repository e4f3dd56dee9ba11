"""The same code on a fake CUDA device: device, dtype and shape of all that comes back.

There is no data here, so what is checked is placement: nothing is made on the CPU by default, no
dtype is lost, nothing is moved that should stay. Values are checked on the CPU and, in the GPU
tier, on CUDA; so are gradients: a torch built for the CPU aborts when a graph meets a fake device.
"""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from kvref import (
    EvictionStrategy,
    KVCacheManager,
    KVCacheTypeError,
    KVCacheValueError,
    Ownership,
)
from kvref.tensors import (
    BatchBuffer,
    KeysValues,
    Missing,
    SearchSession,
    align,
    attention_mask,
    hash_state,
    split,
)
from tests.support.fake import fake_cuda

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
PLACE = torch.device("cuda:0")


@pytest.fixture
def fake() -> Iterator[str]:
    with torch.no_grad(), fake_cuda() as device:
        yield device


@pytest.fixture(params=DTYPES, ids=str)
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    found: torch.dtype = request.param
    return found


def window(device: str, dtype: torch.dtype, size: int, samples: int = 1) -> KeysValues:
    kv = KeysValues(samples, 2, 6, 8, 2, device, dtype=dtype)
    append(kv, size)
    return kv


def append(kv: KeysValues, new: int) -> None:
    samples, heads, _, width = kv.shape
    for layer in kv:
        x = torch.randn(samples, heads, new, width, device=kv.device, dtype=kv.dtype)
        layer.update(x, x)


def assert_placed(kv: KeysValues, dtype: torch.dtype, samples: int, tokens: int) -> None:
    assert (kv.device, kv.dtype) == (PLACE, dtype)
    for layer in kv:
        for part in layer.get():
            assert (part.device, part.dtype) == (PLACE, dtype)
            assert part.shape == (samples, 2, tokens, 4)


def test_the_tier_would_notice_the_cpu(fake: str) -> None:
    """Tokens on another device are refused, and torch refuses to mix devices."""
    kv = window(fake, torch.float32, 1)
    with pytest.raises(KVCacheValueError, match="must be on cuda:0, not on cpu"):
        kv[0].update(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4))
    with pytest.raises(RuntimeError, match="device"):
        torch.cat((torch.ones(1), torch.ones(1, device=fake)))


def test_windows(fake: str, dtype: torch.dtype) -> None:
    """Append, overflow, remove, prune, reset, append again."""
    kv = window(fake, dtype, 5, samples=3)
    assert_placed(kv, dtype, 3, 5)
    append(kv, 3)
    assert_placed(kv, dtype, 3, 6)
    kv.remove_register_tokens(1)
    assert_placed(kv, dtype, 3, 5)
    kv.prune([True, False, True])
    assert_placed(kv, dtype, 2, 5)
    append(kv, 2)
    assert_placed(kv, dtype, 2, 5)
    kv.reset()
    append(kv, 4)
    assert_placed(kv, dtype, 2, 4)


def test_copies(fake: str, dtype: torch.dtype) -> None:
    kv = window(fake, dtype, 5)
    assert_placed(kv.clone(), dtype, 1, 5)
    kv.seal()
    for copy in (kv, kv.clone(), kv.fork()):
        assert_placed(copy, dtype, 1, 5)
    fork = kv.fork()
    append(fork, 4)
    assert_placed(fork, dtype, 1, 5)
    shared = torch.zeros(4, 1, 2, 2, 4, device=fake, dtype=dtype)
    assert_placed(kv.extended(shared), dtype, 1, 5)


def test_batches(fake: str, dtype: torch.dtype) -> None:
    windows = [window(fake, dtype, size, samples) for size, samples in ((5, 1), (2, 2), (0, 1))]
    for into in (None, BatchBuffer(4, 2, 8, 8, 2, fake, dtype=dtype)):
        batch, lengths = align(windows, into)
        assert lengths == (5, 2, 2, 0)
        assert_placed(batch, dtype, 4, 5)
        for row, back in enumerate(split(batch, lengths)):
            assert_placed(back, dtype, 1, lengths[row])
    mask = attention_mask(lengths, 2, 5, fake)
    assert (mask.device, mask.dtype, mask.shape) == (PLACE, torch.bool, (4, 1, 2, 7))


def test_windows_of_several_devices_do_not_mix(fake: str) -> None:
    with pytest.raises(KVCacheValueError, match="device"):
        align([window(fake, torch.float32, 1), window("cpu", torch.float32, 1)])


class Config:
    game_segment_length = num_simulations = 4


@pytest.mark.parametrize("ownership", Ownership)
def test_sessions(fake: str, dtype: torch.dtype, ownership: Ownership) -> None:
    """A root, a simulation, one from a child, one from a state that is not there."""

    def rebuild(missing: Missing) -> list[KeysValues]:
        assert missing.latents.device == PLACE
        return [window(fake, dtype, 3 + row) for row in missing.rows]

    def named(env_ids: tuple[int, ...], latents: Tensor) -> list[int]:
        """Fake latents have no bytes: their shape tells them apart."""
        return [10 * latents.shape[1] + env for env in env_ids]

    manager: KVCacheManager[KeysValues] = KVCacheManager(
        Config(), 2, ownership=ownership, eviction_strategy=EvictionStrategy.LRU
    )
    session = SearchSession(manager, rebuild, context_length=6, keys=named)
    states = [torch.randn(2, width, device=fake) for width in (1, 2, 3, 4)]
    session.root([0, 1], states[0])
    for parents, children, width in ((0, 1, 4), (1, 2, 4), (3, 0, 4)):
        with session.step([0, 1], states[parents]) as step:
            assert_placed(step.keys_values, dtype, 2, width)
            assert step.mask(2).device == step.positions(2).device == PLACE
            append(step.keys_values, 2)
            step.children(states[children])
    for pool in manager.pools:
        for one in pool.residents():
            assert_placed(one.value, dtype, 1, one.value.size)


def test_keys_need_data(fake: str) -> None:
    """What has no bytes has no key: said so, rather than a key of anything."""
    with pytest.raises(KVCacheTypeError, match="no plain bytes"):
        hash_state(torch.zeros(3, device=fake))
