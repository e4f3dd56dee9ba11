"""Keys: xxh64 of the state's bytes in C order, defined here once more, from its description."""

from typing import Final, NamedTuple

from spec.law import Law

MASK: Final = 2**64 - 1
PRIME_1: Final = 0x9E3779B185EBCA87
PRIME_2: Final = 0xC2B2AE3D27D4EB4F
PRIME_3: Final = 0x165667B19E3779F9
PRIME_4: Final = 0x85EBCA77C2B2AE63
PRIME_5: Final = 0x27D4EB2F165667C5


def rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & MASK


def mixed(lane: int, word: int) -> int:
    return rotated((lane + word * PRIME_2) & MASK, 31) * PRIME_1 & MASK


def folded(value: int, lane: int) -> int:
    return ((value ^ mixed(0, lane)) * PRIME_1 + PRIME_4) & MASK


def word(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size], "little")


def striped(data: bytes) -> int:
    """The part of the input that comes in whole stripes of 32 bytes."""
    lanes = [(PRIME_1 + PRIME_2) & MASK, PRIME_2, 0, -PRIME_1 & MASK]
    for start in range(0, len(data) - 31, 32):
        lanes = [mixed(lane, word(data, start + 8 * n, 8)) for n, lane in enumerate(lanes)]
    turns = zip(lanes, (1, 7, 12, 18), strict=True)
    value = sum(rotated(lane, bits) for lane, bits in turns) & MASK
    for lane in lanes:
        value = folded(value, lane)
    return value


def xxh64(data: bytes) -> int:
    """The 64-bit xxHash with seed 0."""
    value = striped(data) if len(data) >= 32 else PRIME_5
    value, at = (value + len(data)) & MASK, len(data) - len(data) % 32
    while at + 8 <= len(data):
        value = (rotated(value ^ mixed(0, word(data, at, 8)), 27) * PRIME_1 + PRIME_4) & MASK
        at += 8
    if at + 4 <= len(data):
        value = (
            rotated(value ^ (word(data, at, 4) * PRIME_1 & MASK), 23) * PRIME_2 + PRIME_3
        ) & MASK
        at += 4
    for byte in data[at:]:
        value = rotated(value ^ (byte * PRIME_5 & MASK), 11) * PRIME_1 & MASK
    value = (value ^ value >> 33) * PRIME_2 & MASK
    value = (value ^ value >> 29) * PRIME_3 & MASK
    return value ^ value >> 32


class Keyed(NamedTuple):
    """What was observed: a state with its key, and its salted key.

    `data` are the state's bytes in C order. `layout` says how and where it was stored (strides,
    device, process), which must not matter.
    """

    data: bytes
    dtype: str
    shape: tuple[int, ...]
    salt: tuple[int, ...]
    layout: str
    key: int
    salted: int


class Pair(NamedTuple):
    """Two observations."""

    one: Keyed
    other: Keyed


def bytes_only(pair: Pair) -> bool:
    """Equal bytes have equal keys, however they are stored."""
    return pair.one.data != pair.other.data or pair.one.key == pair.other.key


def is_xxh64(pair: Pair) -> bool:
    """The key is the xxh64 of the bytes."""
    return all(state.key == xxh64(state.data) for state in pair)


def identity(state: Keyed) -> tuple[object, ...]:
    return state.data, state.dtype, state.shape, state.salt


def salt_distinguishes(pair: Pair) -> bool:
    """The salted key tells apart bytes, dtype, shape and salt, and nothing else."""
    alike = identity(pair.one) == identity(pair.other)
    return (pair.one.salted == pair.other.salted) == alike


def stored_otherwise(pair: Pair) -> bool:
    """Equal bytes, stored in two ways."""
    return pair.one.data == pair.other.data and pair.one.layout != pair.other.layout


def stripes_and_rest(pair: Pair) -> bool:
    """Enough bytes for the algorithm's main loop in one, and in one some left over behind it."""
    sizes = [len(state.data) for state in pair]
    return max(sizes) >= 32 and any(size % 32 for size in sizes)


def told_apart(pair: Pair) -> bool:
    """Equal bytes that only the salted key tells apart."""
    return pair.one.data == pair.other.data and identity(pair.one) != identity(pair.other)


ABOUT: Final = (Pair,)
KEYS: Final[tuple[Law[Pair], ...]] = (
    Law("K1", "bytes only", ABOUT, bytes_only, stored_otherwise),
    Law("K2", "xxh64", ABOUT, is_xxh64, stripes_and_rest),
    Law("K3", "salt distinguishes", ABOUT, salt_distinguishes, told_apart),
)
