"""A subject that claims COPY and lets what it delivers be written is told what to claim."""

from spec.profile import FIFO_COPY, FIFO_COPY_BOTH
from stateful_models.engines.check import check_in
from stateful_models.reports.table import OTHER_COPIES, fault
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.target import Target
from tests.support.copying import CopiesIn


def test_says_which_ownership_to_claim() -> None:
    target = Target("mine", CopiesIn, None, (FIFO_COPY,))
    (row,) = check_in(target, PoolScope(FIFO_COPY, 1, 2, 2))
    assert fault(target, row)[1:] == [OTHER_COPIES]
    (row,) = check_in(target, PoolScope(FIFO_COPY_BOTH, 1, 2, 2))
    assert len(fault(target, row)) == 1, "it claims copies of the client's own already"
