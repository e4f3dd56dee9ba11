"""P8 under fault injection: windows, batches and sessions, at every operation of torch.

Each operation that torch is asked for stands for an allocation that fails. Session steps also
call `rebuild`, `keys` and `on_evict`.
"""

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from kvref import KVCacheManager, Ownership
from kvref.tensors import KeysValues, KVCache, Missing, SearchSession, Step, align, split
from kvref.tensors.cache import Cache
from tests.support.faults import Faults, every_point
from tests.support.night import NIGHT

CONFIG = SimpleNamespace(game_segment_length=2, num_simulations=2)


class FailingTorch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's is untyped
    """Every operation of torch is a call-out first."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's is untyped
        self.faults = faults

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        self.faults()
        return func(*args, **(kwargs or {}))


class Held:
    """Windows, and what is to be done with them."""

    def __init__(self, faults: Faults, *windows: KeysValues) -> None:
        self.faults, self.windows = faults, windows

    def under(self, operation: Callable[["Held"], object]) -> None:
        with FailingTorch(self.faults):
            operation(self)


def tokens(samples: int, new: int, seed: float = 0.0) -> Tensor:
    return torch.arange(samples * 2 * new * 2.0).reshape(samples, 2, new, 2) + seed


def filled(size: int, samples: int = 2, capacity: int = 4) -> KeysValues:
    kv = KeysValues(samples, 2, capacity, 4, 2)
    for layer in kv:
        if size:
            layer.update(tokens(samples, size), -tokens(samples, size))
    return kv


def forked(size: int, own: int = 0) -> KeysValues:
    kv = filled(size)
    kv.seal()
    fork = kv.fork()
    for layer in fork:
        layer.update(tokens(2, own, 50), -tokens(2, own, 50))
    return fork


def contents(held: Held) -> object:
    """What is there, what has been dropped, what is sealed, and how often it was written."""
    with torch.no_grad():
        return [
            (
                [[part.get().tolist(), part.first] for layer in kv for part in layer.parts],
                kv.sealed,
                kv.mark(),
            )
            for kv in held.windows
        ]


def appending(new: int) -> Callable[[Held], object]:
    def operation(held: Held) -> None:
        held.windows[0][1].update(tokens(2, new, 9), -tokens(2, new, 9))

    return operation


def extending(held: Held) -> object:
    return held.windows[0].extended(torch.ones(4, 2, 2, 1, 2))


WINDOWS: dict[str, tuple[Callable[[], KeysValues], Callable[[Held], object]]] = {
    "update with room": (lambda: filled(1), appending(2)),
    "update of an overflow": (lambda: filled(4), appending(1)),
    "update that replaces all": (lambda: filled(4), appending(4)),
    "update of a fork": (lambda: forked(2), appending(1)),
    "update of a fork that has room": (lambda: forked(1, 2), appending(1)),
    "update of a fork that overflows": (lambda: forked(3, 1), appending(2)),
    "one part": (lambda: filled(3), lambda held: held.windows[0][0].parts[0].update(tokens(2, 2))),
    "prune": (lambda: filled(3), lambda held: held.windows[0].prune([True, False])),
    "prune of a layer": (lambda: filled(3), lambda held: held.windows[0][0].prune([False, True])),
    "reset": (lambda: filled(3), lambda held: held.windows[0].reset()),
    "remove": (lambda: forked(2, 1), lambda held: held.windows[0].remove_register_tokens(2)),
    "seal of little": (lambda: filled(1), lambda held: held.windows[0].seal()),
    "seal of much": (lambda: filled(3), lambda held: held.windows[0].seal()),
    "seal of a fork": (lambda: forked(1, 1), lambda held: held.windows[0].seal()),
    "clone": (lambda: filled(3), lambda held: held.windows[0].clone()),
    "copy": (lambda: filled(3), lambda held: copy.copy(held.windows[0])),
    "deepcopy": (lambda: forked(2, 1), lambda held: copy.deepcopy(held.windows[0])),
    "fingerprint": (lambda: filled(3), lambda held: held.windows[0].fingerprint()),
    "split": (lambda: filled(3), lambda held: split(held.windows[0], [1, 3])),
    "align": (lambda: filled(3), lambda held: align([held.windows[0], filled(1)])),
}


def sealed(size: int) -> KeysValues:
    kv = filled(size)
    kv.seal()
    return kv


WINDOWS["extend"] = (lambda: sealed(3), extending)
WINDOWS["extend that drops"] = (lambda: sealed(4), extending)
WINDOWS["fork"] = (lambda: sealed(3), lambda held: held.windows[0].fork().clone())
WINDOWS["layers of a sealed one"] = (lambda: sealed(3), lambda held: held.windows[0][0].get())


@pytest.mark.parametrize("gradients", [False, True], ids=["", "gradients"])
@pytest.mark.parametrize("name", WINDOWS)
def test_a_window_at_every_allocation(name: str, gradients: bool) -> None:
    make, operation = WINDOWS[name]
    with torch.set_grad_enabled(gradients):
        points = every_point(
            lambda faults: Held(faults, make()), lambda held: held.under(operation), contents
        )
    assert points or name in ("reset", "remove", "seal of a fork"), "nothing could fail"


class Searching:
    """A session with two roots in init, and a step of it that is open where that is wanted."""

    def __init__(self, faults: Faults, ownership: Ownership, entered: bool) -> None:
        self.faults = faults
        self.manager: KVCacheManager[KeysValues] = KVCacheManager(CONFIG, 2, ownership=ownership)
        self.session = SearchSession(self.manager, self.rebuild, context_length=6, keys=self.keys)
        self.latents = torch.arange(4.0).reshape(2, 2)
        self.session.root([0, 1], self.latents)
        self.manager.set_recur_cache(-1, filled(1, samples=1))
        for pool in self.manager.pools:
            pool.on_evict = lambda departure: self.faults()
        self.open: Step = self.session.step([0, 1], self.latents + 9 * (not entered))
        if entered:
            self.open.__enter__()
            for layer in self.open.keys_values:
                layer.update(tokens(2, 2), tokens(2, 2))
            self.open.children(self.latents + 1)

    def keys(self, env_ids: tuple[int, ...], latents: Tensor) -> list[int]:
        self.faults()
        return [int(latent.sum()) * 2 + env for env, latent in zip(env_ids, latents, strict=True)]

    def rebuild(self, missing: Missing) -> list[KeysValues]:
        self.faults()
        return [filled(3, samples=1, capacity=6) for _ in missing.rows]


def pools(searching: Searching) -> object:
    """Every entry, with its contents, and every count."""
    m, told = searching.manager, []
    for pool in m.pools:
        entries = [(one.key, one.slot, one.value.fingerprint()) for one in pool.residents()]
        told.append((pool.name, entries, pool.stats and pool.stats.as_dict()))
    return told, m.lookup_stats and m.lookup_stats.as_dict()


SEARCHES: dict[str, tuple[bool, Callable[[Searching], object]]] = {
    "root, found": (False, lambda s: s.session.root([0, 1], s.latents)),
    "root, rebuilt": (False, lambda s: s.session.root([0, 1], s.latents + 5)),
    "step, rebuilt": (False, lambda s: s.open.__enter__()),
    "children": (True, lambda s: s.open.children(s.latents + 2)),
    "store": (True, lambda s: s.open.__exit__(None, None, None)),
    "end of an episode": (False, lambda s: s.session.end_episode(0)),
}


@pytest.mark.parametrize("ownership", list(Ownership)[:: 1 if NIGHT else 3])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_session_at_every_call_out(name: str, ownership: Ownership) -> None:
    entered, operation = SEARCHES[name]

    def run(searching: Searching) -> None:
        with torch.no_grad(), FailingTorch(searching.faults):
            operation(searching)

    assert every_point(lambda faults: Searching(faults, ownership, entered), run, pools) > 0


def test_the_harness_finds_a_planted_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """K, then V: what kvref itself did before it was attacked."""

    def one_by_one(self: KVCache, k: Tensor, v: Tensor) -> None:
        for part, x in zip(self.parts, (k, v), strict=True):
            Cache.update(part, x)

    monkeypatch.setattr(KVCache, "update", one_by_one)
    for name in ("update with room", "update of an overflow"):
        with pytest.raises(AssertionError, match="half done"):
            test_a_window_at_every_allocation(name, False)
