"""Reading a trace: streaming, plain or gzip, refusing what is not exactly a trace."""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeVar, cast

import msgspec

from stateful_models.trace_format import (
    HEADER,
    LONGEST_LINE,
    RECORD,
    AnyRecord,
    Clear,
    End,
    Get,
    Header,
    Load,
    OwnHeader,
    Remains,
    Set,
    Tally,
    TraceError,
    UpstreamHeader,
    WmCopy,
)

GZIP_MAGIC: Final = b"\x1f\x8b"
PHASE: Final[dict[type, int]] = {Load: 0, Remains: 2, End: 3}  # of a trace; all else is 1
T = TypeVar("T")


@dataclass(frozen=True)
class Line:
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
        self._check_header()

    def fail(self, why: str) -> TraceError:
        return TraceError(self.path, self.number, why)

    def _open(self) -> BinaryIO:
        file = self.path.open("rb")
        packed = file.peek(2)[:2] == GZIP_MAGIC
        return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file

    def _lines(self) -> Iterator[bytes]:
        """Lines without their ends; a last line without one is a file cut off."""
        try:
            with self._open() as file:
                while line := file.readline(LONGEST_LINE):
                    self.number += 1
                    if not line.endswith(b"\n"):
                        long = len(line) == LONGEST_LINE
                        raise self.fail("the line is too long" if long else "the file is cut off")
                    yield line[:-1]
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

    def records(self) -> Iterator[Line]:
        """Every record up to `end`, each checked by itself and for its place."""
        phase = 0
        seen: Counter[str] = Counter()
        for expected, raw in enumerate(self.lines):
            record = self._decode(RECORD, raw)
            if record.i != expected:
                raise self.fail(f"record {record.i} where record {expected} belongs")
            self._check(record)
            before, phase = phase, PHASE.get(type(record), 1)
            if phase < before or before == PHASE[End]:
                raise self.fail(f"a {type(record).__name__} record too late")
            if isinstance(record, End):
                self._check_tally(record, seen)
            seen[type(record).__name__] += 1
            yield Line(self.number, record)
        if phase != PHASE[End]:
            raise self.fail("the file ends without its end record")

    def _check_tally(self, end: End, seen: Counter[str]) -> None:
        if not isinstance(self.header, OwnHeader):
            return
        told = Tally(seen["Get"], seen["Set"], seen["Clear"], seen["Lookup"])
        if end.tally != told:
            raise self.fail(f"the end tells of {end.tally}, the file holds {told}")

    def _check(self, record: AnyRecord) -> None:
        """What the format promises of one record, and JSON alone does not."""
        own = isinstance(self.header, OwnHeader)
        if isinstance(record, (Get, Set, Clear, WmCopy, Load, Remains)):
            shape = self.header.pools.get(record.p)
            if shape is None:
                raise self.fail(f"there is no pool {record.p!r}")
            slot = getattr(record, "slot", 0)
            if slot is not msgspec.UNSET and slot >= shape.size:
                raise self.fail(f"slot {slot} in pool {record.p}, which has {shape.size}")
        if isinstance(record, Get):
            told = [name for name in ("slot", "fp") if getattr(record, name) is not msgspec.UNSET]
            if len(told) != (2 if record.hit else 0):
                raise self.fail(f"a get with hit={record.hit} that tells {told}")
        env = getattr(record, "env", msgspec.UNSET)
        if env is not msgspec.UNSET and env >= self.header.env_num:
            raise self.fail(f"environment {env} of {self.header.env_num}")
        foreign = (Load, Remains) if not own else WmCopy
        if isinstance(record, foreign):
            raise self.fail(f"a {type(record).__name__.lower()} record in a {self.kind} trace")
        if own and isinstance(record, (Set, Clear)) and record.left is msgspec.UNSET:
            raise self.fail("a record without `left`")

    @property
    def kind(self) -> Literal["kvref", "UniZero"]:
        return "kvref" if isinstance(self.header, OwnHeader) else "UniZero"
