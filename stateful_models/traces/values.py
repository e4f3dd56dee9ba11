"""What a trace writes, as what the specification speaks of, and in words."""

from collections.abc import Sequence
from fractions import Fraction
from math import isinf
from typing import Final, cast

from msgspec import UnsetType

from spec.ops import Cause, Contents, Key, Left, Ref, SlotId
from spec.pool import Entry
from stateful_models.traces.live import Live

HERE: Final = Ref(0)  # in each step, the object at hand is the only one


def key_of(k: str) -> Key:
    return Key(int(k, 16))


def name(key: int) -> str:
    return f"{key:016x}"


def fingerprint(contents: int) -> str:
    return f"{contents % 2**64:016x}"


def contents_of(fp: str | UnsetType, sz: int | UnsetType) -> Contents:
    """Fingerprint and size together."""
    size = 0 if isinstance(sz, UnsetType) else sz
    return Contents(size << 64 | (0 if isinstance(fp, UnsetType) else int(fp, 16)))


def shown(contents: int) -> str:
    size = f", size {contents >> 64}" if contents >> 64 else ""
    return f"contents {fingerprint(contents)}{size}"


def integer(text: str) -> int:
    """Decimal, or hexadecimal after 0x."""
    return int(text, 16) if "x" in text else int(text)


def rank_of(priority: str | UnsetType) -> int:
    """The priority as a number that compares exactly. The specification only compares them."""
    if isinstance(priority, UnsetType):
        return 0
    if "x" not in priority and not priority.lstrip("-").isdigit() and "/" not in priority:
        near = float(priority)
        return cast(int, Fraction(priority) if isinf(near) and "inf" not in priority else near)
    over, _, under = priority.partition("/")
    return cast(int, Fraction(integer(over), integer(under))) if under else integer(over)


def entry_of(k: str, live: Live) -> Entry:
    return Entry(key_of(k), SlotId(live.slot), HERE, contents_of(live.fp, live.size), live.rank)


def live_of(entry: Entry, number: int | None) -> Live:
    size, fp = divmod(entry.as_set, 1 << 64)
    return Live(entry.slot, f"{fp:016x}", size, entry.priority, number, 0)


def leavers(told: Sequence[tuple[str, int, str]]) -> str:
    """Who leaves, from which slot and why; of many the first few."""
    few = ", ".join(f"{k} ({why}, slot {slot})" for k, slot, why in told[:3])
    return (
        f"{few}{f' and {len(told) - 3} more' if len(told) > 3 else ''} leaves"
        if told
        else ("nobody leaves")
    )


def cleared(entry: Entry) -> Left:
    return Left(entry.key, entry.slot, None, Cause.CLEARED)


def keys_leave(keys: set[Key]) -> str:
    return f"{', '.join(name(key) for key in sorted(keys))} leaves" if keys else "nobody leaves"
