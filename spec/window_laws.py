"""W1 to W6, and R3 and R4 of windows: predicates on one transition, each with its *sometimes*."""

from typing import Final, NamedTuple, assert_never

from spec.law import Law
from spec.ops import Done, Refused
from spec.window import (
    Clone,
    Columns,
    Fork,
    Part,
    Place,
    Prune,
    RemoveNewest,
    Reset,
    Seal,
    Shelf,
    Update,
    Window,
    WindowOp,
    WindowResponse,
    even,
)


class WindowTransition(NamedTuple):
    """What was observed: the client's windows, an operation, its answer, the windows after it."""

    before: Shelf
    op: WindowOp
    response: WindowResponse
    after: Shelf

    @property
    def done(self) -> bool:
        return isinstance(self.response, Done)

    @property
    def old(self) -> Window:
        """The window operated on, before."""
        return self.before.windows[self.op.at]

    @property
    def place(self) -> Place:
        """Where the result is."""
        return self.op.to if isinstance(self.op, (Clone, Fork)) else self.op.at

    @property
    def new(self) -> Window:
        """The window that the operation made or changed, after."""
        return self.after.windows[self.place]


class Growth(NamedTuple):
    """What an update did to one part."""

    old: Part
    added: Columns
    new: Part
    capacity: int

    @property
    def dropped(self) -> int:
        return len(self.old.tokens) + len(self.added) - len(self.new.tokens)


def growths(t: WindowTransition) -> tuple[Growth, ...]:
    """Part by part what an update that was not refused did; empty for anything else."""
    op = t.op
    if not (isinstance(op, Update) and t.done and len(t.old.parts) == len(t.new.parts)):
        return ()
    return tuple(
        Growth(old, op.v if number % 2 else op.k, new, t.old.capacity)
        for number, (old, new) in enumerate(zip(t.old.parts, t.new.parts, strict=True))
        if op.layer in (None, number // 2)
    )


def suffix(t: WindowTransition) -> bool:
    """What is there is the end of what was there, followed by all that was appended."""
    return all(
        (g.old.tokens + g.added)[max(g.dropped, 0) :] == g.new.tokens
        and len(g.new.tokens) <= g.capacity
        for g in growths(t)
    )


def fewest(g: Growth) -> bool:
    """An even number went, and two fewer would not have fitted; or all had to go."""
    had, room = len(g.old.tokens), g.capacity - len(g.added)
    kept = had - g.dropped
    if g.dropped == 0:
        return had <= room
    enough_is_there = had - had % 2 >= had - room
    if kept == 0 and not enough_is_there:
        return True
    return g.dropped % 2 == 0 and kept <= room < kept + 2


def fewest_dropped(t: WindowTransition) -> bool:
    """Overflow drops an even number of oldest tokens, the fewest that fit, or all."""
    return all(fewest(g) for g in growths(t))


def proper(t: WindowTransition) -> bool:
    """What must be done, and all else refused: above all, no more new tokens than capacity."""
    op, old = t.op, t.old
    match op:
        case Seal() | Clone():
            return even(old)
        case Fork():
            return old.sealed
        case Update(_, k, v, _):
            alike = len(k) == len(v) and all(len(column) == old.samples for column in k + v)
            return not old.sealed and alike and len(k) <= old.capacity
        case Prune(_, mask):
            return not old.sealed and mask is not None and len(mask) == old.samples
        case RemoveNewest(_, count):
            return not old.sealed and even(old) and 0 <= count <= len(old.parts[0].tokens)
        case Reset():
            return not old.sealed
        case _:
            assert_never(op)


def refused_whole(t: WindowTransition) -> bool:
    """What is proper is done; what is not is refused, and then no window changes."""
    if isinstance(t.response, Refused) and t.after.windows != t.before.windows:
        return False
    return t.done == proper(t)


def parts_agree(t: WindowTransition) -> bool:
    """K and V of a layer agree on tokens; all layers do, once each has been given the same; an
    update of one layer leaves the others, and nothing changes how many there are."""
    if (t.new.capacity, len(t.new.parts)) != (t.old.capacity, len(t.old.parts)):
        return False
    if isinstance(t.op, Update) and t.op.layer is not None:
        pairs = enumerate(zip(t.old.parts, t.new.parts, strict=True))
        if any(old != new for number, (old, new) in pairs if number // 2 != t.op.layer):
            return False
    if t.done and not isinstance(t.op, Prune) and t.new.samples != t.old.samples:
        return False
    for k, v in zip(t.new.parts[::2], t.new.parts[1::2], strict=True):
        if (len(k.tokens), k.first) != (len(v.tokens), v.first):
            return False
    whole = not isinstance(t.op, Update) or t.op.layer is None
    return not (whole and t.done and even(t.old)) or even(t.new)


def selected(t: WindowTransition) -> bool:
    """Prune keeps the selected samples; a removal takes the newest tokens; a copy is the same."""
    pairs = tuple(zip(t.old.parts, t.new.parts, strict=False))
    match t.op:
        case Prune(_, mask) if t.done and mask is not None:
            rows = [number for number, keep in enumerate(mask) if keep]
            chosen = [tuple(tuple(c[row] for row in rows) for c in old.tokens) for old, _ in pairs]
            return t.new.samples == len(rows) and [new.tokens for _, new in pairs] == chosen
        case RemoveNewest(_, count) if t.done:
            fits = all(0 <= count <= len(old.tokens) for old, _ in pairs)
            return fits and all(o.tokens[: len(o.tokens) - count] == n.tokens for o, n in pairs)
        case Clone() | Fork() if t.done:
            return t.new == t.old._replace(sealed=False)
        case Reset() if t.done:
            return all(not new.tokens for _, new in pairs)
        case _:
            return True


def others_kept(t: WindowTransition) -> bool:
    """Nobody ever sees another window's tokens: every other window stays as it was."""
    others = [place for place in range(len(t.before.windows)) if place != t.place]
    return all(t.before.windows[place] == t.after.windows[place] for place in others)


def sealed_refuses(t: WindowTransition) -> bool:
    """A sealed window refuses every write; sealing changes no token."""
    if isinstance(t.op, Seal):
        return not t.done or t.new == t.old._replace(sealed=True)
    if isinstance(t.op, (Clone, Fork)):
        return not t.done or not t.new.sealed
    refused = isinstance(t.response, Refused) and t.new == t.old
    return refused if t.old.sealed else not t.new.sealed


def flips(t: WindowTransition) -> bool:
    """The parity of the oldest token's index changes."""
    return any(g.old.first % 2 != g.new.first % 2 for g in growths(t))


def phase(t: WindowTransition) -> bool:
    """`first` counts what was dropped; its parity flips only when a full update drops odd many."""
    for g in growths(t):
        full = len(g.added) == g.capacity and len(g.old.tokens) % 2 == 1
        if g.new.first != g.old.first + g.dropped or (g.dropped % 2 == 1 and not full):
            return False
    if isinstance(t.op, Reset) and t.done:
        return all(part.first == 0 for part in t.new.parts)
    if isinstance(t.op, Update):
        return True
    pairs = zip(t.old.parts, t.new.parts, strict=False)
    return not t.done or all(old.first == new.first for old, new in pairs)


def overflows(t: WindowTransition) -> bool:
    """Some tokens go, some of the older stay."""
    return any(0 < g.dropped < len(g.old.tokens) for g in growths(t))


def rounds_up(t: WindowTransition) -> bool:
    """One more token goes than had to, for the sake of pairs."""
    needed = [(g, len(g.old.tokens) + len(g.added) - g.capacity) for g in growths(t)]
    return any(g.dropped == excess + 1 for g, excess in needed if excess > 0)


def too_many(t: WindowTransition) -> bool:
    return isinstance(t.op, Update) and len(t.op.k) > t.old.capacity and t.old.parts[0].tokens != ()


def picks(t: WindowTransition) -> bool:
    """A prune that keeps some samples and not others, of a window that holds something."""
    return isinstance(t.op, Prune) and t.done and 0 < t.new.samples < t.old.samples


def in_common(t: WindowTransition) -> bool:
    """A window is written while another holds tokens of its."""
    if not (isinstance(t.op, Update) and t.done):
        return False
    mine = set(t.old.parts[0].tokens)
    others = [w for place, w in enumerate(t.before.windows) if place != t.place]
    return any(mine & set(window.parts[0].tokens) for window in others)


def denied(t: WindowTransition) -> bool:
    writes = (Update, Prune, RemoveNewest, Reset)
    return isinstance(t.op, writes) and t.old.sealed and t.old.parts[0].tokens != ()


EVERY: Final = (Update, Prune, RemoveNewest, Reset, Seal, Clone, Fork)
WINDOW: Final[tuple[Law[WindowTransition], ...]] = (
    Law("W1", "suffix", (Update,), suffix, overflows),
    Law("W2", "fewest dropped", (Update,), fewest_dropped, rounds_up),
    Law("W3", "refused whole", EVERY, refused_whole, too_many),
    Law("W4", "parts agree", EVERY, parts_agree, lambda t: bool(growths(t))),
    Law("W5", "selected", (Prune, RemoveNewest, Clone, Fork, Reset), selected, picks),
    Law("W6", "phase", EVERY, phase, flips),
    Law("R3", "held handles", EVERY, others_kept, in_common),
    Law("R4", "integrity", EVERY, sealed_refuses, denied),
)
