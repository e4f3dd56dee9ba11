"""How contents are copied, kept and compared."""

import subprocess
import sys
from typing import cast

import numpy as np
import pytest
import torch

from kvref import KVCacheTypeError, KVCacheValueError
from kvref.shadow import alike, copied, snapshot
from kvref.tensors import KeysValues, close, contents
from tests.support.paths import ROOT

ONES = torch.ones(2, 3)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1, True),
        (1, 2, False),
        (1, 1.0, False),
        ("a", b"a", False),
        (ONES, torch.ones(2, 3), True),
        (ONES, torch.zeros(2, 3), False),
        (ONES, torch.ones(3, 2), False),
        (ONES, torch.ones(1, 3), False),
        (ONES, torch.ones(2, 3, dtype=torch.float64), False),
        (ONES, ONES + 1e-6, False),
        ([ONES, 1], [torch.ones(2, 3), 1], True),
        ((ONES,), (ONES, ONES), False),
        ({"k": ONES}, {"k": torch.ones(2, 3)}, True),
        ({"k": ONES}, {"v": ONES}, False),
        ({"k": ONES}, {"k": torch.zeros(2, 3)}, False),
        (np.ones(3), np.ones(3), True),
        (np.ones(3), np.zeros(3), False),
        (np.ones(3), np.ones((3, 1)), False),
    ],
)
def test_alike(one: object, other: object, equal: bool) -> None:
    assert alike(one, other) is equal
    assert alike(other, one) is equal
    if equal or not isinstance(one, torch.Tensor):
        assert close()(one, other) is equal


def test_close_allows_what_it_says_and_no_more() -> None:
    near, far = ONES + 1e-3, ONES + 1
    assert close(rtol=0.01)([ONES, {"k": ONES}], [near, {"k": near}])
    assert not close(rtol=0.01)([ONES, ONES], [near, far])
    assert not close(rtol=1e-5)(ONES, near)
    assert close(0, 2)(ONES, far)
    assert not close(0, 2)(ONES, torch.ones(3, 2))
    assert not close(0, 2)(ONES, torch.ones(2, 3, dtype=torch.float64))
    with pytest.raises(KVCacheValueError, match="rtol must be at least 0"):
        close(-1)
    with pytest.raises(KVCacheTypeError, match=r"^atol must be a number, not 'much'"):
        close(atol=cast(float, "much"))
    with pytest.raises(KVCacheValueError, match=r"^rtol must be ordered"):
        close(float("nan"))


class Nameless:
    pass


def test_a_snapshot_does_not_change() -> None:
    tensor, listed = torch.ones(2), [[1]]
    kept = snapshot(tensor), snapshot(listed)
    tensor.zero_()
    listed[0].append(2)
    assert torch.equal(torch.ones(2), torch.as_tensor(kept[0]))
    assert kept[1] == [[1]]
    with pytest.raises(KVCacheTypeError, match="compares by identity"):
        snapshot(Nameless())


def window(tokens: int) -> KeysValues:
    made = KeysValues(1, 2, 4, 4, 2)
    for layer in made:
        layer.update(torch.ones(1, 2, tokens, 2), torch.zeros(1, 2, tokens, 2))
    return made


def test_what_a_window_holds() -> None:
    one = window(3)
    mark, before = one.mark(), contents(one)
    assert snapshot(one) == one.fingerprint()
    assert before.shape == (4, 1, 2, 3, 2)
    assert torch.equal(before[0], one[0].get()[0])
    assert one.written_since(mark) is None
    one[0].update(torch.ones(1, 2, 1, 2), torch.ones(1, 2, 1, 2))
    one[1].update(torch.ones(1, 2, 1, 2), torch.ones(1, 2, 1, 2))
    assert not close()(before, contents(one))
    assert close()(before, contents(window(3)))
    assert contents(KeysValues(1, 2, 4, 4, 2)).shape == (4, 1, 2, 0, 2)


def test_a_copy_shares_nothing() -> None:
    one, listed = window(2), [[1]]
    assert copied(one).fingerprint() == one.fingerprint()
    assert copied(one) is not one
    copied(listed)[0].append(2)
    assert listed == [[1]]


def test_importing_it_stays_light() -> None:
    code = "import kvref.shadow, sys; sys.exit('torch' in sys.modules or 'spec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
