"""K1 to K3: keys depend on the bytes in C order, and on nothing else."""

import array
import ctypes
import os
import subprocess
import sys
from typing import Any, cast

import numpy as np
import pytest
import torch

from kvref import KVCachePool, KVCacheTypeError, hash_state

# xxh64, seed 0: the empty input and "abc" are published test values of the algorithm.
EMPTY = 0xEF46DB3751D8E999
ABC = 0x44BC2CF5AD770999


def test_published_values() -> None:
    assert hash_state(b"") == EMPTY
    assert hash_state(b"abc") == ABC


def test_anything_with_bytes_gives_the_same_key() -> None:
    data = bytes(range(97, 100))
    assert hash_state(bytearray(data)) == ABC
    assert hash_state(memoryview(data)) == ABC
    assert hash_state(array.array("B", data)) == ABC
    assert hash_state(np.frombuffer(data, "u1")) == ABC


def test_memory_layout_does_not_matter() -> None:
    latent = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    key = hash_state(latent)
    assert hash_state(np.asfortranarray(latent)) == key
    assert hash_state(np.repeat(latent, 2, axis=2)[:, :, ::2]) == key
    assert hash_state(latent[::-1][::-1]) == key
    assert hash_state(latent.transpose(2, 0, 1).copy().transpose(1, 2, 0)) == key
    assert hash_state(latent.T) != key


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u8", "?", "c8"])
def test_every_plain_dtype(dtype: str) -> None:
    latent = np.arange(6).astype(dtype).reshape(2, 3)
    assert hash_state(np.asfortranarray(latent)) == hash_state(latent.tobytes())


def test_shape_and_dtype_are_not_distinguished() -> None:
    """K3: only bytes are. The salted variant that tells them apart belongs to the tensor layer."""
    latent = np.zeros(4, dtype=np.float32)
    assert hash_state(latent) == hash_state(latent.reshape(2, 2)) == hash_state(np.zeros(2, "f8"))


def test_scalars_and_empty_arrays() -> None:
    assert hash_state(np.array(1.5)) == hash_state(np.array([1.5]))
    assert hash_state(np.zeros((0, 3))) == EMPTY


def test_the_same_key_in_every_process() -> None:
    code = "from kvref import hash_state; print(hash_state(b'abc'))"
    for seed in ("0", "1", "random"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(run.stdout) == ABC


MIXED = np.array([(1, object())], dtype=[("a", "i4"), ("b", "O")])


@pytest.mark.parametrize(
    "bad",
    [
        "text",
        3,
        None,
        [1.0],
        np.array([object()]),
        MIXED,
        np.zeros(2, dtype=[("when", "M8[s]"), ("what", "O")]),  # offers no buffer at all
        (ctypes.py_object * 2)(),  # offers one, of addresses
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_has_no_plain_bytes_is_refused(bad: object) -> None:
    with pytest.raises(KVCacheTypeError):
        hash_state(bad)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    "state",
    [
        np.array(["2026-01-01", "2026-01-02"], "datetime64[D]"),
        np.array([1, 2], "timedelta64[s]"),
        np.array([(1, 2.0)], dtype=[("O", "i4"), ("b", "f8")]),
        np.array(["text", "more"]),
        np.array([b"ab"], "S4"),
        np.zeros((2, 3), order="F"),
        np.zeros((0, 3)),
        np.array(3.0),
        np.arange(10)[::-2],
        np.float16(0.5),
        np.array([1 + 2j]),
        np.frombuffer(b"abcdefgh", "V8"),
    ],
    ids=lambda state: str(state.dtype),
)
def test_every_array_with_plain_bytes_has_a_key(state: np.ndarray[Any, Any]) -> None:
    """K1: its bytes in C order, also where no buffer format names its type."""
    assert hash_state(state) == hash_state(state.tobytes())
    assert hash_state(state.copy()) == hash_state(state)


def test_bools_of_any_library_are_no_keys() -> None:
    for bad in (True, np.bool_(True), torch.tensor(True)):
        with pytest.raises(KVCacheTypeError, match="cache_key must be an integer"):
            KVCachePool[str](1).get(cast(int, bad))
