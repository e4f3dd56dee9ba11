"""What is refused is named: every message says which argument, why, and what came instead."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from kvref import (
    Departure,
    EvictionStrategy,
    KVCacheError,
    KVCacheManager,
    KVCachePool,
    KVCacheReentryError,
    Ownership,
    RecurScope,
    SizingProfile,
    hash_state,
    pool_sizes,
)
from kvref.arguments import as_tuple

BYTELESS = cast(bytes, "text")
OBJECTS = np.array([object()])


def config() -> SimpleNamespace:
    return SimpleNamespace(game_segment_length=2, num_simulations=2)


def pool(strategy: EvictionStrategy = EvictionStrategy.FIFO) -> KVCachePool[str]:
    return KVCachePool(2, strategy)


def manager() -> KVCacheManager[str]:
    return KVCacheManager(config(), 3)


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (lambda: KVCachePool(0), "^pool_size must be at least 1, not 0$"),
        (lambda: KVCachePool(2, cast(EvictionStrategy, "mru")), "^'mru' .* is no EvictionStrategy"),
        (lambda: KVCachePool(2, ownership=cast(Ownership, "mine")), "^'mine' .* is no Ownership"),
        (
            lambda: KVCachePool(2, on_evict=cast(Callable[[Departure[str]], object], "print")),
            "^on_evict must be callable, not 'print'",
        ),
        (lambda: pool().set(5, cast(str, None)), r"^None cannot be stored \(key 5\)"),
        (lambda: pool().get(cast(int, "k")), "^cache_key must be an integer, not 'k'"),
        (lambda: pool().set(1, "v", priority=7), "^priority 7 .* does not evict by PRIORITY"),
        (
            lambda: pool(EvictionStrategy.PRIORITY).set(1, "v", priority=cast(float, "high")),
            "^priority must be a number, not 'high'",
        ),
        (
            lambda: pool(EvictionStrategy.PRIORITY).set(1, "v", priority=float("nan")),
            "^priority must be ordered, which nan",
        ),
        (lambda: manager().get_init_cache(3, 0), r"^env_id must be in 0 \.\. 2, not 3$"),
        (
            lambda: manager().get_init_cache(cast(int, "e"), 0),
            "^env_id must be an integer, not 'e'",
        ),
        (lambda: KVCacheManager(config(), 0), "^env_num must be at least 1, not 0$"),
        (
            lambda: KVCacheManager(SimpleNamespace(num_simulations=23), 1),
            r"^config .*num_simulations=23.* has no attribute game_segment_length",
        ),
        (
            lambda: pool_sizes(config(), 1, cast(SizingProfile, "big")),
            "^'big' .* is not a member of SizingProfile",
        ),
        (
            lambda: pool_sizes(config(), 1, SizingProfile.SEED, cast(RecurScope, "mine")),
            "^'mine' .* is not a member of RecurScope",
        ),
        (lambda: hash_state(BYTELESS), "^cannot hash 'text' .* no bytes"),
        (lambda: hash_state(OBJECTS), r"^cannot hash array\(\[.*addresses of objects"),
        (lambda: as_tuple(cast(list[int], 3), "lengths"), r"^lengths must be a sequence, not 3 "),
    ],
)
def test_a_refusal_names_the_argument_the_reason_and_the_value(
    refused: Callable[[], object], message: str
) -> None:
    with pytest.raises(KVCacheError, match=message):
        refused()


def test_a_reentrant_call_is_told_which_pool_was_calling() -> None:
    small: KVCachePool[str] = KVCachePool(1, name="mine", on_evict=lambda _: small.clear())
    small.set(1, "a")
    with pytest.raises(KVCacheReentryError, match="on_evict may not change pool 'mine'"):
        small.set(2, "b")
