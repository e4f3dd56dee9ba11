"""K1 to K3: keys of tensors."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

import kvref
from kvref import KVCacheError, KVCacheTypeError, KVCacheValueError
from kvref.tensors import hash_state, hash_states, salted_hash_state, salted_hash_states
from spec.keys import KEYS, xxh64
from spec.laws import keys_broken
from stateful_models.bugs.tensors import KEYS as EXHIBITS
from stateful_models.engines.keys import pairs
from stateful_models.reference.keys import KvrefKeys
from stateful_models.subjects.keys import KeySubject

LATENT = torch.arange(8, dtype=torch.float32)


def judged(subject: KeySubject, device: str = "cpu") -> tuple[set[str], set[str]]:
    """Laws broken, and laws whose situation occurred, over every pair of observations."""
    seen = list(pairs(subject, device))
    broken = {code for pair in seen for code in keys_broken(pair)}
    occurred = {law.code for law in KEYS if any(map(law.occurs, seen))}
    return broken, occurred


def test_keys_keep_the_laws(device: str) -> None:
    assert judged(KvrefKeys(), device) == (set(), {law.code for law in KEYS})


@pytest.mark.parametrize(("exhibit", "law"), EXHIBITS, ids=lambda e: getattr(e, "__name__", e))
def test_exhibit_is_rejected(exhibit: type[KeySubject], law: str) -> None:
    broken, _ = judged(exhibit())
    assert law in broken


def test_every_law_has_an_exhibit() -> None:
    assert {law for _, law in EXHIBITS} == {law.code for law in KEYS}


def test_fixed_keys() -> None:
    """The first was computed by xxhsum -H64 of those 32 bytes, the rest by kvref 0.1."""
    assert hash_state(LATENT) == 0xA627E270D7209670
    assert hash_state(LATENT.bfloat16()) == 0xE23EA798A83CAE4E
    assert hash_states(LATENT.reshape(2, 4)) == (0xCFFEA34249AEC64F, 0x2A1C1B39A132A1EE)
    assert salted_hash_state(LATENT, 3, 1) == 0xC08C7377E2ED525F


def test_the_specification_knows_the_published_values() -> None:
    assert xxh64(b"") == 0xEF46DB3751D8E999
    assert xxh64(b"abc") == 0x44BC2CF5AD770999
    assert xxh64(LATENT.numpy().tobytes()) == 0xA627E270D7209670


DTYPES = [
    kind
    for kind in vars(torch).values()
    if isinstance(kind, torch.dtype) and not str(kind).startswith(("torch.q", "torch.bits"))
]


@pytest.mark.parametrize("dtype", sorted(set(DTYPES), key=str), ids=str)
def test_every_dtype(dtype: torch.dtype, device: str) -> None:
    """Those of whole bytes are hashed; what torch cannot make, or packs, is refused."""
    data = bytes(range(96))
    try:
        latent = torch.frombuffer(bytearray(data), dtype=torch.uint8).view(dtype).to(device)
    except (RuntimeError, TypeError, NotImplementedError):
        pytest.skip(f"torch cannot make a tensor of {dtype} here")
    assert hash_state(latent) == xxh64(data)
    assert hash_states(latent.reshape(2, -1)) == (xxh64(data[:48]), xxh64(data[48:]))


def test_the_same_key_as_for_arrays(device: str) -> None:
    latent = torch.randn(3, 5)
    assert hash_state(latent.to(device)) == kvref.hash_state(latent.numpy())
    assert hash_state(torch.tensor(1.5)) == kvref.hash_state(np.float32(1.5))
    assert hash_state(torch.zeros(0, 3)) == kvref.hash_state(b"")


def test_conjugates_and_negatives() -> None:
    """Views that are conjugated or negated only on paper."""
    latent = torch.tensor([1 + 2j, 3 - 4j])
    assert hash_state(latent.conj()) == hash_state(latent.conj().resolve_conj())
    assert hash_state(latent.conj()) != hash_state(latent)
    imaginary = latent.conj().imag
    assert imaginary.is_neg()
    assert hash_state(imaginary) == hash_state(imaginary.resolve_neg())


def test_rows_are_hashed_as_they_would_be_alone(device: str) -> None:
    latents = torch.randn(5, 3, 4, device=device).transpose(1, 2)
    assert hash_states(latents) == tuple(hash_state(row) for row in latents)
    salts = [(env, 7) for env in range(5)]
    expected = tuple(
        salted_hash_state(row, *salt) for row, salt in zip(latents, salts, strict=True)
    )
    assert salted_hash_states(latents, salts) == expected
    assert hash_states(latents[:0]) == ()


def test_one_transfer_for_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    transfers, real = [], Tensor.cpu

    def counted(latents: Tensor) -> Tensor:
        transfers.append(latents.shape)
        return real(latents)

    monkeypatch.setattr(Tensor, "cpu", counted)
    hash_states(torch.randn(8, 16))
    assert transfers == [(8, 16)]


def test_salts_are_not_run_together() -> None:
    keys = [salted_hash_state(LATENT, *salt) for salt in ((), (1,), (11,), (1, 1), (1, -1), (-11,))]
    assert len(set(keys)) == len(keys)


def test_the_same_key_in_every_process() -> None:
    """In this one, and in one where Python's own hashes are others."""
    known, seed = 0xA627E270D7209670, os.environ.get("PYTHONHASHSEED")
    assert hash_state(LATENT) == known
    code = (
        "import torch; from kvref.tensors import hash_state;"
        "print(hash_state(torch.arange(8, dtype=torch.float32)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1" if seed == "0" else "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(run.stdout) == known


@pytest.mark.parametrize(
    "bad", [3, "text", b"abc", torch.ones(2, device="meta"), torch.eye(2).to_sparse()], ids=str
)
def test_what_has_no_plain_bytes_is_refused(bad: Tensor) -> None:
    for make in (hash_state, hash_states, salted_hash_state):
        with pytest.raises(KVCacheTypeError):
            make(bad)


def test_bad_batches_are_refused() -> None:
    with pytest.raises(KVCacheValueError, match="first dimension"):
        hash_states(torch.tensor(1.0))
    with pytest.raises(KVCacheValueError, match="2 rows need as many salts, not 1"):
        salted_hash_states(torch.zeros(2, 3), [(1,)])
    with pytest.raises(KVCacheError, match="salt"):
        salted_hash_state(LATENT, "env")  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64])
def test_the_stride_of_a_single_element_does_not_matter(dtype: torch.dtype) -> None:
    column = torch.arange(6.0).view(3, 2).to(dtype)[:, 1]
    for one in (column[:1], column[:1].view(1, 1), column[2]):
        assert hash_state(one) == hash_state(one.clone())
        assert salted_hash_state(one, 1) == salted_hash_state(one.clone(), 1)
    assert hash_states(column[:1]) == (hash_state(column[0]),)
