"""K1 to K3: keys depend on the bytes in C order, and on nothing else."""

import array
import os
import subprocess
import sys

import numpy as np
import pytest

from kvref import KVCacheTypeError, hash_state

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
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_has_no_plain_bytes_is_refused(bad: object) -> None:
    with pytest.raises(KVCacheTypeError):
        hash_state(bad)  # type: ignore[arg-type]  # wrong on purpose
