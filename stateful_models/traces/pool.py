"""One pool of a trace: what the specification says of each record that is not right.

The specification is followed under COPY, where a hit must deliver what was set: that is R4 with
no excuse. After a broken law the track adopts what was observed and goes on.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import UNSET, UnsetType

from spec.heap import Heap, Object
from spec.laws import broken
from spec.ops import Contents, Get, Hit, Key, Left, Miss, Op, Response, Set, SlotId, Stored
from spec.pool import Entry, Pool, PoolState, find, step
from spec.pool_laws import RENEWING
from spec.profile import Ownership, Policy, Profile
from spec.transition import observed
from stateful_models.traces.format import (
    ClearRecord,
    GetRecord,
    LeavingRecord,
    LeftRecord,
    LoadRecord,
    PoolShape,
    RemainsRecord,
    SetRecord,
)
from stateful_models.traces.live import Live, LivePool
from stateful_models.traces.values import (
    HERE,
    cleared,
    contents_of,
    entry_of,
    key_of,
    keys_leave,
    leavers,
    live_of,
    name,
    rank_of,
    shown,
)

JUDGED: Final = {"P1", "P2", "P3", "P4", "P5", "P6", "P7", "R4"}
POLICY: Final = {
    "fifo": Policy.FIFO,
    "ring": Policy.FIFO,
    "lru": Policy.LRU,
    "priority": Policy.PRIORITY,
}


@dataclass(frozen=True)
class Charge:
    """One record breaks one law."""

    law: str
    expected: str
    came: str


@dataclass
class PoolTrack:
    profile: Profile
    shape: PoolShape
    name: str
    copies: bool
    live: LivePool
    lost: dict[Key, int] = field(default_factory=dict)
    leaving: list[LeftRecord] = field(default_factory=list)
    expected_remains: deque[Entry] | None = None
    quickly: bool = True  # False: the specification judges every record

    @classmethod
    def of(cls, pool: str, shape: PoolShape, copies: bool) -> "PoolTrack":
        profile = Profile(POLICY[shape.strategy], Ownership.COPY, counting=False)
        return cls(profile, shape, pool, copies, LivePool(profile, shape.size, copies))

    @property
    def pool(self) -> Pool:
        """The pool as the specification has it."""
        entries = tuple([entry_of(key, live) for key, live in self.live.entries.items()])
        return Pool(self.profile, self.shape.size, self.name, entries)

    @pool.setter
    def pool(self, pool: Pool) -> None:
        objects = {key_of(k): live.object for k, live in self.live.entries.items()}
        self.live.fill((name(e.key), live_of(e, objects.get(e.key))) for e in pool.entries)

    @property
    def size(self) -> int:
        return len(self.live.entries)

    def object(self, key: Key) -> int | None:
        """The number of the object under a key, as far as the trace numbers objects."""
        live = self.live.entries.get(name(key))
        return None if live is None else live.object

    def rank(self, priority: str | UnsetType) -> int:
        return rank_of(priority) if self.profile.policy.ranked else 0

    def entry(self, key: Key) -> Entry | None:
        live = self.live.entries.get(name(key))
        return None if live is None else entry_of(name(key), live)

    def adopt(
        self, pool: Pool, op: Op, response: Response, entries: tuple[Entry, ...], heap: Heap
    ) -> set[str]:
        """Take over what was observed of this pool; the laws that it breaks."""
        before, after = PoolState(pool, heap), PoolState(pool._replace(entries=entries), heap)
        if entries != pool.entries:
            self.pool = after.pool
        return set(broken(observed(before, op, response, after))) & JUDGED

    def take(self, r: GetRecord | SetRecord | ClearRecord) -> list[Charge]:
        """What one record breaks."""
        match r:
            case GetRecord():
                return self.on_get(r)
            case SetRecord():
                return self.on_set(r)
            case _:
                return self.on_clear(r)

    def on_get(self, r: GetRecord) -> list[Charge]:
        if self.quickly and self.live.get(r):
            return []
        pool, key = self.pool, key_of(r.k)
        old = find(pool, key)
        came: Response = Hit(None, contents_of(r.fp, r.sz)) if r.hit else Miss()
        nothing = Heap(())
        (after, _), expected = step(PoolState(pool, nothing), Get(key))
        slot = SlotId(0) if isinstance(r.slot, UnsetType) else r.slot
        moved = old is not None and r.hit and old.slot != slot
        if came == expected and not moved:
            self.pool = after
            return self.identity(r, key)
        rest = tuple(entry for entry in after.entries if entry.key != key)
        entries = after.entries
        if old is None or moved or not r.hit:
            as_set = contents_of(r.fp, r.sz) if old is None else old.as_set
            new = Entry(key, SlotId(slot), HERE, as_set, 0 if old is None else old.priority)
            entries = (*rest, new) if r.hit else rest
        laws = self.adopt(pool, Get(key), came, entries, nothing) or {"P6"}
        wanted = "a miss" if old is None else f"a hit in slot {old.slot}, {shown(old.as_set)}"
        told = f"a hit in slot {slot}, {shown(contents_of(r.fp, r.sz))}" if r.hit else "a miss"
        return [Charge(law, wanted, told) for law in sorted(laws)] + self.identity(r, key)

    def identity(self, r: GetRecord, key: Key) -> list[Charge]:
        """R1: the object that was set, as far as the trace numbers objects."""
        known = self.object(key)
        if known is None or isinstance(r.o, UnsetType) or r.o == known:
            return []
        return [Charge("R1", f"object {known}", f"object {r.o}")]

    def on_set(self, r: SetRecord) -> list[Charge]:
        if self.lost:
            self.lost.pop(key_of(r.k), None)
        if self.quickly and self.live.set(r, self.rank(r.priority)):
            return []
        key, contents = key_of(r.k), contents_of(r.fp, r.sz)
        op, heap = Set(key, HERE, self.rank(r.priority)), Heap((Object(contents),))
        charges = self.residency(r, key)
        pool = self.pool
        old = find(pool, key)
        (after, _), expected = step(PoolState(pool, heap), op)
        assert isinstance(expected, Stored), "every operand of a recorded set is proper"
        out = self.evicted(r)
        due = {left.key for left in expected.left if left.key != key}
        same = not self.copies and old is not None and self.object(key) == r.o
        charges += self.departures(r.left, () if same else expected.left)
        charges += self.strangers(r, out)
        number = r.o if isinstance(r.o, int) else self.object(key)
        if r.slot == expected.slot and out == due:
            self.pool = after
            self.number(key, number)
            return charges
        nobody = out - {entry.key for entry in pool.entries}
        laws = self.adopt(pool, op, Stored(SlotId(r.slot)), self.with_set(r, op, old, out), heap)
        laws |= {"P3"} if nobody or not laws else set()
        self.number(key, number)
        if "P3" in laws:
            self.lost.update(dict.fromkeys(out - due, r.i))
        wanted = f"slot {expected.slot}, {keys_leave(due)}"
        return charges + [
            Charge(law, wanted, f"slot {r.slot}, {keys_leave(out)}") for law in sorted(laws)
        ]

    def strangers(self, r: SetRecord, out: set[Key]) -> list[Charge]:
        """P3: only who is there can be evicted."""
        gone = {key for key in out if name(key) not in self.live.entries}
        came = f"{keys_leave(gone)}, not resident"
        return [Charge("P3", "an evicted key that was resident", came)] if gone else []

    def number(self, key: Key, number: int | None) -> None:
        live = self.live.entries.get(name(key))
        if live is not None:  # else the record itself says that it leaves again
            self.live.entries[name(key)] = live._replace(object=number)

    def with_set(
        self, r: SetRecord, op: Set, old: Entry | None, out: set[Key]
    ) -> tuple[Entry, ...]:
        """The entries as the record has them: who moves to another slot is the newest."""
        entries = tuple(entry for entry in self.pool.entries if entry.key not in out)
        rank = op.priority if op.priority is not None else 0
        new = Entry(key_of(r.k), SlotId(r.slot), HERE, contents_of(r.fp, r.sz), rank)
        if old is None or old.slot != r.slot or self.profile.policy in RENEWING:
            return (*(entry for entry in entries if entry.key != new.key), new)
        return tuple(new if entry.key == new.key else entry for entry in entries)

    def residency(self, r: SetRecord, key: Key) -> list[Charge]:
        """Whether the key was live: an entry that came or went unseen is adopted as it is."""
        old = find(self.pool, key)
        if r.new == (old is None):
            return []
        if old is not None:
            entries = tuple(entry for entry in self.pool.entries if entry.key != key)
        else:
            entries = (*self.pool.entries, Entry(key, SlotId(r.slot), HERE, Contents(0)))
        self.pool = self.pool._replace(entries=entries)
        told = "not live", "live"
        return [Charge("P3", f"key {r.k} {told[r.new]}", f"key {r.k} {told[not r.new]}")]

    def evicted(self, r: SetRecord) -> set[Key]:
        if not isinstance(r.left, UnsetType):
            return {key_of(left.k) for left in r.left if left.why == "evicted"}
        return set() if isinstance(r.ev, UnsetType) else {key_of(r.ev)}

    def departures(
        self, told: Sequence[LeftRecord] | UnsetType, expected: tuple[Left, ...]
    ) -> list[Charge]:
        """P12, and R4 and R1 for what left, where the trace tells."""
        if isinstance(told, UnsetType):
            return []
        charges = []
        due = [(name(left.key), left.slot, left.cause.value) for left in expected]
        came = [(left.k, left.slot, left.why) for left in told]
        if due != came:
            charges.append(Charge("P12", leavers(due), leavers(came)))
        for left in told:
            entry, number = self.entry(key_of(left.k)), self.object(key_of(left.k))
            if entry is not None and entry.as_set != contents_of(left.fp, UNSET):
                charges.append(Charge("R4", shown(entry.as_set), f"leaves with {left.fp}"))
            if number is not None and number != left.o:
                charges.append(Charge("R1", "the object set", f"object {left.o} leaves"))
        return charges

    def on_leaving(self, r: LeavingRecord) -> list[Charge]:
        """Some of those that the clear which follows takes."""
        self.leaving += r.left
        return []

    def on_clear(self, r: ClearRecord) -> list[Charge]:
        told = r.left if isinstance(r.left, UnsetType) else [*self.leaving, *r.left]
        size, self.leaving = self.size, []
        by_slot = sorted(self.live.entries, key=lambda k: self.live.entries[k].slot)
        quick = not isinstance(told, UnsetType) and [left.k for left in told] == by_slot
        charges: list[Charge] = []
        if isinstance(told, UnsetType) or not (
            quick and all(self.live.leaves(left, "cleared") for left in told)
        ):
            entries = [entry_of(k, self.live.entries[k]) for k in by_slot]
            charges = self.departures(told, tuple(cleared(entry) for entry in entries))
        if r.n != size:
            charges.append(Charge("P7", f"{size} entries cleared", f"{r.n} entries cleared"))
        self.live.clear()
        self.lost.clear()
        return charges

    def on_load(self, r: LoadRecord) -> list[Charge]:
        if self.live.load(r, self.rank(r.priority)):
            return []
        full = self.size >= self.shape.size
        law, due = ("P1", f"{self.size} entries") if full else ("P2", "one entry a key and a slot")
        if not full:
            live = Live(r.slot, r.fp, 0, self.rank(r.priority), r.o, 0)
            self.live.fill([*self.live.entries.items(), (r.k, live)])
        return [Charge(law, due, f"key {r.k} loaded into slot {r.slot} too")]

    def on_remains(self, r: RemainsRecord) -> list[Charge]:
        """Against what is left in eviction order, one by one."""
        if self.expected_remains is None:
            self.expected_remains = deque(self.eviction_order())
        if not self.expected_remains:
            return [Charge("P3", "nothing more", f"key {r.k} remains")]
        due = self.expected_remains.popleft()
        if due.key != key_of(r.k):
            return [Charge("P3", f"key {name(due.key)} goes next", f"key {r.k} goes next")]
        found = []
        if due.slot != r.slot:
            found.append(Charge("P2", f"slot {due.slot}", f"slot {r.slot}"))
        if due.as_set != contents_of(r.fp, UNSET):
            found.append(Charge("R4", shown(due.as_set), f"contents {r.fp}"))
        if due.priority != rank_of(r.priority):
            found.append(Charge("P5", "the priority set", f"priority {r.priority}"))
        known = self.object(due.key)
        if known is not None and known != r.o:
            found.append(Charge("R1", f"object {known}", f"object {r.o}"))
        return found

    def eviction_order(self) -> tuple[Entry, ...]:
        return tuple([entry_of(key, live) for key, live in self.live.in_eviction_order()])

    def unaccounted(self) -> list[Charge]:
        """At the end: who should have remained and was not listed."""
        due = self.eviction_order() if self.expected_remains is None else self.expected_remains
        return [Charge("P3", f"key {name(entry.key)} remains", "it is not there") for entry in due]
