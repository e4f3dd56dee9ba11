"""Reading a trace: streaming, plain or gzip, refusing what is not exactly a trace."""

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar, cast, get_args

import msgspec
from msgspec import UNSET

from stateful_models.traces.format import (
    HEADER,
    LONGEST_LINE,
    RECORD,
    AnyRecord,
    ClearRecord,
    EndRecord,
    EntryRecord,
    GetRecord,
    Header,
    LeavingRecord,
    LoadRecord,
    LookupRecord,
    MarkRecord,
    OwnHeader,
    RemainsRecord,
    SetRecord,
    Tally,
    TraceError,
    UpstreamHeader,
    WmCopyRecord,
    kind_of,
)
from stateful_models.traces.order import Check, order_of
from stateful_models.traces.ring import Ring
from stateful_models.traces.told import (
    KINDS_OF,
    Dialect,
    Telling,
    fault_of_get,
    fault_of_mark,
    fault_of_priority,
)

GZIP_MAGIC: Final = b"\x1f\x8b"
CHUNK: Final = 1 << 16
PHASE: Final[dict[type, int]] = {
    LoadRecord: 0,
    RemainsRecord: 2,
    EndRecord: 3,
}  # of a trace; all else is 1
EVERYBODY: Final = frozenset[Dialect]({"kvref", "manager", "legacy"})
SLOTTED: Final = GetRecord, SetRecord, WmCopyRecord, EntryRecord
Slotted: TypeAlias = GetRecord | SetRecord | WmCopyRecord | EntryRecord
OF_RINGS: Final = GetRecord, SetRecord, ClearRecord, WmCopyRecord
LEAVING_SINCE: Final = 2  # versions of kvref's traces
NODES_SINCE: Final = 3
NAMING: Final = GetRecord, SetRecord, LookupRecord
Naming: TypeAlias = GetRecord | SetRecord | LookupRecord
T = TypeVar("T")


def rank_of_pool(name: str) -> tuple[int, int]:
    """Its place among the pools of a manager: init by environment, recur, wm."""
    tier, _, env = name.partition(":")
    return ("init", "recur", "wm").index(tier), int(env or 0)


class Numbered(NamedTuple):
    """A record with the line that it stood on."""

    number: int
    record: AnyRecord


class TraceReader:
    """One trace: `header`, then `records()` once. Raises `TraceError` at the first bad line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self.lines = self._lines()
        self.header: Header = self._decode(HEADER, self._next())
        self.own = isinstance(self.header, OwnHeader)
        self._check_header()
        header = self.header
        self.dialect: Dialect = "kvref" if isinstance(header, OwnHeader) else header.path
        self.longest = 0 if isinstance(header, OwnHeader) else header.context_length
        self.names_nodes = self.own and self.header.version >= NODES_SINCE
        self.named = 0
        self.listed = 0, (0, 0)
        self.order = order_of(header) if isinstance(header, UpstreamHeader) else ()
        rings = header.pools.items() if self.dialect == "legacy" else ()
        self.rings = {name: Ring(shape.size) for name, shape in rings}
        self.checks = {kind: self._checks(kind) for kind in get_args(AnyRecord)}

    def fail(self, why: str) -> TraceError:
        return TraceError(self.path, self.number, why)

    def _open(self) -> BufferedReader | gzip.GzipFile:
        file = self.path.open("rb")
        packed = file.peek(2)[:2] == GZIP_MAGIC
        return gzip.GzipFile(fileobj=file) if packed else file

    def _lines(self) -> Iterator[bytes]:
        """Lines without their ends; a last line without one is a file cut off."""
        rest = b""
        try:
            with self._open() as file:
                while chunk := file.read1(CHUNK):
                    *whole, rest = (rest + chunk).split(b"\n")
                    for line in whole:
                        self.number += 1
                        if len(line) >= LONGEST_LINE:
                            raise self.fail("the line is too long")
                        yield line
                    if len(rest) >= LONGEST_LINE:
                        self.number += 1
                        raise self.fail("the line is too long")
            if rest:
                self.number += 1
                raise self.fail("the file is cut off")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self.number += 1
            raise self.fail(f"damaged gzip data ({error})") from error
        except OSError as error:
            raise self.fail(error.strerror or str(error)) from error

    def _next(self) -> bytes:
        line = next(self.lines, None)
        if line is None:
            raise self.fail("the file is empty")
        return line

    def _decode(self, decoder: "msgspec.json.Decoder[T]", line: bytes) -> T:
        try:
            return decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self.fail(str(error)) from error

    def _check_header(self) -> None:
        header = self.header
        every = range(header.env_num)
        own = isinstance(header, OwnHeader) and "recur" not in header.pools
        recurs = {f"recur:{env}" for env in every} if own else {"recur"}
        names = {f"init:{env}" for env in every} | recurs | {"wm"}
        if set(header.pools) != names:
            wrong = sorted(names ^ set(header.pools))
            raise self.fail(f"{header.env_num} environments do not go with pools {wrong[:4]}")
        strategies = {shape.strategy for shape in header.pools.values()}
        legacy = isinstance(header, UpstreamHeader) and header.path == "legacy"
        if ("ring" in strategies) is not legacy:
            raise self.fail("strategy ring belongs to the legacy path, for every pool of it")
        tiers = {(name.partition(":")[0], shape.size) for name, shape in header.pools.items()}
        if len(strategies) > 1 or len(tiers) > len(("init", "recur", "wm")):
            raise self.fail("pools of one tier of unlike sizes, or of unlike strategies")
        if isinstance(header, UpstreamHeader):
            self._check_upstream(header)

    def _check_upstream(self, header: UpstreamHeader) -> None:
        """What the header tells twice."""
        built = header.pools["recur"].size, header.pools["wm"].size
        if built != (header.wm_num_simulations * header.env_num, header.env_num):
            raise self.fail(f"sizes {built} of recur and wm do not go with wm_num_simulations")
        forced = header.forced_strategy or ("fifo" if header.path == "manager" else "ring")
        if header.pools["wm"].strategy != forced:
            raise self.fail(f"strategy {header.pools['wm'].strategy}, where {forced} is forced")
        kv = header.kv
        if kv.get("max_tokens") != header.context_length:
            raise self.fail("context_length is not kv's max_tokens")
        heads, width = kv.get("heads"), kv.get("head_dim")
        told = heads * width if isinstance(heads, int) and isinstance(width, int) else None
        if told != header.embed_dim:
            raise self.fail("embed_dim is not that of kv's heads")

    def records(self) -> Iterator[Numbered]:
        """Every record up to `end`, each checked by itself and for its place."""
        phase = 0
        seen: dict[type, int] = {}
        leaving: str | None = None
        for expected, raw in enumerate(self.lines):
            record = self._decode(RECORD, raw)
            if record.i != expected:
                raise self.fail(f"record {record.i} where record {expected} belongs")
            self._check(record)
            if leaving is not None and not (
                isinstance(record, (LeavingRecord, ClearRecord)) and record.p == leaving
            ):
                raise self.fail(f"entries leave pool {leaving} without its clear")
            leaving = record.p if isinstance(record, LeavingRecord) else None
            kind = type(record)
            before, phase = phase, PHASE.get(kind, 1)
            if phase < before or before == PHASE[EndRecord]:
                raise self.fail(f"a {kind_of(kind)} record too late")
            if kind is EndRecord:
                self._check_tally(cast(EndRecord, record), seen)
            seen[kind] = seen.get(kind, 0) + 1
            yield Numbered(self.number, record)
        if phase != PHASE[EndRecord]:
            raise self.fail("the file ends without its end record")

    def _listed(self, record: AnyRecord) -> str | None:
        """Entries at the start, and at the end, are listed pool by pool."""
        pool = cast(EntryRecord, record).p
        before, self.listed = self.listed, (PHASE[type(record)], rank_of_pool(pool))
        return f"pool {pool} behind another" if before > self.listed else None

    def _naming(self, record: AnyRecord) -> str | None:
        """Nodes are named since some version, and counted."""
        if cast(Naming, record).node is UNSET:
            return None
        self.named += 1
        kind = kind_of(type(record)).lower()
        told = f"a {kind} record that names a node, in version {self.header.version}"
        return None if self.names_nodes else told

    def _check_tally(self, end: EndRecord, seen: dict[type, int]) -> None:
        if not self.own:
            return
        counted = [seen.get(kind, 0) for kind in (GetRecord, SetRecord, ClearRecord, LookupRecord)]
        told = Tally(*counted)
        if self.names_nodes:
            told = msgspec.structs.replace(told, node=self.named)
        if end.tally != told:
            raise self.fail(f"the end tells of {end.tally}, the file holds {told}")

    def _check(self, record: AnyRecord) -> None:
        """What the format promises of one record, and JSON alone does not."""
        for fault_of in self.checks[type(record)]:
            fault = fault_of(record)
            if fault is not None:
                raise self.fail(fault)

    def _checks(self, kind: type[AnyRecord]) -> tuple[Check, ...]:
        """What is asked of each record of a kind: of itself, then of what stands around it."""
        if self.dialect not in KINDS_OF.get(kind, EVERYBODY):
            return (self._misplaced,)
        pools, header = self.header.pools, self.header
        telling = Telling(kind, self.dialect)
        asked: dict[Check, bool] = {
            self._slotted: issubclass(kind, SLOTTED),
            self._pooled: kind in (ClearRecord, LeavingRecord),
            self._in_range: kind in (GetRecord, SetRecord) and not self.own,
            self._looked_up: kind is LookupRecord,
            telling.fault: bool(telling.foreign or telling.due),
            lambda r: fault_of_get(cast(GetRecord, r), self.dialect): kind is GetRecord,
            lambda r: fault_of_mark(cast(MarkRecord, r), header.env_num): kind is MarkRecord,
            self._sized: kind in (SetRecord, WmCopyRecord) and not self.own,
            lambda r: fault_of_priority(cast(EntryRecord, r), pools): self.own
            and issubclass(kind, (SetRecord, EntryRecord)),
            self._naming: self.own and issubclass(kind, NAMING),
            self._misplaced: kind is LeavingRecord and header.version < LEAVING_SINCE,
            self._listed: issubclass(kind, EntryRecord),
            **{one.of(kind): True for one in self.order},
            self._ringed: self.dialect == "legacy" and issubclass(kind, OF_RINGS),
        }
        return tuple(check for check, due in asked.items() if due)

    def _ringed(self, record: AnyRecord) -> str | None:
        one = cast(GetRecord | SetRecord | ClearRecord | WmCopyRecord, record)
        return self.rings[one.p].fault(one)

    def _misplaced(self, record: AnyRecord) -> str:
        kind = kind_of(type(record)).lower()
        return f"a {kind} record in a {self.kind} trace, version {self.header.version}"

    def _pooled(self, record: AnyRecord) -> str | None:
        pool = cast(ClearRecord | LeavingRecord, record).p
        return None if pool in self.header.pools else f"there is no pool {pool!r}"

    def _slotted(self, record: AnyRecord) -> str | None:
        one = cast(Slotted, record)
        shape = self.header.pools.get(one.p)
        if shape is None:
            return f"there is no pool {one.p!r}"
        if isinstance(one.slot, int) and one.slot >= shape.size:
            return f"slot {one.slot} in pool {one.p}, which has {shape.size}"
        return None

    def _in_range(self, record: AnyRecord) -> str | None:
        one = cast(GetRecord | SetRecord, record)
        if isinstance(one.env, int) and one.env >= self.header.env_num:
            return f"environment {one.env} of {self.header.env_num}"
        return None

    def _looked_up(self, record: AnyRecord) -> str | None:
        one = cast(LookupRecord, record)
        if one.env >= self.header.env_num:
            return f"environment {one.env} of {self.header.env_num}"
        if self.own and (one.source is None) is not (one.fp is UNSET):
            return "a lookup that tells contents, or none, against its `from`"
        return None

    def _sized(self, record: AnyRecord) -> str | None:
        size = cast(SetRecord | WmCopyRecord, record).sz
        if isinstance(size, int) and not 0 < size <= self.longest:
            return f"an entry of {size} tokens, where 1 to {self.longest} are stored"
        return None

    @property
    def kind(self) -> Literal["kvref", "UniZero"]:
        return "kvref" if self.own else "UniZero"
