"""What exists on CUDA alone: streams, the allocator, synchronisation, graphs, half precision.

The rest of the GPU tier is every test of tensors that takes a `device`: `pytest -m gpu`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch

from kvref import EvictionStrategy, KVCacheManager, KVCachePool, Ownership
from kvref.tensors import (
    BatchBuffer,
    KeysValues,
    Missing,
    SearchSession,
    align,
    attention_mask,
    hash_state,
    hash_states,
    split,
)
from tests.support.making import append, contents, same, tokens, window
from tests.system.model.oracle import recomputed
from tests.system.model.passes import history, through
from tests.system.model.transformer import WorldModel

pytestmark = pytest.mark.gpu


@contextmanager
def no_synchronisation() -> Iterator[None]:
    """Whatever makes the host wait for the device raises."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_the_tier_would_notice_a_synchronisation(cuda: str) -> None:
    x = torch.ones(1, device=cuda)
    with no_synchronisation(), pytest.raises(RuntimeError, match="synchroni"):
        x.item()


@pytest.mark.parametrize("ownership", Ownership)
@pytest.mark.parametrize("verify", [False, True])
def test_pools_do_not_wait(cuda: str, ownership: Ownership, verify: bool) -> None:
    pool: KVCachePool[KeysValues] = KVCachePool(
        2, EvictionStrategy.LRU, ownership=ownership, verify=verify
    )
    windows = [window(5, device=cuda, seed=n) for n in range(4)]
    with no_synchronisation():
        for key, kv in enumerate(windows):
            pool.set(key, kv)
            found = pool.get(key)
            assert found is not None
            if found.sealed:
                found.fork()
            found.clone()
        pool.clear()


@torch.no_grad()
def test_windows_do_not_wait(cuda: str) -> None:
    """Updates, overflow, removal, pruning by a mask that is on the host."""
    kv = window(5, device=cuda, samples=2)
    new = tokens(kv, 3)
    with no_synchronisation():
        for _ in range(3):
            for layer, (k, v) in zip(kv, new, strict=True):
                layer.update(k, v)
        kv.remove_register_tokens(1)
        kv.prune([True, False])
        kv[0].get()


def test_batches_do_not_wait(cuda: str) -> None:
    windows = [window(size, device=cuda, seed=size) for size in (5, 0, 3)]
    buffer = BatchBuffer(3, 2, 6, 8, 2, cuda)
    with no_synchronisation():
        batch, lengths = align(windows, buffer)
        back = split(batch, lengths)
        mask = attention_mask(lengths, 2, device=cuda)
    assert all(same(one, other) for one, other in zip(windows, back, strict=True))
    assert torch.equal(mask.cpu(), attention_mask(lengths, 2))


class Config:
    game_segment_length = num_simulations = 4


@torch.no_grad()
def test_a_step_waits_for_its_keys_alone(cuda: str) -> None:
    """A session's one documented wait is that for the latents' bytes."""

    def rebuild(missing: Missing) -> list[KeysValues]:
        return [window(3, device=cuda, seed=row) for row in missing.rows]

    def listed(env_ids: tuple[int, ...], latents: torch.Tensor) -> list[int]:
        return [latents.shape[1] * 10 + env for env in env_ids]

    manager: KVCacheManager[KeysValues] = KVCacheManager(
        Config(), 2, ownership=Ownership.SEALED, eviction_strategy=EvictionStrategy.LRU
    )
    session = SearchSession(manager, rebuild, context_length=6, keys=listed)
    states = [torch.randn(2, width, device=cuda) for width in (1, 2, 3)]
    session.root([0, 1], states[0])
    new = tokens(window(1, device=cuda, samples=2), 2)
    with no_synchronisation():
        for parents, children in ((0, 1), (1, 2)):
            with session.step([0, 1], states[parents]) as step:
                step.mask(2)
                step.positions(2)
                for layer, (k, v) in zip(step.keys_values, new, strict=True):
                    layer.update(k, v)
                step.children(states[children])


def test_keys_are_those_of_the_cpu(cuda: str) -> None:
    latents = torch.randn(8, 768)
    assert hash_states(latents.to(cuda)) == hash_states(latents)
    assert hash_state(latents.to(cuda).t()) == hash_state(latents.t())


@torch.no_grad()
def test_writes_on_a_side_stream(cuda: str) -> None:
    """The usual discipline of streams is enough: wait before, wait after."""
    kv, other = window(6, device=cuda), window(6, device=cuda)
    new = tokens(kv, 2)
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch gives it no types
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        torch.cuda._sleep(10_000_000)  # type: ignore[no-untyped-call]  # the writes come late
        for layer, (k, v) in zip(kv, new, strict=True):
            layer.update(k, v)
        kv.seal()
        fork = kv.fork()
        append(fork, 2, seed=5)
    torch.cuda.current_stream().wait_stream(side)
    for layer, (k, v) in zip(other, new, strict=True):
        layer.update(k, v)
    assert same(kv, other)
    append(other, 2, seed=5)
    assert same(fork, other)


DEPARTURES: dict[str, Callable[[KVCachePool[KeysValues]], object]] = {
    "evicted": lambda pool: (pool.set(2, window(1)), pool.set(3, window(1))),
    "updated": lambda pool: pool.set(1, window(1)),
    "cleared": lambda pool: pool.clear(),
}


@pytest.mark.parametrize("departure", DEPARTURES)
@pytest.mark.parametrize("ownership", Ownership)
def test_device_memory_returns_to_its_baseline(
    cuda: str, departure: str, ownership: Ownership
) -> None:
    """The windows that replace it are on the host."""
    pool: KVCachePool[KeysValues] = KVCachePool(2, EvictionStrategy.FIFO, ownership=ownership)
    torch.cuda.synchronize()
    baseline = torch.cuda.memory_allocated()
    pool.set(1, window(100, capacity=100, head_dim=64, device=cuda))
    assert torch.cuda.memory_allocated() >= baseline + 2 * 2 * 2 * 64 * 100 * 4
    DEPARTURES[departure](pool)
    assert torch.cuda.memory_allocated() == baseline


def test_align_and_split_in_a_graph(cuda: str) -> None:
    """Captured once, replayed after the windows' tokens have changed in place."""
    windows = [window(size, device=cuda, seed=size) for size in (5, 2, 3)]
    buffer = BatchBuffer(3, 2, 6, 8, 2, cuda)
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # torch gives it no types
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        split(*align(windows, buffer))
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        back = split(*align(windows, buffer))
    for one in windows:
        for part in (part for layer in one for part in layer.get()):
            part.copy_(torch.randn_like(part))
    graph.replay()
    torch.cuda.synchronize()
    assert all(same(one, other) for one, other in zip(windows, back, strict=True))


@torch.no_grad()
@pytest.mark.parametrize(("dtype", "close"), [(torch.float16, 2e-2), (torch.bfloat16, 1e-1)])
@pytest.mark.parametrize("rope", [False, True], ids=["absolute", "rope"])
def test_half_precision(cuda: str, dtype: torch.dtype, close: float, rope: bool) -> None:
    """In two pieces through the cache against float64 from the whole history."""
    half, exact = WorldModel(rope, dtype, cuda), WorldModel(rope, torch.float64, cuda)
    exact.load_state_dict({name: value.double() for name, value in half.state_dict().items()})
    x, kv = history(half, 1), half.window(1, 9)
    through(half, kv, x[:, :4])
    late = through(half, kv, x[:, 4:])
    assert {part.dtype for part in contents(kv)} == {dtype}
    expected = recomputed(exact, [x[0].double()], 9)
    for got, known in zip(late, expected, strict=True):
        assert torch.allclose(got.double(), known[:, 4:], rtol=0, atol=close)
