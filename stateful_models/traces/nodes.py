"""S2 in a trace that names nodes: whose context a hit delivers.

A hit for a node is right on an entry that was stored for that node (whether it still holds what
was stored, R4 says), and on another's if that delivers what was stored last for this one, in
whichever pool. A hit on an entry of which nobody told for whom it was stored is not judged.
"""

from collections import Counter, defaultdict
from typing import Final

from msgspec import UnsetType

from stateful_models.traces.format import GetRecord, SetRecord
from stateful_models.traces.pool import Charge

NAMED: Final = "named"
"""Counted: hits that were judged by node."""
ALIKE: Final = "alike"
"""Counted: those of them on another node's entry that held the same."""
REPLACED: Final = "replaced"
"""Counted: sets that took the place of another node's entry."""


class Nodes:
    """For which node each entry was stored, pool by pool, and what was stored for each node last,
    which is known until the pool is cleared."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts
        self.storer: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self.stored: dict[str, tuple[str, str]] = {}
        self.here: defaultdict[str, set[str]] = defaultdict(set)

    def found(self, r: GetRecord) -> list[Charge]:
        storer = self.storer[r.p].get(r.k)
        if not r.hit or storer is None or isinstance(r.node, UnsetType):
            return []
        self.counts[NAMED] += 1
        if storer == r.node:
            return []
        _, own = self.stored.get(r.node, ("", ""))
        if own == r.fp:
            self.counts[ALIKE] += 1
            return []
        due = f"contents {own}" if own else "of which nothing was stored"
        return [Charge("S2", f"node {r.node}'s own, {due}", f"node {storer}'s, contents {r.fp}")]

    def set(self, r: SetRecord) -> None:
        storer = self.storer[r.p]
        before = storer.pop(r.k, None)
        for left in [] if isinstance(r.left, UnsetType) else r.left:
            storer.pop(left.k, None)
        if isinstance(r.node, UnsetType):
            return
        if before not in (None, r.node):
            self.counts[REPLACED] += 1
        storer[r.k] = r.node
        self.stored[r.node] = r.p, r.fp
        self.here[r.p].add(r.node)

    def clear(self, pool: str) -> None:
        self.storer.pop(pool, None)
        for node in self.here.pop(pool, ()):
            if self.stored.get(node, ("", ""))[0] == pool:
                del self.stored[node]
