"""Copies that are the cache's, the client's, or lent: which caches conform to which ownership."""

import pytest

from spec.profile import (
    FIFO_COPY,
    FIFO_COPY_BOTH,
    FIFO_LENT,
    LRU_COPY,
    LRU_COPY_BOTH,
    LRU_LENT,
    PRIORITY_COPY_BOTH,
    Profile,
)
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.pool import PoolSubject
from tests.support.copying import (
    CopiesBoth,
    CopiesBothSealed,
    CopiesIn,
    CopiesOut,
    KeepsWhatItGave,
    Lends,
    LendsStale,
    LendsYours,
)
from tests.support.exploring import explore_pool


@pytest.mark.parametrize(
    ("subject", "profile"),
    [
        (CopiesBoth, FIFO_COPY_BOTH),
        (CopiesBoth, LRU_COPY_BOTH),
        (CopiesBothSealed, FIFO_COPY),
        (CopiesBothSealed, LRU_COPY),
        (CopiesIn, FIFO_LENT),
        (CopiesIn, LRU_LENT),
        (Lends, FIFO_LENT),
        (Lends, LRU_LENT),
    ],
)
def test_conforms(subject: type[PoolSubject], profile: Profile) -> None:
    report = explore_pool(PoolScope(profile, 2, keys=3, objects=2), subject)
    assert report.divergence is None
    assert report.missing == frozenset()


@pytest.mark.parametrize(
    ("subject", "profile", "law"),
    [
        (CopiesIn, FIFO_COPY, "R4"),
        (CopiesBoth, FIFO_COPY, "R4"),
        (CopiesIn, FIFO_COPY_BOTH, "R4"),
        (CopiesOut, FIFO_COPY_BOTH, "R5"),
        (KeepsWhatItGave, FIFO_COPY_BOTH, "R5"),
        (Lends, LRU_COPY, "R5"),
        (LendsStale, LRU_LENT, "P6"),
        (LendsYours, LRU_LENT, "R5"),
    ],
)
def test_is_broken(subject: type[PoolSubject], profile: Profile, law: str) -> None:
    report = explore_pool(PoolScope(profile, 2, keys=3, objects=2), subject)
    assert report.divergence is not None
    assert law in report.divergence.laws


@pytest.mark.parametrize(
    ("profile", "one", "two"),
    [(FIFO_COPY_BOTH, 6, 38), (LRU_COPY_BOTH, 6, 36), (PRIORITY_COPY_BOTH, 10, 138)],
)
def test_states_with_copies_of_the_clients_own(profile: Profile, one: int, two: int) -> None:
    """Twice the entries' states, since the hand has no home: nothing, or a copy.

    Entries: none 1; one 2 (its object written since or not); two 2 (slots) * 2 (one object or two)
    * 4 (each written since or not) = 16. FIFO 2 * (1 + 2) and 2 * (1 + 2 + 16). LRU 2 less, one for
    either order of slots: of one object the newer stale and the older fresh needs a hit, so the
    hand is not empty. With two priorities each entry counts twice: 2 * (1 + 4), 2 * (1 + 4 + 64).
    """
    for capacity, states in ((1, one), (2, two)):
        report = explore_pool(PoolScope(profile, capacity, keys=3, objects=2))
        assert report.divergence is None
        assert report.states == states
