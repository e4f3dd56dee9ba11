"""Copies that are the cache's, the client's, or lent: which caches conform to which ownership."""

import pytest

from spec.profile import (
    FIFO_COPY,
    FIFO_COPY_BOTH,
    FIFO_LENT,
    LRU_COPY,
    LRU_COPY_BOTH,
    LRU_LENT,
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
from tests.support.night import NIGHT

OBJECTS = 2 if NIGHT else 1


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
    report = explore_pool(PoolScope(profile, 2, keys=3, objects=OBJECTS), subject)
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
        (LendsStale, LRU_LENT, "P3"),
        (LendsYours, LRU_LENT, "R5"),
    ],
)
def test_is_broken(subject: type[PoolSubject], profile: Profile, law: str) -> None:
    report = explore_pool(PoolScope(profile, 2, keys=3, objects=OBJECTS), subject)
    assert report.divergence is not None
    assert law in report.divergence.laws
