"""The numbers of stored objects: one number, one object."""

from dataclasses import dataclass, field

from msgspec import UnsetType

from stateful_models.traces.format import (
    AnyRecord,
    ClearRecord,
    GetRecord,
    LeavingRecord,
    LeftRecord,
    LoadRecord,
    SetRecord,
)


@dataclass
class Held:
    """An object that is stored: how often, and with which contents when it was stored last."""

    times: int
    fp: str


@dataclass
class OwnNumbers:
    """kvref's: a number is an object's as long as it is stored; a new object gets the next one."""

    next: int = 1
    held: dict[int, Held] = field(default_factory=dict)

    def fault(self, record: AnyRecord) -> str | None:
        match record:
            case SetRecord(o=int(number)):
                left = [] if isinstance(record.left, UnsetType) else record.left
                again = not record.new and not left
                return self.stored(number, record.fp, again) or self.leave(left)
            case LoadRecord(o=number):
                return self.stored(number, record.fp, False)
            case LeavingRecord(left=left):
                return self.leave(left)
            case ClearRecord(left=list(left)):
                return self.leave(left)
            case _:
                return None

    def stored(self, number: int, fp: str, again: bool) -> str | None:
        held = self.held.setdefault(number, Held(0, fp))
        if not held.times and number != self.next:
            return f"object {number}, which is not stored; a new one is {self.next}"
        self.next += not held.times
        held.times += not again
        held.fp = fp
        return None

    def leave(self, left: list[LeftRecord]) -> str | None:
        for one in left:
            held = self.held.get(one.o)
            if held is None:
                return f"object {one.o} leaves, which is not stored"
            held.times -= 1
            if not held.times:
                del self.held[one.o]
        return None

    def shared(self, record: SetRecord | LoadRecord) -> Held | None:
        """The object that a record is about to store, if it is stored already."""
        return self.held.get(record.o) if isinstance(record.o, int) else None


@dataclass
class UpstreamNumbers:
    """UniZero's: a new object gets the next number, and keeps it."""

    next: int = 1

    def fault(self, record: AnyRecord) -> str | None:
        if not isinstance(record, (GetRecord, SetRecord)) or isinstance(record.o, UnsetType):
            return None
        if not 0 < record.o <= self.next:
            return f"object {record.o}; a new one is {self.next}"
        self.next += record.o == self.next
        return None

    def shared(self, record: SetRecord | LoadRecord) -> Held | None:
        """Not told: an object may be written into between stores, and is."""
        return None


class SlotNumbers:
    """Of the older path: each slot has an object of its own, for good."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, int], int] = {}
        self.place: dict[int, tuple[str, int]] = {}

    def differs(self, record: GetRecord) -> tuple[str, str] | None:
        """What was due and what came, if they differ."""
        if not isinstance(record.o, int) or not isinstance(record.slot, int):
            return None
        place = record.p, record.slot
        number, known = self.of.setdefault(place, record.o), self.place.setdefault(record.o, place)
        if number != record.o:
            return f"object {number}", f"object {record.o}"
        if known != place:
            return f"object {record.o} in {known[0]}, slot {known[1]}", f"it in {place[0]} too"
        return None
