"""Keys: the same bytes stored in many ways, different states with the same bytes, and salts that
are easily taken for one another."""

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Final, TypeAlias

import torch
from torch import Tensor

from spec.keys import Keyed, Pair
from spec.laws import keys_broken
from stateful_models.subjects.journal import driven
from stateful_models.subjects.keys import KeySubject

Salt: TypeAlias = tuple[int, ...]
USUAL: Final[tuple[Salt, ...]] = ((0, 1), (1, 0))
WIDTHS: Final = (8, 16, 31, 32, 53, 61, 63, 64, 128)  # bits at which numbers are cut or rounded
NUMBERS: Final = (
    *(0, 1, 2, 3, 6, 10, 31, 1000),
    *(2**bits + more for bits in WIDTHS for more in (-1, 0, 1)),
    *(-1, -2, -256, -(2**31), -(2**32), -(2**63), -(2**64)),
)


def salts() -> tuple[Salt, ...]:
    """Salts that a cut, a fold, a sum, another order or another length would take for others."""
    told = [
        salt
        for n in NUMBERS
        for salt in ((n,), (n, 0), (0, n), (n, 1), (1, n), (1, 2, n), (n, 2, 1))
    ]
    lengths = [(0,) * zeros + last for zeros in range(9) for last in ((), (1,))]
    digits = [(1, 23), (12, 3), (123,), (2, 2), (3, 3), (2, 3), (3, 2), (1, 1, 2, 2), (1, 2, 1, 2)]
    return tuple(dict.fromkeys([*told, *lengths, *digits]))


def layouts(latent: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The same values, stored in several ways."""
    yield "contiguous", latent.clone()
    yield "column by column", latent.t().contiguous().t() if latent.dim() == 2 else latent.clone()
    yield "every other", torch.stack((latent, latent), dim=-1)[..., 0]
    yield "inside another", torch.stack((latent + latent, latent, latent))[1]
    yield "in a graph", latent.clone().requires_grad_(latent.dtype.is_floating_point)


def battery(device: str = "cpu") -> Iterator[tuple[str, Tensor]]:
    """States of many dtypes and shapes, some with equal bytes."""
    numbers = torch.arange(12, device=device)
    kinds = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8)
    for dtype in kinds:
        yield from layouts(numbers.to(dtype).reshape(3, 4))
    for shape in ((2, 4), (4, 2), (8,), (8, 1)):
        yield from layouts(torch.zeros(shape, device=device))
    yield from layouts(torch.zeros(4, dtype=torch.float64, device=device))


def plain_bytes(latent: Tensor) -> bytes:
    """The bytes in C order, element by element: slow, and nothing that kvref does."""
    flat = list(latent.detach().cpu().flatten())
    return b"".join(bytes(one.reshape(1).view(torch.uint8).tolist()) for one in flat)


def long_states(device: str = "cpu") -> Iterator[tuple[str, Tensor]]:
    """Longer than any block that is read at a time, and only the last bytes differ."""
    for last in (0.0, -0.0, 1.0, float("nan")):
        latent = torch.ones(700, device=device)
        latent[-1] = last
        yield "contiguous", latent


def observed(subject: KeySubject, layout: str, latent: Tensor, salt: Salt) -> Keyed:
    return Keyed(
        plain_bytes(latent),
        str(latent.dtype),
        tuple(latent.shape),
        salt,
        layout,
        *keys_of(subject, latent, salt),
    )


def observations(subject: KeySubject, device: str = "cpu") -> list[Keyed]:
    """Every state of the battery, under two salts."""
    states = battery(device)
    return [observed(subject, *state, salt) for state in states for salt in USUAL]


def salted_observations(subject: KeySubject, device: str = "cpu") -> tuple[list[Keyed], list[Salt]]:
    """One state under every salt; and the salts that are refused, of which nothing is known."""
    seen, refused = list[Keyed](), list[Salt]()
    for salt in salts():
        try:
            seen.append(observed(subject, "contiguous", torch.ones(2, device=device), salt))
        except Exception:  # somebody's code: a salt of its own kind alone is taken
            if salt in USUAL:
                raise
            refused.append(salt)
    return seen, refused


def pairs(subject: KeySubject, device: str = "cpu") -> Iterator[Pair]:
    """Every two states of the battery, every two salts of a state, every two long states."""
    tails = [observed(subject, *state, USUAL[0]) for state in long_states(device)]
    for seen in (
        observations(subject, device),
        salted_observations(subject, device)[0],
        tails,
    ):
        for both in combinations_with_replacement(seen, 2):
            yield Pair(*both)


def keys_of(subject: KeySubject, latent: Tensor, salt: Salt) -> tuple[int, int]:
    with driven(f"the key of a state of {latent.dtype} {tuple(latent.shape)}, salted with {salt}"):
        return subject.key(latent), subject.salted(latent, *salt)


def confused(subject: KeySubject) -> dict[str, Pair]:
    """By law, the first pair of observations that breaks it."""
    found = dict[str, Pair]()
    for pair in pairs(subject):
        for code in keys_broken(pair):
            found.setdefault(code, pair)
    return found
