"""Recording what happens to a live manager, as a trace that `kvref trace check` can judge.

One JSON object per line: a header, a `load` for each entry already there, then one record per
pool operation in order (`get`, `set`, `clear`; before a clear of many, `leaving` lists most of
them), one per hierarchical lookup (`hget`, behind its one or two `get`s), a `remains` for each
entry there at the end, and `end`. Operations that raise change nothing and are not recorded. `fp`
is the contents' fingerprint, `o` numbers the stored objects (the same number is the same object).
Calls on the manager other than lookups are recorded as the pool operations that they lead to:
whether they led to the right pool is not recorded.
"""

import gzip
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Final, Generic, Protocol, Self, SupportsIndex, TypeVar, cast, runtime_checkable

import msgspec

from kvref.departures import Departure, Resident
from kvref.errors import KVCacheIOError, KVCacheTypeError, KVCacheValueError, show
from kvref.keying import SupportsBuffer, as_integer, hash_state
from kvref.manager import KVCacheManager
from kvref.observing import Cleared, Event, Got, LookedUp, Stored
from kvref.ranks import written

V = TypeVar("V")

logger = logging.getLogger(__name__)

VERSION: Final = 2
LONGEST_LINE: Final = 1 << 20  # what a reader takes
CHUNK: Final = 1 << 17  # characters of departures in one record


@runtime_checkable
class Fingerprinted(Protocol):
    """A value that can identify its contents itself, as `kvref.tensors.KeysValues` does."""

    def fingerprint(self) -> int: ...


def fingerprint_of(value: object) -> int:
    """The value's own `fingerprint()`, or the hash of its bytes."""
    if isinstance(value, Fingerprinted):
        return value.fingerprint()
    return hash_state(cast(SupportsBuffer, value))


def hexadecimal(number: int) -> str:
    """At least 16 characters; negative and longer numbers keep their sign and digits."""
    return f"{number:016x}"


class Numbers:
    """Numbers of stored objects: the same as long as one is stored anywhere."""

    def __init__(self) -> None:
        self._known: dict[int, list[int]] = {}
        self._next = 1

    def of(self, value: object) -> int:
        """Its number; a new one for an object that is not stored."""
        known = self._known.get(id(value))
        return self._next if known is None else known[0]

    def stored(self, value: object) -> None:
        known = self._known.setdefault(id(value), [self._next, 0])
        self._next += known[0] == self._next
        known[1] += 1

    def left(self, value: object) -> None:
        known = self._known[id(value)]
        known[1] -= 1
        if not known[1]:
            del self._known[id(value)]


class Recorder(Generic[V]):
    """Records every operation of `manager` into `path` until closed (a context manager).

    An observer (`kvref.observing`): the manager and its pools are used as always, directly too.
    No operation of theirs fails because its recording does. A recording that fails (a fingerprint
    that raises, a full disk, a record too long to be read) ends there, without its `end`, so that
    `kvref trace check` refuses the file; that is logged, kept in `failure` and raised by `close`,
    once, unless the `with` block raises itself. A copy of the manager is not recorded.

    Args:
        manager: any `KVCacheManager`, in use or new.
        path: the file to write; gzip if it ends in .gz.
        fingerprint: an integer that identifies a value's contents. The default asks the value for
            its `fingerprint()`, or hashes its bytes.
    """

    failure: Exception | None
    """What ended the recording early."""

    def __init__(
        self,
        manager: KVCacheManager[V],
        path: str | Path,
        fingerprint: Callable[[V], SupportsIndex] = fingerprint_of,
    ) -> None:
        if not isinstance(manager, KVCacheManager):
            raise KVCacheTypeError(f"only a KVCacheManager can be recorded, not {show(manager)}")
        if not callable(fingerprint):
            raise KVCacheTypeError(f"fingerprint must be callable, not {show(fingerprint)}")
        if not isinstance(path, (str, Path)):
            raise KVCacheTypeError(f"path must be a path, not {show(path)}")
        self._manager = manager
        self._path = Path(path)
        self._fingerprint = fingerprint
        self._numbers = Numbers()
        self._count = 0
        self._tally: Counter[str] = Counter()
        self._last: tuple[object, str] | None = None
        self._open = True
        self._untold = False
        self.failure = None
        header = self._encoded(self._header())
        loads = [self._load(pool.name, one) for pool in manager.pools for one in pool.by_age()]
        self._begin(header, loads)
        manager.observe(self)
        logger.info("recording into %s, %d entries loaded", path, len(loads))

    def _begin(self, header: bytes, loads: Iterable[dict[str, object]]) -> None:
        try:
            self._binary: BufferedWriter = self._path.open("wb")
        except (OSError, ValueError) as error:
            raise KVCacheIOError(f"cannot record into {self._path}: {error}") from error
        gz = self._path.suffix == ".gz"
        self._file = gzip.GzipFile("", "wb", fileobj=self._binary, mtime=0) if gz else self._binary
        try:
            self._file.write(header)
            for load in loads:
                self._write("load", load)
        except Exception as error:
            self._shut()
            if isinstance(error, OSError):
                raise KVCacheIOError(f"cannot record into {self._path}: {error}") from error
            raise

    def _header(self) -> dict[str, object]:
        pools = self._manager.pools
        return {
            "format": "kvref-trace",
            "version": VERSION,
            "env_num": self._manager.env_num,
            "ownership": pools[0].ownership.value,
            "pools": {
                pool.name: {"size": pool.pool_size, "strategy": pool.eviction_strategy.value}
                for pool in pools
            },
        }

    def _encoded(self, record: dict[str, object]) -> bytes:
        line = msgspec.json.encode(record) + b"\n"
        if len(line) >= LONGEST_LINE:
            raise KVCacheValueError(f"a record of {len(line)} bytes is too long to be read again")
        return line

    def _write(self, op: str, fields: dict[str, object]) -> None:
        self._file.write(self._encoded({"i": self._count, "op": op, **fields}))
        self._count += 1
        self._tally[op] += 1

    def _print(self, value: V) -> str:
        told = hexadecimal(as_integer(self._fingerprint(value), "a fingerprint") % 2**64)
        self._last = value, told
        return told

    def __call__(self, event: Event[V], /) -> None:
        """Write down what happened; whatever goes wrong ends the recording, and nothing else."""
        if not self._open:
            return
        try:
            self._record(event)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self._manager.unobserve(self)
        self.failure, self._untold = error, True
        self._shut()
        logger.error(
            "recording into %s ended early, at record %d, and cannot be judged: %s: %s",
            self._path,
            self._count,
            type(error).__name__,
            error,
        )

    def _shut(self) -> None:
        """Let go of the file, whatever it says."""
        self._open = False
        for file in (self._file, self._binary):
            with suppress(Exception):
                file.close()

    def _record(self, event: Event[V]) -> None:
        match event:
            case Got():
                self._on_got(event)
            case Stored():
                self._on_stored(event)
            case Cleared():
                self._on_cleared(event)
            case LookedUp():
                self._on_looked_up(event)

    def _on_got(self, event: Got[V]) -> None:
        hit = event.value is not None
        fields: dict[str, object] = {"p": event.pool, "k": hexadecimal(event.key), "hit": hit}
        if event.value is not None:
            fields["slot"], fields["fp"] = event.slot, self._print(event.value)
            fields["o"] = self._numbers.of(event.value)
        self._write("get", fields)

    def _on_stored(self, event: Stored[V]) -> None:
        fields: dict[str, object] = {
            "p": event.pool,
            "k": hexadecimal(event.key),
            "slot": event.slot,
            "new": event.new,
            "fp": self._print(event.given),
            "o": self._numbers.of(event.value),
            "left": [self._leaving(one) for one in event.left],
        }
        if event.new or event.left:  # else it was set again, and is stored once
            self._numbers.stored(event.value)
        self._release(event.left)
        if event.rank is not None:
            fields["priority"] = written(event.rank)
        self._write("set", fields)

    def _on_cleared(self, event: Cleared[V]) -> None:
        *most, last = self._chunks(event.left)
        for chunk in most:
            self._write("leaving", {"p": event.pool, "left": chunk})
        self._release(event.left)
        self._write("clear", {"p": event.pool, "n": len(event.left), "left": last})

    def _chunks(self, left: Iterable[Departure[V]]) -> Iterator[list[dict[str, object]]]:
        """As many at a time as one record holds; at least one, perhaps empty."""
        chunk, size = list[dict[str, object]](), 0
        for one in left:
            chunk.append(self._leaving(one))
            size += 100 + len(hexadecimal(one.key))
            if size > CHUNK:
                yield chunk
                chunk, size = [], 0
        yield chunk

    def _leaving(self, one: Departure[V]) -> dict[str, object]:
        return {**self._entry(one.key, one.slot, one.value), "why": one.cause.value}

    def _entry(self, key: int, slot: int, value: V) -> dict[str, object]:
        number = self._numbers.of(value)
        return {"k": hexadecimal(key), "slot": slot, "fp": self._print(value), "o": number}

    def _load(self, pool: str, one: Resident[V]) -> dict[str, object]:
        fields = {"p": pool, **self._entry(one.key, one.slot, one.value)}
        self._numbers.stored(one.value)
        return self._ranked(one, fields)

    def _ranked(self, one: Resident[V], fields: dict[str, object]) -> dict[str, object]:
        return fields if one.priority is None else {**fields, "priority": written(one.priority)}

    def _release(self, left: Iterable[Departure[V]]) -> None:
        for one in left:
            self._numbers.left(one.value)

    def _on_looked_up(self, event: LookedUp[V]) -> None:
        tier = None if event.value is None else ("init", "recur")[len(event.asked) - 1]
        fields: dict[str, object] = {"env": event.env, "k": hexadecimal(event.key)}
        fields["from"], fields["parts"] = tier, len(event.asked)
        if event.value is not None:
            known, told = (None, "") if self._last is None else self._last
            fields["fp"] = told if known is event.value else self._print(event.value)
        self._write("hget", fields)

    def close(self) -> None:
        """Stop recording: write what remains and the end. Closing twice does no harm.

        Raises what ended the recording early, the first time.
        """
        if self._open:
            self._manager.unobserve(self)
            try:
                self._finish()
            except Exception as error:
                self.failure = error
                raise
            finally:
                self._shut()
        elif self._untold:
            self._untold = False
            raise KVCacheIOError(
                f"the recording into {self._path} ended early: {self.failure}"
            ) from self.failure

    def _finish(self) -> None:
        for pool in self._manager.pools:
            for one in pool.residents():
                entry = self._entry(one.key, one.slot, one.value)
                self._write("remains", self._ranked(one, {"p": pool.name, **entry}))
        tally = {op: self._tally[op] for op in ("get", "set", "clear", "hget")}
        self._write("end", {"complete": True, "tally": tally})
        self._file.close()
        self._binary.close()
        logger.info("recorded %d records", self._count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
            return
        with suppress(Exception):  # the block's own exception is what the caller must see
            self.close()
