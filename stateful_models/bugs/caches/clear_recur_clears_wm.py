"""Clearing the recur tier clears the wm tier too."""

from spec.ops import ClearTier, ManagerOp, Response, Tier
from spec.profile import FIFO_REFERENCE
from stateful_models.reference.manager import KvrefManager


class ClearRecurClearsWm(KvrefManager):
    profiles = (FIFO_REFERENCE,)

    def perform(self, op: ManagerOp) -> Response:
        response = super().perform(op)
        if op == ClearTier(Tier.RECUR):
            self.manager.wm_pool.clear()
        return response
