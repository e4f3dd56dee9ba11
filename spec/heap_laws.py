"""R1 to R5, P12: what becomes of the objects themselves, which comparing values cannot see."""

from typing import Final

from spec.heap import Hand, contents
from spec.law import Law
from spec.ops import (
    Cause,
    Census,
    Clear,
    Cleared,
    Contents,
    Done,
    Get,
    Hit,
    Inspect,
    Left,
    Peek,
    Read,
    Refused,
    Reread,
    Rewrite,
    Seen,
    Set,
    SlotId,
    Stored,
    Write,
)
from spec.pool import Entry, leave, retained
from spec.profile import Ownership, Profile, copies, delivers_own, lends
from spec.transition import EVERY_OP, Transition


def ownership(t: Transition) -> Ownership:
    return t.after.pool.profile.ownership


def private(t: Transition) -> bool:
    """Whether what is stored is a copy, none of the client's objects."""
    return copies(t.after.pool.profile)


def delivered(t: Transition) -> tuple[Entry, Hit] | None:
    """The entry that a get or peek hit, with what came back."""
    if not (isinstance(t.op, (Get, Peek)) and isinstance(t.response, Hit)):
        return None
    return None if t.old is None else (t.old, t.response)


def identity(t: Transition) -> bool:
    """REFERENCE, SEALED: a hit returns the very object last set under that key."""
    if any(old.ref != new.ref for old, new in t.changed):
        return False
    if isinstance(t.op, Set) and isinstance(t.response, Stored):
        return t.new is None or t.new.ref == t.op.ref
    found = delivered(t)
    if found is None:
        return True
    entry, hit = found
    return hit.ref == (None if private(t) else entry.ref)


def quiet(t: Transition) -> bool:
    """Only the client writes into an object that the client made; SEALED may seal it."""
    if isinstance(t.op, Read) and t.response != Seen(contents(t.before.heap, t.op.ref)):
        return False
    written = isinstance(t.op, Write) and not isinstance(t.response, Refused)
    if t.after.heap is t.before.heap and not written:
        return True
    right = [one.contents for one in t.before.heap.objects]
    if isinstance(t.op, Write) and written:
        right[t.op.ref] = t.op.contents
    return [one.contents for one in t.after.heap.objects] == right


def held_handles(t: Transition) -> bool:
    """What a hit delivered stays so but for what its owner writes; LENT: until taken back."""
    hand = t.before.heap.hand
    if isinstance(t.op, Reread) and t.response != (
        Refused() if hand is None else Seen(hand.contents)
    ):
        return False
    return t.after.heap.hand == held(t)


def held(t: Transition) -> Hand | None:
    """What the client holds then, and where its entry is as long as it is there."""
    hand, pool = t.before.heap.hand, t.before.pool
    match t.op, t.response:
        case Get(key), Hit(_, fresh) if private(t) and key is not None:
            own = delivers_own(pool.profile)
            return Hand(fresh, None if own else (pool.name, key), own)
        case (Set(), Stored()) | (Clear(), Cleared()) if lends(pool.profile):
            return None
        case Rewrite(new), Done() if hand is not None:
            return hand._replace(contents=new)
    if hand is None:
        return None
    away = {(pool.name, left.key) for left in departures(t)}
    return hand._replace(home=None if hand.home in away else hand.home)


def intact(t: Transition, entry: Entry) -> bool:
    """The client has not written into the stored object since it was set."""
    return contents(t.before.heap, entry.ref) == entry.as_set


def integrity(t: Transition) -> bool:
    """A hit delivers the contents as set; REFERENCE: or as the client has written them since."""
    match t.op:
        case Get() | Peek() if t.old is not None and isinstance(t.response, Hit):
            mutable = ownership(t) is Ownership.REFERENCE
            right = contents(t.before.heap, t.old.ref) if mutable else t.old.as_set
            return t.response.contents == right
        case Write(ref):
            return isinstance(t.response, Refused if t.before.heap.objects[ref].sealed else Done)
        case Rewrite():
            own = t.before.heap.hand is not None and t.before.heap.hand.own
            return isinstance(t.response, Done if own else Refused)
        case _:
            return True


def sealed_when_set(t: Transition) -> bool:
    """SEALED: what is stored is sealed. No other operation seals anything."""
    same = t.after.heap.objects is t.before.heap.objects
    if same and ownership(t) is not Ownership.SEALED:
        return True
    before = [o.sealed for o in t.before.heap.objects]
    after = [o.sealed for o in t.after.heap.objects]
    if isinstance(t.op, Set) and isinstance(t.response, Stored) and t.op.ref is not None:
        before[t.op.ref] = before[t.op.ref] or ownership(t) is Ownership.SEALED
    return before == after


def copies_intact(t: Transition) -> bool:
    """What is stored keeps its contents, whatever happens to the original or to others."""
    return all(old.as_set == new.as_set for old, new in t.changed)


def taken_as_set(t: Transition) -> bool:
    """A set takes the contents that the object has then."""
    if t.new is None or not isinstance(t.op, Set) or not isinstance(t.response, Stored):
        return True
    return t.op.ref is not None and t.new.as_set == contents(t.before.heap, t.op.ref)


def whole(t: Transition) -> bool:
    """What a hit delivers has the contents it had when set (REFERENCE: if nobody wrote since)."""
    return integrity(t) and sealed_when_set(t) and copies_intact(t) and taken_as_set(t)


def release(t: Transition) -> bool:
    """The pool refers to its residents' objects and to no other."""
    if isinstance(t.response, Census):
        return (t.response.kept, t.response.copies) == retained(t.after.pool)
    return True


def departures(t: Transition) -> tuple[Left, ...]:
    """Each object that left, by slots, with its true cause: an entry gone, or one overwritten."""
    cause = Cause.CLEARED if isinstance(t.op, Clear) else Cause.EVICTED
    by_slot = sorted(t.gone, key=lambda entry: entry.slot)
    gone = tuple([leave(t.before.pool, entry, cause) for entry in by_slot])
    if t.passes and isinstance(t.op, Set) and t.op.key is not None and t.op.ref is not None:
        new = Entry(t.op.key, SlotId(t.before.pool.capacity), t.op.ref, Contents(0))
        return (leave(t.before.pool, new, cause),)
    if not isinstance(t.response, Stored) or t.old is None or t.new is None:
        return gone
    replaced = private(t) or t.old.ref != t.new.ref
    return (*gone, leave(t.before.pool, t.old, Cause.UPDATED)) if replaced else gone


def announcement(t: Transition) -> bool:
    """Each object that leaves is told exactly once, with its true cause; nothing else is."""
    answers = isinstance(t.response, (Stored, Cleared))
    return not answers or leaves(t) == departures(t)


def leaves(t: Transition) -> tuple[Left, ...]:
    return t.response.left if isinstance(t.response, (Stored, Cleared)) else ()


def held_while_leaving(t: Transition) -> bool:
    """An object leaves while the client holds it, or the copy it got; LENT: what was lent goes."""
    hand, after = t.before.heap.hand, t.after.heap.hand
    if lends(t.after.pool.profile):
        return hand is not None and after is None
    if not private(t) or delivers_own(t.after.pool.profile):
        return bool(leaves(t)) and (hand is not None or not private(t))
    return hand is not None and hand.home is not None and after is not None and after.home is None


def at_stake(t: Transition) -> bool:
    """A hit, after the client wrote (SEALED: tried to) into the object that was set."""
    if ownership(t) is Ownership.SEALED:
        return isinstance(t.op, Write) and isinstance(t.response, Refused)
    found = delivered(t)
    return found is not None and not intact(t, found[0])


def by_identity(profile: Profile) -> bool:
    """A hit hands out the object that was set, not a copy."""
    return not copies(profile)


HEAP: Final[tuple[Law[Transition], ...]] = (
    Law("R1", "identity", (Set, Get, Peek), identity, lambda t: bool(delivered(t)), by_identity),
    Law("R2", "quiet", EVERY_OP, quiet, lambda t: isinstance(t.response, Stored)),
    Law("R3", "held handles", EVERY_OP, held_handles, held_while_leaving),
    Law("R4", "integrity", EVERY_OP, whole, at_stake),
    Law("R5", "release", (Inspect,), release, lambda t: bool(leaves(t))),
    Law("P12", "announcement", (Set, Clear), announcement, lambda t: bool(leaves(t))),
)
