"""What was observed of one call of a session, and which laws it breaks."""

from typing import NamedTuple

from torch import Tensor

from spec.laws import search_broken
from spec.search_laws import SearchTransition
from spec.search_nodes import Node


class Call(NamedTuple):
    """One call, for people, and what was observed of it. It may store where it says, have entries
    leave the pools `touched`, and must leave those `emptied` empty."""

    said: str
    seen: SearchTransition
    touched: frozenset[str]
    emptied: frozenset[str] = frozenset()

    @property
    def laws(self) -> tuple[str, ...]:
        """The laws broken: those of a search, M1 of what others have, P7 of what was cleared."""
        return (
            *search_broken(self.seen),
            *(() if self.framed else ("M1",)),
            *(() if self.cleared else ("P7",)),
        )

    @property
    def framed(self) -> bool:
        """Nothing comes but where it says, nothing leaves another environment's pool; what an entry
        holds is a matter of S3."""
        before, after = self.seen.before.entries.keys(), self.seen.after.entries.keys()
        gone = {pool for pool, _ in before - after}
        return after - before <= self.seen.put and gone <= self.touched

    @property
    def cleared(self) -> bool:
        return all(pool not in self.emptied for pool, _ in self.seen.after.entries)


class Known(NamedTuple):
    """A node, and the latent state that stands for it."""

    node: Node
    latent: Tensor
