"""Judging a recorded run: the first record that breaks each law, and how many do."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never, get_args

from msgspec import UNSET

from spec.laws import TITLES
from spec.ops import Contents, Key
from spec.profile import Ownership, Profile, copies
from stateful_models.traces.format import (
    AnyRecord,
    ClearAllRecord,
    ClearRecord,
    ClearRecurRecord,
    EndRecord,
    GetRecord,
    Header,
    LeavingRecord,
    LoadRecord,
    LookupRecord,
    MarkRecord,
    OwnHeader,
    RemainsRecord,
    SetRecord,
    WmCopyRecord,
    kind_of,
)
from stateful_models.traces.pool import POLICY, Charge, PoolTrack
from stateful_models.traces.reader import TraceReader
from stateful_models.traces.values import contents_of, key_of, shown

KINDS: Final = {kind: kind_of(kind) for kind in get_args(AnyRecord)}


@dataclass
class Breach:
    """A law, how many records break it, and the first of them."""

    law: str
    record: int
    line: int
    expected: str
    came: str
    count: int = 1

    @property
    def title(self) -> str:
        return TITLES[self.law]


@dataclass
class TraceReport:
    """What a trace holds, and what is wrong with it.

    `shared_hits`: hits through the declared channel (M5), on another environment's entry.
    `wrong_misses`: records that missed a key which a breach of P3 had removed, behind the record
    that removed it.
    """

    path: Path
    header: Header
    counts: Counter[str] = field(default_factory=Counter)
    breaches: dict[str, Breach] = field(default_factory=dict)
    shared_hits: int = 0
    wrong_misses: list[tuple[int, int]] = field(default_factory=list)

    def __str__(self) -> str:
        """The verdict in a line, then a line for each law broken and for what goes with it."""
        laws = ", ".join(self.breaches)
        counts, profile = self.counts, self.profile
        lines = [
            f"{self.path.name}: {f'breaks {laws}' if laws else 'accepted'}"
            f"  ({profile.policy.value} {profile.ownership.value}; {counts['Get']} gets, "
            f"{counts['hits']} hits, {counts['Set']} sets, {counts['evicted']} evicted)"
        ]
        lines += [
            f"  {b.law} {b.title}: {b.count:,} records, first record {b.record:,} "
            f"(line {b.line:,}): expected {b.expected}; came {b.came}"
            for b in self.breaches.values()
        ]
        return "\n".join([*lines, *self.remarks])

    @property
    def remarks(self) -> list[str]:
        """What is said beside the verdict."""
        lines = list[str]()
        if self.wrong_misses:
            removed, missed = self.wrong_misses[0]
            lines.append(
                f"  P3 where it mattered: a key removed at record {removed} was looked up in vain "
                f"at record {missed}; {len(self.wrong_misses)} such lookups"
            )
        if self.shared_hits:
            lines.append(
                f"  M5: {self.shared_hits} recur hits on an entry that another environment stored "
                "(the declared channel; a breach of S2 where the contents differ)"
            )
        return lines

    @property
    def accepted(self) -> bool:
        return not self.breaches

    @property
    def profile(self) -> Profile:
        """What the header implies: the policy of its pools; the legacy path copies into slots."""
        policy = POLICY[self.header.pools["wm"].strategy]
        if isinstance(self.header, OwnHeader):
            return Profile(policy, Ownership(self.header.ownership))
        legacy = self.header.path == "legacy"
        return Profile(policy, Ownership.COPY if legacy else Ownership.REFERENCE)

    def charge(self, charges: list[Charge], record: int, line: int) -> None:
        """A record counts once for each law that it breaks."""
        for one in {one.law: one for one in reversed(charges)}.values():
            known = self.breaches.get(one.law)
            if known is None:
                self.breaches[one.law] = Breach(one.law, record, line, one.expected, one.came)
            else:
                known.count += 1


class TraceJudge:
    """Follows one trace, pool by pool."""

    def __init__(self, reader: TraceReader) -> None:
        self.report = TraceReport(reader.path, reader.header)
        private = copies(self.report.profile)
        shapes = reader.header.pools.items()
        self.pools = {name: PoolTrack.of(name, shape, private) for name, shape in shapes}
        self.recent: list[GetRecord | ClearRecord] = []
        self.storer: dict[Key, int] = {}
        self.own: dict[tuple[int, Key], Contents] = {}
        self.copied = 0
        header = reader.header
        self.batched = not isinstance(header, OwnHeader) and header.path == "manager"

    def take(self, record: AnyRecord, line: int) -> None:
        self.report.counts[KINDS[type(record)]] += 1
        charges = self.owed(record) + self.judge(record)
        if charges:
            self.report.charge(charges, record.i, line)
        if not isinstance(record, (GetRecord, ClearRecord)):
            if self.recent:
                self.recent = []
        elif self.recent and type(self.recent[-1]) is type(record):
            self.recent = [*self.recent[-len(self.pools) :], record]
        else:
            self.recent = [record]

    def judge(self, record: AnyRecord) -> list[Charge]:
        match record:
            case GetRecord():
                return self.on_get(record)
            case SetRecord():
                return self.on_set(record)
            case ClearRecord():
                return self.on_clear(record)
            case LeavingRecord():
                return self.pools[record.p].on_leaving(record)
            case LookupRecord():
                return self.on_lookup(record)
            case ClearRecurRecord(parts=parts):
                return self.cleared(
                    parts, {name for name in self.pools if name.startswith("recur")}
                )
            case ClearAllRecord(parts=parts):
                return self.cleared(parts, set(self.pools))
            case LoadRecord():
                return self.pools[record.p].on_load(record)
            case RemainsRecord():
                return self.pools[record.p].on_remains(record)
            case EndRecord():
                return self.on_end()
            case WmCopyRecord():
                return self.on_copy(record)
            case MarkRecord():
                return []
            case _:
                assert_never(record)

    def on_get(self, r: GetRecord) -> list[Charge]:
        pool, key = self.pools[r.p], key_of(r.k)
        self.report.counts["hits"] += r.hit
        if not r.hit and key in pool.lost:
            self.report.wrong_misses.append((pool.lost[key], r.i))
        charges = pool.on_get(r)
        if r.p == "recur" and r.hit and isinstance(r.env, int):
            charges += self.shared(r.env, key)
        return charges

    def shared(self, env: int, key: Key) -> list[Charge]:
        """M5, S2: a hit on what another environment stored under this key."""
        storer, entry = self.storer.get(key, env), self.pools["recur"].entry(key)
        if storer == env or entry is None:
            return []
        self.report.shared_hits += 1
        own = self.own.get((env, key), entry.as_set)
        if own == entry.as_set:
            return []
        came = f"environment {storer}'s, {shown(entry.as_set)}"
        return [Charge("S2", f"environment {env}'s own, {shown(own)}", came)]

    def on_set(self, r: SetRecord) -> list[Charge]:
        pool = self.pools[r.p]
        before = pool.size
        charges = pool.on_set(r)
        grown = pool.size - before
        self.report.counts["evicted"] += r.new - grown if r.new else -grown
        if r.p == "recur" and isinstance(r.env, int):
            self.storer[key_of(r.k)] = r.env
            self.own[r.env, key_of(r.k)] = contents_of(r.fp, r.sz)
        return charges

    def on_clear(self, r: ClearRecord) -> list[Charge]:
        if r.p == "recur":
            self.storer.clear()
            self.own.clear()
        return self.pools[r.p].on_clear(r)

    def owed(self, record: AnyRecord) -> list[Charge]:
        """M3: UniZero's managers ask for a row of a batch (`env`) in hierarchical lookups only."""
        last = self.recent[-1] if self.batched and self.recent else None
        if not isinstance(last, GetRecord) or last.env is UNSET or isinstance(record, LookupRecord):
            return []
        goes_on = isinstance(record, GetRecord) and (record.p, record.k) == ("recur", last.k)
        if goes_on and not last.hit and last.p != "recur":
            return []
        return [Charge("M3", f"the lookup of key {last.k} ends", "it does not")]

    def on_lookup(self, r: LookupRecord) -> list[Charge]:
        """M3: init, then recur if init missed; the answer is theirs."""
        gets = (
            [one for one in self.recent if isinstance(one, GetRecord)][-r.parts :]
            if r.parts
            else []
        )
        asked = [f"init:{r.env}", self.recur_of(r.env)][: r.parts]
        told = [one.p for one in gets if one.k == r.k and one.env in (UNSET, r.env)]
        found = gets[-1].hit if gets else False
        source = ("init", "recur")[r.parts - 1] if found and r.parts else None
        early = [one.hit for one in gets[:-1]]
        complete = r.parts == 2 or found
        if told != asked or source != r.source or any(early) or not complete:
            came = f"{r.source} after asking {told}"
            return [Charge("M3", f"{source} after asking {asked}", came)]
        due = gets[-1].fp if found else UNSET
        if isinstance(self.report.header, OwnHeader) and r.fp != due:
            return [Charge("M3", f"the entry found, {due}", f"another value, {r.fp}")]
        return []

    def on_copy(self, r: WmCopyRecord) -> list[Charge]:
        """The legacy path copies each hit into the next slot of the wm ring."""
        due, self.copied = self.copied, (r.slot + 1) % self.pools[r.p].shape.size
        charges = [] if r.slot == due else [Charge("P4", f"slot {due}", f"slot {r.slot}")]
        last = self.recent[-1] if self.recent else None
        came = shown(contents_of(r.fp, r.sz))
        if not isinstance(last, GetRecord) or not last.hit:
            return [*charges, Charge("R4", "a hit before its copy", came)]
        if (last.fp, last.sz) != (r.fp, r.sz):
            charges.append(Charge("R4", shown(contents_of(last.fp, last.sz)), came))
        return charges

    def recur_of(self, env: int) -> str:
        """The recur pool that an environment asks: its own, where each has one."""
        return "recur" if "recur" in self.pools else f"recur:{env}"

    def cleared(self, parts: int, due: set[str]) -> list[Charge]:
        """M4: the pools cleared just now are those of the tier."""
        clears = [one.p for one in self.recent if isinstance(one, ClearRecord)]
        last = clears[-parts:] if parts else []
        if parts == len(last) == len(due) and set(last) == due:
            return []
        return [Charge("M4", f"{sorted(due)} cleared", f"{sorted(last)} of {parts} cleared")]

    def on_end(self) -> list[Charge]:
        if not isinstance(self.report.header, OwnHeader):
            return []
        return [charge for pool in self.pools.values() for charge in pool.unaccounted()]


def check_trace(path: str | Path) -> TraceReport:
    """Judge one file. Raises `TraceError` if it is no trace, with the line."""
    reader = TraceReader(Path(path))
    judge = TraceJudge(reader)
    for line in reader.records():
        judge.take(line.record, line.number)
    return judge.report
