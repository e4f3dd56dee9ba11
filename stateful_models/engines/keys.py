"""Keys: the same bytes stored in many ways, and different states with the same bytes."""

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from spec.keys import Keyed, Pair
from spec.laws import keys_broken
from stateful_models.subjects.journal import driven
from stateful_models.subjects.keys import KeySubject


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


def observations(subject: KeySubject, device: str = "cpu") -> list[Keyed]:
    """Every state of the battery, under two salts."""
    return [
        Keyed(
            plain_bytes(latent),
            str(latent.dtype),
            tuple(latent.shape),
            salt,
            layout,
            *keys_of(subject, latent, salt),
        )
        for layout, latent in battery(device)
        for salt in ((0, 1), (1, 0))
    ]


def keys_of(subject: KeySubject, latent: Tensor, salt: tuple[int, int]) -> tuple[int, int]:
    with driven(f"the key of a state of {latent.dtype} {tuple(latent.shape)}, salted with {salt}"):
        return subject.key(latent), subject.salted(latent, *salt)


def confused(subject: KeySubject) -> dict[str, Pair]:
    """By law, the first pair of observations that breaks it."""
    seen, found = observations(subject), dict[str, Pair]()
    for both in product(seen, seen):
        for code in keys_broken(Pair(*both)):
            found.setdefault(code, Pair(*both))
    return found
