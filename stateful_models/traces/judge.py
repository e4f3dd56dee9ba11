"""Judging a recorded run: the first record that breaks each law, and how many do."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never, get_args

from msgspec import UNSET, UnsetType

from spec.laws import TITLES
from spec.ops import Contents, Key
from spec.profile import Ownership, Profile, copies
from stateful_models.traces.effects import Effect, effects
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
from stateful_models.traces.nodes import Nodes
from stateful_models.traces.objects import OwnNumbers, SlotNumbers, UpstreamNumbers
from stateful_models.traces.pool import POLICY, Charge, PoolTrack
from stateful_models.traces.reader import TraceReader, rank_of_pool
from stateful_models.traces.values import contents_of, key_of, shown
from stateful_models.traces.words import headline, remarks

KINDS: Final = {kind: kind_of(kind) for kind in get_args(AnyRecord)}


@dataclass
class Breach:
    """A law, the first record that breaks it, and how many of each kind do."""

    law: str
    record: int
    line: int
    expected: str
    came: str
    kinds: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.kinds.total()

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

    @property
    def accepted(self) -> bool:
        return not self.breaches

    def __str__(self) -> str:
        """What `kvref trace check` prints."""
        breaches = map(self.sentence, self.breaches.values())
        return "\n".join([self.headline(self.verdict), *breaches, *self.remarks])

    def sentence(self, breach: Breach) -> str:
        return (
            f"  {breach.law} {breach.title}: {'; '.join(map(str, self.effects(breach)))}; first "
            f"record {breach.record:,} on line {breach.line:,}: expected {breach.expected}; came "
            f"{breach.came}"
        )

    def effects(self, breach: Breach) -> list[Effect]:
        """What a broken law did, by kind of record, as of so many."""
        own = isinstance(self.header, OwnHeader)
        return list(effects(breach.law, breach.kinds, self.counts, own))

    @property
    def verdict(self) -> str:
        return "accepted" if self.accepted else f"breaks {', '.join(self.breaches)}"

    def headline(self, verdict: str) -> str:
        return headline(self.path.name, verdict, self.profile, self.counts)

    @property
    def remarks(self) -> list[str]:
        return list(remarks(self.wrong_misses, self.shared_hits, self.counts))

    @property
    def profile(self) -> Profile:
        """What the header implies: the policy of its pools; the legacy path copies into slots."""
        policy = POLICY[self.header.pools["wm"].strategy]
        if isinstance(self.header, OwnHeader):
            return Profile(policy, Ownership(self.header.ownership))
        legacy = self.header.path == "legacy"
        return Profile(policy, Ownership.COPY if legacy else Ownership.REFERENCE)

    def charge(self, charges: list[Charge], record: AnyRecord, line: int) -> None:
        """A record counts once for each law that it breaks."""
        for one in {one.law: one for one in reversed(charges)}.values():
            first = Breach(one.law, record.i, line, one.expected, one.came)
            self.breaches.setdefault(one.law, first).kinds[KINDS[type(record)]] += 1


class TraceJudge:
    """Follows one trace, pool by pool."""

    def __init__(self, reader: TraceReader) -> None:
        self.reader = reader
        self.report = TraceReport(reader.path, reader.header)
        private = self.private = copies(self.report.profile)
        shapes = reader.header.pools.items()
        self.pools = {name: PoolTrack.of(name, shape, private) for name, shape in shapes}
        own = isinstance(reader.header, OwnHeader)
        self.numbers = OwnNumbers() if own else UpstreamNumbers()
        self.slots = SlotNumbers() if reader.dialect == "legacy" else None
        self.nodes = Nodes(self.report.counts)
        self.recent: list[GetRecord | ClearRecord] = []
        self.storer: dict[Key, int] = {}
        self.own: dict[tuple[int, Key], Contents] = {}

    def take(self, record: AnyRecord, line: int) -> None:
        self.report.counts[KINDS[type(record)]] += 1
        charges = self.judge(record)
        fault = self.numbers.fault(record)
        if fault is not None:
            raise self.reader.fail(fault)
        if charges:
            self.report.charge(charges, record, line)
        if not isinstance(record, (GetRecord, ClearRecord)):
            if self.recent:
                self.recent = []
        elif self.recent and type(self.recent[-1]) is type(record):
            self.recent = [*self.recent[-len(self.pools) :], record]
        else:
            self.recent = [record]

    def sharing(self, record: SetRecord | LoadRecord) -> list[Charge]:
        """R1: a copy is an object of its own. R4: one object has the same contents everywhere."""
        held = self.numbers.shared(record)
        if held is None:
            return []
        if self.private:
            return [Charge("R1", "an object of its own", f"object {record.o}, stored already")]
        again = held.times == 1 and self.pools[record.p].object(key_of(record.k)) == record.o
        if again or held.fp == record.fp:
            return []
        return [Charge("R4", f"object {record.o} with {held.fp}", f"it with {record.fp}")]

    def judge(self, record: AnyRecord) -> list[Charge]:
        match record:
            case GetRecord():
                return self.on_get(record)
            case SetRecord():
                return self.sharing(record) + self.on_set(record)
            case ClearRecord():
                return self.on_clear(record)
            case LeavingRecord():
                return self.pools[record.p].on_leaving(record)
            case LookupRecord():
                return self.on_lookup(record)
            case ClearRecurRecord(parts=parts):
                return self.cleared(parts, self.tier_cleared(parts))
            case ClearAllRecord(parts=parts):
                return self.cleared(parts, [*self.pools])
            case LoadRecord():
                return self.sharing(record) + self.pools[record.p].on_load(record)
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
        pool = self.pools[r.p]
        self.report.counts["hits"] += r.hit
        if pool.lost and not r.hit and key_of(r.k) in pool.lost:
            self.report.wrong_misses.append((pool.lost[key_of(r.k)], r.i))
        if r.hit and not isinstance(self.report.header, OwnHeader):
            self.agrees(r)
        charges = pool.on_get(r)
        if self.reader.names_nodes:
            charges += self.nodes.found(r)
        if r.p == "recur" and r.hit and isinstance(r.env, int):
            charges += self.shared(r.env, key_of(r.k))
        if self.slots is not None and r.hit:
            differs = self.slots.differs(r)
            charges += [] if differs is None else [Charge("R1", *differs)]
        return charges + self.addressed(r)

    def addressed(self, r: GetRecord | SetRecord) -> list[Charge]:
        """M1: what is done for an environment is done in a pool that it may use."""
        if isinstance(r.env, UnsetType) or r.p == "recur":
            return []
        tier, apart, number = r.p.partition(":")
        if not apart or r.env == int(number):
            return []
        return [Charge("M1", f"pool {tier}:{r.env} for environment {r.env}", f"pool {r.p}")]

    def agrees(self, r: GetRecord) -> None:
        """What a hit tells of the store before it is what that store told."""
        live = self.pools[r.p].live.entries.get(r.k)
        if live is not None and (r.want is not UNSET or live.fp != r.fp or live.size != r.sz):
            same = (live.fp, live.size) == (r.fp, r.sz)
            if (r.want, r.want_sz) != ((UNSET, UNSET) if same else (live.fp, live.size)):
                raise self.reader.fail(f"want {r.want}, {r.want_sz} where {live.fp} was stored")
        if r.p == "recur" and isinstance(r.env, int):
            storer = self.storer.get(key_of(r.k), r.env)
            if r.from_env != (UNSET if storer == r.env else storer):
                raise self.reader.fail(f"from_env {r.from_env} where {storer} stored last")

    def on_copy(self, r: WmCopyRecord) -> list[Charge]:
        """R4: a working copy is what the lookup before it delivered."""
        found = self.recent[-1]  # a hit, as the reader has seen
        if not isinstance(found, GetRecord) or (found.fp, found.sz) == (r.fp, r.sz):
            return []
        told = shown(contents_of(found.fp, found.sz)), shown(contents_of(r.fp, r.sz))
        return [Charge("R4", f"a copy of {told[0]}", told[1])]

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
        if self.reader.names_nodes:
            self.nodes.set(r)
        grown = pool.size - before
        self.report.counts["evicted"] += r.new - grown if r.new else -grown
        if r.p == "recur" and isinstance(r.env, int):
            self.storer[key_of(r.k)] = r.env
            self.own[r.env, key_of(r.k)] = contents_of(r.fp, r.sz)
        if not isinstance(r.stored_fp, UnsetType):
            charges.append(Charge("R4", f"contents {r.fp}", f"contents {r.stored_fp} are stored"))
        return charges + self.addressed(r)

    def on_clear(self, r: ClearRecord) -> list[Charge]:
        if r.p == "recur":
            self.storer.clear()
            self.own.clear()
        self.nodes.clear(r.p)
        return self.pools[r.p].on_clear(r)

    def on_lookup(self, r: LookupRecord) -> list[Charge]:
        """M3: init, then recur if init missed, for one node; the answer is theirs."""
        gets = (
            [one for one in self.recent if isinstance(one, GetRecord)][-r.parts :]
            if r.parts
            else []
        )
        asked = [f"init:{r.env}", self.recur_of(r.env)][: r.parts]
        right = [one for one in gets if one.k == r.k and one.env in (UNSET, r.env)]
        told = [one.p for one in right if one.node == r.node]
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

    def recur_of(self, env: int) -> str:
        """The recur pool that an environment asks: its own, where each has one."""
        return "recur" if "recur" in self.pools else f"recur:{env}"

    def tier_cleared(self, parts: int) -> list[str]:
        """Every recur pool, or one environment's, where each has its own."""
        recurs = [name for name in self.pools if name.partition(":")[0] == "recur"]
        last = self.recent[-1].p if self.recent else ""
        return [last] if parts == 1 and last in recurs else recurs

    def cleared(self, parts: int, due: list[str]) -> list[Charge]:
        """M4: the pools cleared just now are those of the tier, one after another."""
        clears = [one.p for one in self.recent if isinstance(one, ClearRecord)]
        last = clears[-parts:] if parts else []
        if parts == len(due) and last == sorted(due, key=rank_of_pool):
            return []
        return [Charge("M4", f"{due} cleared", f"{parts} of {clears} cleared")]

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
