"""The token window inside one KeysValues: each part holds the newest of the tokens given to it.

A part is the K or the V of one layer. What a token's K and V are is no matter here: a token is an
identity, the same in every part.
"""

from dataclasses import dataclass
from typing import NamedTuple, NewType, TypeAlias, assert_never

from spec.ops import Done, Refused

Token = NewType("Token", int)
Column = tuple[Token, ...]  # one token per sample
Columns = tuple[Column, ...]  # oldest first
Place = NewType("Place", int)  # which of the client's windows


class Part(NamedTuple):
    """`first` is the index, among all tokens ever appended, of the oldest that is still there."""

    tokens: Columns = ()
    first: int = 0


class Window(NamedTuple):
    """`parts`: K of layer 0, V of layer 0, K of layer 1, ..."""

    capacity: int
    samples: int
    parts: tuple[Part, ...]
    sealed: bool = False


class Shelf(NamedTuple):
    """The client's windows, and what it knows of them: how many tokens it has made so far, and
    which windows come from each other by forking (equal numbers), so may share storage."""

    windows: tuple[Window, ...]
    made: int = 0
    kin: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """Append tokens to the K and V of one layer; None: of every layer, as a model does."""

    at: Place
    k: Columns
    v: Columns
    layer: int | None = None


@dataclass(frozen=True, slots=True)
class Prune:
    """Keep the selected samples; None stands for a mask that must be refused."""

    at: Place
    mask: tuple[bool, ...] | None


@dataclass(frozen=True, slots=True)
class RemoveNewest:
    """Remove register tokens: the newest, as if they had never been appended."""

    at: Place
    count: int


@dataclass(frozen=True, slots=True)
class Reset:
    at: Place


@dataclass(frozen=True, slots=True)
class Seal:
    at: Place


@dataclass(frozen=True, slots=True)
class Clone:
    """Put a writable copy of the window at `at` in the place `to`."""

    at: Place
    to: Place


@dataclass(frozen=True, slots=True)
class Fork:
    """Put a writable continuation of the sealed window at `at` in the place `to`."""

    at: Place
    to: Place


WindowOp: TypeAlias = Update | Prune | RemoveNewest | Reset | Seal | Clone | Fork
WindowResponse: TypeAlias = Done | Refused


def new_window(capacity: int, samples: int, layers: int) -> Window:
    return Window(capacity, samples, (Part(),) * (2 * layers))


def new_shelf(capacity: int, samples: int, layers: int, places: int) -> Shelf:
    return Shelf((new_window(capacity, samples, layers),) * places, 0, tuple(range(places)))


def drop(capacity: int, size: int, new: int) -> int:
    """W2: the fewest oldest tokens, an even number, that make room; all, if none such is enough."""
    enough = (even for even in range(0, size + 1, 2) if size - even + new <= capacity)
    return next(enough, size)


def append(part: Part, capacity: int, new: Columns) -> Part:
    dropped = drop(capacity, len(part.tokens), len(new))
    return Part(part.tokens[dropped:] + new, part.first + dropped)


def even(window: Window) -> bool:
    """W4: every part holds as many tokens as every other, and has dropped as many."""
    return len({(len(part.tokens), part.first) for part in window.parts}) == 1


def size(window: Window) -> int:
    """How many tokens each part of an even window holds."""
    return len(window.parts[0].tokens)


def fits(window: Window, new: Columns) -> bool:
    """W3: no more tokens than the window holds, with one for each sample."""
    return len(new) <= window.capacity and all(len(column) == window.samples for column in new)


def update(window: Window, op: Update) -> Window | None:
    if not (fits(window, op.k) and fits(window, op.v) and len(op.k) == len(op.v)):
        return None
    parts = tuple(
        append(part, window.capacity, op.v if number % 2 else op.k)
        if op.layer in (None, number // 2)
        else part
        for number, part in enumerate(window.parts)
    )
    return window._replace(parts=parts)


def prune(window: Window, mask: tuple[bool, ...] | None) -> Window | None:
    if mask is None or len(mask) != window.samples:
        return None
    kept = [sample for sample, keep in enumerate(mask) if keep]
    parts = tuple(
        Part(tuple(tuple(column[sample] for sample in kept) for column in tokens), first)
        for tokens, first in window.parts
    )
    return window._replace(samples=len(kept), parts=parts)


def remove_newest(window: Window, count: int) -> Window | None:
    if not even(window) or not 0 <= count <= size(window):
        return None
    kept = size(window) - count
    return window._replace(parts=tuple(Part(p.tokens[:kept], p.first) for p in window.parts))


def written(window: Window, op: Update | Prune | RemoveNewest | Reset) -> Window | None:
    """What a write makes of a window; None if it must be refused."""
    if window.sealed:
        return None
    match op:
        case Update():
            return update(window, op)
        case Prune(_, mask):
            return prune(window, mask)
        case RemoveNewest(_, count):
            return remove_newest(window, count)
        case Reset():
            return window._replace(parts=(Part(),) * len(window.parts))
        case _:
            assert_never(op)


def result(shelf: Shelf, op: WindowOp) -> tuple[Place, Window] | None:
    """Which place holds what afterwards; None if the operation must be refused."""
    window = shelf.windows[op.at]
    match op:
        case Update() | Prune() | RemoveNewest() | Reset():
            after = written(window, op)
            return None if after is None else (op.at, after)
        case Seal():
            return (op.at, window._replace(sealed=True)) if even(window) else None
        case Clone(_, to):
            return (to, window._replace(sealed=False)) if even(window) else None
        case Fork(_, to):
            return (to, window._replace(sealed=False)) if window.sealed else None
        case _:
            assert_never(op)


def tokens_of(op: WindowOp) -> tuple[Token, ...]:
    """The tokens that the client made for this operation."""
    return tuple(t for c in op.k + op.v for t in c) if isinstance(op, Update) else ()


def made_after(made: int, op: WindowOp) -> int:
    return max((made, *(token + 1 for token in tokens_of(op))))


def kin_after(kin: tuple[int, ...], op: WindowOp) -> tuple[int, ...]:
    """A fork is its parent's kin, a clone is nobody's."""
    if not isinstance(op, (Clone, Fork)):
        return kin
    number = kin[op.at] if isinstance(op, Fork) else max(kin) + 1
    return (*kin[: op.to], number, *kin[op.to + 1 :])


def step(shelf: Shelf, op: WindowOp) -> tuple[Shelf, WindowResponse]:
    """One operation on one of the client's windows: total, pure; a refused one changes nothing."""
    made, found = made_after(shelf.made, op), result(shelf, op)
    if found is None:
        return shelf._replace(made=made), Refused()
    place, window = found
    windows = (*shelf.windows[:place], window, *shelf.windows[place + 1 :])
    return Shelf(windows, made, kin_after(shelf.kin, op)), Done()
