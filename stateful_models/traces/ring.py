"""UniZero's older path: a dictionary into a ring of slots, and a reverse map of what lies where.

A store takes the next slot and deletes the key that the map names for it, wherever that key's
data lies by now. What a record tells of this must be so; whether it is right, the laws say.
"""

from collections.abc import Mapping

from msgspec import UNSET, UnsetType

from stateful_models.traces.format import ClearRecord, GetRecord, SetRecord, WmCopyRecord


class Ring:
    """One pool: where each key lies, which key each slot is mapped to, which slot is next."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.cursor = 0
        self.slots: dict[str, int] = {}
        self.keys: dict[int, str] = {}

    def fault(self, record: GetRecord | SetRecord | ClearRecord | WmCopyRecord) -> str | None:
        match record:
            case SetRecord():
                return self.stored(record)
            case GetRecord():
                return self.found(record) if record.hit else None
            case ClearRecord():
                return self.cleared(record)
            case _:
                return self.copied(record)

    def next(self) -> int:
        slot, self.cursor = self.cursor, (self.cursor + 1) % self.size
        return slot

    def stored(self, r: SetRecord) -> str | None:
        slot, known = self.next(), self.slots.get(r.k, UNSET)
        mapped = self.keys.get(slot)
        lay = UNSET if mapped is None else self.slots.pop(mapped, UNSET)
        own = mapped == r.k and lay is not UNSET
        due = {
            "slot": slot,
            "ev": UNSET if own or mapped is None or lay is UNSET else mapped,
            "self_ev": own,
            "stale_ev_slot": UNSET if lay == slot else lay,
            "prev_slot": UNSET if own else known,
        }
        self.slots[r.k], self.keys[slot] = slot, r.k
        return wrong(due, r)

    def found(self, r: GetRecord) -> str | None:
        if isinstance(r.slot, UnsetType):
            return None
        mapped = self.keys.get(r.slot)
        return wrong({"back": UNSET if mapped == r.k else mapped}, r)

    def cleared(self, r: ClearRecord) -> str | None:
        self.slots.clear()
        return wrong({"map_left": len(self.keys), "cursor": self.cursor}, r)

    def copied(self, r: WmCopyRecord) -> str | None:
        return wrong({"slot": self.next()}, r)


def wrong(due: Mapping[str, object], record: object) -> str | None:
    """The first field that tells something else."""
    for name, value in due.items():
        told = getattr(record, name)
        if told != value:
            words = ["none" if one is UNSET or one is None else str(one) for one in (told, value)]
            return f"`{name}` tells {words[0]}; the ring has {words[1]}"
    return None
