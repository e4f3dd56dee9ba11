"""Reading a trace: streaming, plain or gzip, refusing what is not exactly a trace."""

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar, cast

import msgspec
from msgspec import UNSET

from stateful_models.traces.format import (
    HEADER,
    LONGEST_LINE,
    RECORD,
    AnyRecord,
    ClearRecord,
    EndRecord,
    GetRecord,
    Header,
    LeavingRecord,
    LoadRecord,
    LookupRecord,
    OwnHeader,
    RemainsRecord,
    SetRecord,
    Tally,
    TraceError,
    UpstreamHeader,
    WmCopyRecord,
    kind_of,
)

GZIP_MAGIC: Final = b"\x1f\x8b"
CHUNK: Final = 1 << 16
PHASE: Final[dict[type, int]] = {
    LoadRecord: 0,
    RemainsRecord: 2,
    EndRecord: 3,
}  # of a trace; all else is 1
T = TypeVar("T")


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
        ring = {name for name, shape in header.pools.items() if shape.strategy == "ring"}
        legacy = isinstance(header, UpstreamHeader) and header.path == "legacy"
        if ring != (names if legacy else set()):
            raise self.fail("strategy ring belongs to the legacy path, for every pool of it")

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

    def _check_tally(self, end: EndRecord, seen: dict[type, int]) -> None:
        if not self.own:
            return
        told = Tally(
            *(seen.get(kind, 0) for kind in (GetRecord, SetRecord, ClearRecord, LookupRecord))
        )
        if end.tally != told:
            raise self.fail(f"the end tells of {end.tally}, the file holds {told}")

    def _check(self, record: AnyRecord) -> None:
        """What the format promises of one record, and JSON alone does not."""
        if isinstance(
            record,
            (
                GetRecord,
                SetRecord,
                ClearRecord,
                LeavingRecord,
                WmCopyRecord,
                LoadRecord,
                RemainsRecord,
            ),
        ):
            shape = self.header.pools.get(record.p)
            if shape is None:
                raise self.fail(f"there is no pool {record.p!r}")
            slot = 0 if isinstance(record, (ClearRecord, LeavingRecord)) else record.slot
            if isinstance(slot, int) and slot >= shape.size:
                raise self.fail(f"slot {slot} in pool {record.p}, which has {shape.size}")
            if isinstance(record, GetRecord) and record.hit is (
                record.slot is UNSET or record.fp is UNSET
            ):
                told = [n for n, v in (("slot", record.slot), ("fp", record.fp)) if v is not UNSET]
                raise self.fail(f"a get with hit={record.hit} that tells {told}")
            if isinstance(record, (SetRecord, ClearRecord)) and self.own and record.left is UNSET:
                raise self.fail("a record without `left`")
        env = record.env if isinstance(record, (GetRecord, SetRecord, LookupRecord)) else UNSET
        if isinstance(env, int) and env >= self.header.env_num:
            raise self.fail(f"environment {env} of {self.header.env_num}")
        if isinstance(env, int) and isinstance(record, (GetRecord, SetRecord)):
            tier, _, owner = record.p.partition(":")
            if tier == "wm" or (owner and owner != str(env)):
                raise self.fail(f"environment {env} in pool {record.p}")
        if isinstance(record, WmCopyRecord) and record.p != "wm":
            raise self.fail(f"a copy into wm in pool {record.p}")
        if isinstance(
            record, WmCopyRecord if self.own else (LoadRecord, LeavingRecord, RemainsRecord)
        ):
            raise self.fail(f"a {kind_of(type(record)).lower()} record in a {self.kind} trace")

    @property
    def kind(self) -> Literal["kvref", "UniZero"]:
        return "kvref" if self.own else "UniZero"
