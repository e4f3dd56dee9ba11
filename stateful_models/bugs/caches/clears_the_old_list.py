"""A clear that empties a list which nobody uses any more.

In a system of UniZero's kind that moved from dictionaries to pools, what is reset at the end of an
episode was left behind. Consequence: contexts survive, and a new episode attends to the one before.
"""

from spec.profile import FIFO_REFERENCE, Profile
from stateful_models.reference.pool import KvrefPool


class ClearsTheOldList(KvrefPool):
    profiles = (FIFO_REFERENCE,)

    def start(self, profile: Profile, capacity: int) -> None:
        super().start(profile, capacity)
        self.past_keys_values: dict[int, object] = {}

    def clear(self) -> None:
        self.past_keys_values.clear()
