"""What a recording says of each event: the records of `kvref.recording`."""

import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from io import BufferedWriter
from typing import (
    Final,
    Generic,
    Protocol,
    SupportsIndex,
    TypeVar,
    cast,
    runtime_checkable,
)

import msgspec

from kvref.arguments import as_integer
from kvref.departures import Departure, Resident
from kvref.errors import KVCacheValueError
from kvref.hashing import SupportsBuffer, hash_state
from kvref.observing import Cleared, Event, Got, LookedUp, Stored
from kvref.ranks import written

V = TypeVar("V")

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


class Records(Generic[V]):
    """Writes down events, one record after another."""

    _file: gzip.GzipFile | BufferedWriter

    def __init__(self, fingerprint: Callable[[V], SupportsIndex]) -> None:
        self._fingerprint = fingerprint
        self._numbers = Numbers()
        self._count = 0
        self._tally: Counter[str] = Counter()
        self._last: tuple[object, str] | None = None

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

    def _record(self, event: Event[V], node: str | None) -> None:
        """`node`: whom it was for, if that was told."""
        match event:
            case Got():
                self._write_for(node, "get", self._of_got(event))
            case Stored():
                self._write_for(node, "set", self._of_stored(event))
            case Cleared():
                self._on_cleared(event)
            case LookedUp():
                self._write_for(node, "hget", self._of_looked_up(event))

    def _write_for(self, node: str | None, op: str, fields: dict[str, object]) -> None:
        if node is not None:
            fields["node"] = node
        self._write(op, fields)
        self._tally["node"] += node is not None

    def _of_got(self, event: Got[V]) -> dict[str, object]:
        hit = event.value is not None
        fields: dict[str, object] = {"p": event.pool, "k": hexadecimal(event.key), "hit": hit}
        if event.value is not None:
            fields["slot"], fields["fp"] = event.slot, self._print(event.value)
            fields["o"] = self._numbers.of(event.value)
        return fields

    def _of_stored(self, event: Stored[V]) -> dict[str, object]:
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
        return fields

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

    def _of_looked_up(self, event: LookedUp[V]) -> dict[str, object]:
        tier = None if event.value is None else ("init", "recur")[len(event.asked) - 1]
        fields: dict[str, object] = {"env": event.env, "k": hexadecimal(event.key)}
        fields["from"], fields["parts"] = tier, len(event.asked)
        if event.value is not None:
            known, told = (None, "") if self._last is None else self._last
            fields["fp"] = told if known is event.value else self._print(event.value)
        return fields
