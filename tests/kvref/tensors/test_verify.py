"""What `verify` has to see: every write that torch counts, however the window was made."""

from collections.abc import Callable
from copy import copy

import pytest
import torch
import torch.utils.dlpack

from kvref import IntegrityError, KVCachePool, Ownership
from kvref.tensors import KeysValues
from tests.support.making import filled, mode, sealed, tokens_of

WRITES: dict[str, Callable[[KeysValues], object]] = {
    "a view": lambda kv: kv[0].get()[0].zero_(),
    "a view of a view": lambda kv: kv[0].get()[0][0, 0].mul_(0),
    "pieces": lambda kv: kv.pieces()[0].zero_(),
    "one piece": lambda kv: kv.pieces()[-1][0, 0, 0, 0].fill_(9.0),
}
WINDOWS: dict[str, Callable[[], KeysValues]] = {
    "sealed": lambda: sealed(filled()),
    "extended": lambda: sealed(filled()).extended(torch.randn(4, 1, 2, 3, 4)),
    "fork": lambda: sealed(forked()),
    "clone": lambda: sealed(sealed(filled()).clone()),
    "copy": lambda: copy(sealed(filled())),
    "little of much": lambda: sealed(filled(size=1, capacity=64)),
}


def forked() -> KeysValues:
    kv = sealed(filled()).fork()
    for layer in kv:
        layer.update(tokens_of(2.0, 1), tokens_of(2.0, 1))
    return kv


JOINED = "extended", "fork"  # of several pieces: get() joins them, and hands out a copy
CASES = [(n, w) for n in WINDOWS for w in WRITES if n not in JOINED or "view" not in w]


@pytest.mark.parametrize("making", ["inference", "no_grad"])
@pytest.mark.parametrize(("name", "write"), CASES)
def test_verify_sees_every_write_that_torch_counts(name: str, write: str, making: str) -> None:
    with mode(making):
        window = WINDOWS[name]()
    pool: KVCachePool[KeysValues] = KVCachePool(2, ownership=Ownership.SEALED, verify=True)
    pool.set(1, window)
    assert pool.get(1) is window
    with mode(making):
        WRITES[write](window)
    with pytest.raises(IntegrityError, match="key 1 was written into"):
        pool.get(1)
