"""What is checked, by name."""

import pickle
from dataclasses import dataclass

from spec.ops import Tier
from spec.profile import Profile
from stateful_models.subjects.protocol import ManagerFactory, PoolFactory


@dataclass(frozen=True)
class Target:
    """What is checked: a pool, a manager, or (kvref itself) one of each.

    `tiers`: those that a manager has.
    """

    name: str
    pool: PoolFactory | None
    manager: ManagerFactory | None
    profiles: tuple[Profile, ...]
    transparent: bool = True
    tiers: tuple[Tier, ...] = tuple(Tier)

    @property
    def module_and_name(self) -> str | None:
        """As it can be named on the command line; None of kvref itself."""
        return self.name if ":" in self.name and self.travels else None

    @property
    def travels(self) -> bool:
        """Whether other processes can be handed its factories."""
        try:
            pickle.dumps((self.pool, self.manager))
        except (pickle.PicklingError, AttributeError, TypeError):
            return False
        return True
