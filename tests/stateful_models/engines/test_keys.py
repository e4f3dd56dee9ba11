"""K3: salts that are cut, folded, forgotten or put in another order share keys, and are found."""

from collections.abc import Callable, Sequence

import pytest
from torch import Tensor

from spec.laws import keys_broken
from stateful_models import check
from stateful_models.bugs.methods.tensors import random_keys
from stateful_models.engines.keys import confused, pairs
from stateful_models.reference.keys import KvrefKeys
from stateful_models.subjects.keys import KeySubject
from tests.support.night import NIGHT

MADE_OF: dict[str, Callable[[Sequence[int]], Sequence[int]]] = {
    "a flag": lambda salt: [int(bool(n)) for n in salt],
    "a byte": lambda salt: [n % 256 for n in salt],
    "16 bits": lambda salt: [n % 2**16 for n in salt],
    "31 bits": lambda salt: [n % 2**31 for n in salt],
    "32 bits": lambda salt: [n % 2**32 for n in salt],
    "63 bits": lambda salt: [n % 2**63 for n in salt],
    "64 bits": lambda salt: [n % 2**64 for n in salt],
    "a float": lambda salt: [int(float(n)) for n in salt],
    "its size": lambda salt: [abs(n) for n in salt],
    "its hash": lambda salt: [hash(n) for n in salt],
    "at least nothing": lambda salt: [max(n, 0) for n in salt],
    "at most a byte": lambda salt: [min(n, 255) for n in salt],
    "the first": lambda salt: salt[:1],
    "the first two": lambda salt: salt[:2],
    "the last": lambda salt: salt[-1:],
    "all but the first": lambda salt: salt[1:],
    "all but the last": lambda salt: salt[:-1],
    "no order": lambda salt: sorted(salt),
    "no repetitions": lambda salt: sorted(set(salt)),
    "the other way round or not": lambda salt: max(list(salt), list(salt)[::-1]),
    "their sum": lambda salt: [sum(salt)],
    "their number": lambda salt: [len(salt)],
    "their digits": lambda salt: [ord(one) for one in "".join(map(str, salt))],
    "zeros for those missing": lambda salt: [*salt, 0, 0, 0][:3],
    "no zeros at the end": lambda salt: [*salt, -7][
        : max((i for i, n in enumerate(salt, 1) if n), default=0)
    ],
    "only the second cut": lambda salt: [*salt[:1], *(n % 256 for n in salt[1:])],
    "bits beside bits": lambda salt: [sum(n << 32 * at for at, n in enumerate(salt))],
    "31 times and one more": lambda salt: [sum(n * 31**at for at, n in enumerate(salt[::-1]))],
    "1000 times and one more": lambda salt: [sum(n * 1000**at for at, n in enumerate(salt))],
    "one over another": lambda salt: [*map(int.__xor__, salt, [*salt[1:], 0])][:1],
}


def keys_with(made: Callable[[Sequence[int]], Sequence[int]]) -> type[KeySubject]:
    class Wrong(KvrefKeys):
        def salted(self, latent: Tensor, *salt: int) -> int:
            return super().salted(latent, *made(salt))

    return Wrong


def first_broken(subject: KeySubject) -> tuple[str, ...]:
    return next(filter(None, map(keys_broken, pairs(subject))), ())


@pytest.mark.parametrize("name", list(MADE_OF)[:: 1 if NIGHT else 3])
def test_salts_that_are_made_into_others_are_found(name: str) -> None:
    assert first_broken(keys_with(MADE_OF[name])()) == ("K3",)


class Hashed(KvrefKeys):
    """Salts are folded into the key, not into what is hashed."""

    def salted(self, latent: Tensor, *salt: int) -> int:
        key = super().salted(latent)
        for number in salt:
            key = (key * 1000003 ^ number) % 2**64
        return key


def test_a_fold_of_64_bits_is_found() -> None:
    assert first_broken(Hashed()) == ("K3",)


class Start(KvrefKeys):
    """Only the first 256 bytes are read."""

    def key(self, latent: Tensor) -> int:
        return super().key(latent.reshape(-1)[:64])


def test_what_comes_late_counts() -> None:
    assert {"K1", "K2"} & confused(Start()).keys()


class Unsigned(KvrefKeys):
    """Salts are unsigned numbers of 32 bits, and others are refused: right, as far as it goes."""

    def salted(self, latent: Tensor, *salt: int) -> int:
        if any(not 0 <= number < 2**32 for number in salt):
            raise OverflowError("32 bits")
        return super().salted(latent, *salt)


def test_salts_that_are_refused_are_not_taken_for_others() -> None:
    report = check(Unsigned)
    assert report.conforms
    assert "salts that it refuses" in str(report)


class NoSalt(KvrefKeys):
    def salted(self, latent: Tensor, *salt: int) -> int:
        raise NotImplementedError("no salts here")


def test_keys_without_salts_cannot_be_judged() -> None:
    with pytest.raises(Exception, match="no salts here"):
        check(NoSalt)


def test_right_keys_are_not_confused() -> None:
    assert confused(KvrefKeys()) == {}
    assert random_keys(KvrefKeys) is None
    assert "Not judged" not in str(check(KvrefKeys))


@pytest.mark.parametrize("name", ["a flag", "the first", "32 bits", "a byte"])
def test_random_salts_find_the_common_faults_too(name: str) -> None:
    assert random_keys(keys_with(MADE_OF[name])) is not None
