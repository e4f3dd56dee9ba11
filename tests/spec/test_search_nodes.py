"""Nodes of a search tree: the tokens of their histories, and which of them share a key."""

import pytest

from spec.ops import EnvId
from spec.search_nodes import (
    Keying,
    Latents,
    Node,
    Salt,
    TreePlace,
    child,
    column,
    first_root,
    key,
    latent,
    next_root,
    node,
    number,
    replayed_root,
)

THERE = Salt(EnvId(1), 2, 3)
ROOT = TreePlace((16,))
AFTER = TreePlace((16, 8))


def test_numbers_are_digits_of_a_base_without_zero() -> None:
    assert number() == 0
    assert number(0) == 1
    assert number(1, 2) == 2 * 32 + 3
    assert number(0, 0) == 33
    assert number(1, 2, 3) == (2 * 32 + 3) * 32 + 4


def test_labels_tell_episodes_observed_and_imagined_steps_apart() -> None:
    assert first_root(0) == ROOT
    assert first_root(1) == TreePlace((17,))
    assert next_root(ROOT) == AFTER
    assert next_root(ROOT, 2) == TreePlace((16, 10))
    assert child(AFTER, 2) == TreePlace((16, 8, 2), 1)
    assert replayed_root(0, 0) == TreePlace((24,))
    assert replayed_root(1, 2) == TreePlace((25, 8, 8))
    assert child(child(AFTER, 2), 0) == TreePlace((16, 8, 2, 0), 2)


def test_a_history_is_a_token_a_step_of_its_environment_role_and_weights() -> None:
    assert column(THERE, 4) == (number(1, 2, 3, 4),)
    assert node(THERE, AFTER) == Node(EnvId(1), ((column(THERE, 16),), (column(THERE, 8),)))


DEEP = TreePlace((16, 8, 2, 1), 2)


@pytest.mark.parametrize(
    ("keying", "place", "digits"),
    [
        (Keying.CHAINED, DEEP, (1, 2, 3, 16, 8, 2, 1)),
        (Keying.LATENT, DEEP, (1, 1)),
        (Keying.LATENT, AFTER, (1, 8)),
        (Keying.PATH, DEEP, (16, 8, 2, 1)),
        (Keying.IMAGINED, DEEP, (1, 2, 1)),
        (Keying.IMAGINED, AFTER, (1, 16, 8)),
    ],
)
def test_a_key_is_of_what_the_keying_distinguishes(
    keying: Keying, place: TreePlace, digits: tuple[int, ...]
) -> None:
    assert key(keying, Latents.LATEST, THERE, place) == number(*digits)


@pytest.mark.parametrize(
    ("latents", "told"),
    [(Latents.DISTINCT, DEEP.labels), (Latents.LATEST, (1,)), (Latents.EQUAL, ())],
)
def test_a_key_of_latents_tells_what_they_tell(latents: Latents, told: tuple[int, ...]) -> None:
    assert latent(latents, DEEP) == told
    assert key(Keying.LATENT, latents, THERE, DEEP) == number(1, *told)
    assert key(Keying.CHAINED, latents, THERE, DEEP) == number(*THERE, *DEEP.labels)
