"""What broken laws did to whoever ran the system: so many of so many, in words."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from stateful_models.traces.nodes import NAMED

OF: Final[Mapping[str, tuple[str, str]]] = {
    "Get": ("Get", "gets"),
    "Set": ("Set", "sets"),
    "Clear": ("Clear", "clears"),
    "Lookup": ("Lookup", "lookups"),
    "ClearRecur": ("ClearRecur", "clears of recur"),
    "ClearAll": ("ClearAll", "clears of everything"),
    "Load": ("Load", "entries at the start"),
    "Remains": ("Remains", "entries at the end"),
    "WmCopy": ("WmCopy", "working copies"),
    "End": ("End", "recordings"),
}
"""Of what kinds of record there are so many: how they are counted, what they are called."""

HITS: Final = "hits", "hits"
JUDGED: Final[Mapping[str, tuple[str, str]]] = {"R1": HITS, "R4": HITS, "S2": HITS}
"""Laws of hits alone, among the gets."""

DID: Final[Mapping[tuple[str, str], str]] = {
    ("R4", "Get"): "delivered other contents than were stored",
    ("R4", "Set"): "stored other contents than were given, or let go others than were stored",
    ("R4", "Clear"): "let go other contents than were stored",
    ("R4", "WmCopy"): "are not what was found",
    ("R4", "Remains"): "hold other contents than were stored",
    ("R4", "Load"): "are one object with other contents than before",
    ("R1", "Get"): "delivered another object than was stored",
    ("R1", "Set"): "stored an object that is not their own, or let go another than was stored",
    ("R1", "Clear"): "let go another object than was stored",
    ("R1", "Load"): "are no copies of their own",
    ("R1", "Remains"): "are another object than was stored",
    ("S2", "Get"): "delivered another node's context",
    ("P1", "Set"): "left more entries than the pool holds",
    ("P1", "Get"): "found one entry more than the pool holds",
    ("P1", "Load"): "are more than the pool holds",
    ("P2", "Set"): "left two entries in one slot, or under one key",
    ("P2", "Get"): "found an entry in a slot that holds another",
    ("P2", "Load"): "are two in one slot, or under one key",
    ("P2", "Remains"): "are in another slot than they were",
    ("P3", "Set"): "evicted an entry that was not due, or kept one that was",
    ("P3", "Remains"): "are not those that should be there, in their order",
    ("P3", "End"): "lacks an entry that should be there at the end",
    ("P4", "Set"): "put a new key into another slot than was due",
    ("P5", "Set"): "moved an entry that they should have updated in its place",
    ("P5", "Remains"): "have another priority than was set",
    ("P6", "Get"): "found what was not there, or missed what was",
    ("P7", "Clear"): "cleared another number of entries than there were",
    ("P7", "Set"): "went on after a clear as if there had been none",
    ("P12", "Set"): "let go of other entries than they said",
    ("P12", "Clear"): "let go of other entries than they said",
    ("M1", "Get"): "asked another environment's pool",
    ("M1", "Set"): "went into another environment's pool",
    ("M3", "Lookup"): "did not ask init, then recur, and deliver what these hold",
    ("M4", "ClearRecur"): "did not clear every pool of the tier, and these alone",
    ("M4", "ClearAll"): "did not clear every pool",
}


@dataclass(frozen=True)
class Effect:
    """`count` of `of` such things (`what`: hits, say) did what they should not."""

    count: int
    of: int
    what: str
    did: str

    def __str__(self) -> str:
        return f"{self.count:,} of {self.of:,} {self.what} {self.did}"


def effects(law: str, kinds: Counter[str], counts: Counter[str], nodes: bool) -> Iterator[Effect]:
    """Of one law, by kind of record. `nodes`: whether S2 was judged by node."""
    for kind, count in kinds.items():
        counted, what = JUDGED.get(law, OF[kind]) if kind == "Get" else OF[kind]
        did = DID.get((law, kind), "broke it")
        if law == "S2" and not nodes:
            did = "delivered another environment's context"
        elif law == "S2":
            counted, what = NAMED, "hits of named nodes"
        yield Effect(count, max(counts[counted], count), what, did)
