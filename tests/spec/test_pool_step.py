"""What the specification of a pool says where the explorer offers no such operation."""

import pytest

from spec.ops import Key, Ref, Set
from spec.pool import new_pool, step
from spec.profile import FIFO_REFERENCE, LRU_REFERENCE, PRIORITY_REFERENCE, Profile

A, O0 = Key(0), Ref(0)


@pytest.mark.parametrize(
    ("profile", "rank"), [(FIFO_REFERENCE, 0), (LRU_REFERENCE, 0), (PRIORITY_REFERENCE, 5)]
)
def test_ranks_are_kept_only_where_they_decide(profile: Profile, rank: int) -> None:
    state, _ = step(new_pool(profile, 1, 1), Set(A, O0, 5))
    assert [entry.priority for entry in state.pool.entries] == [rank]
