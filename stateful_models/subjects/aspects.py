"""What a subject can tell of itself, and how far its answers can be compared."""

from dataclasses import replace
from enum import Enum
from functools import cache
from typing import Final

from spec.ops import Census, Cleared, Counters, Left, Response, SlotId, Stored


class Aspect(Enum):
    """What a subject can tell beyond its answers to get, set and clear."""

    __hash__ = object.__hash__  # that of Enum takes its time, and every answer is looked through

    SLOTS = "slots"
    DEPARTURES = "departures"
    INSPECTION = "inspection"
    COUNTERS = "counters"
    RETENTION = "retention"
    REFUSALS = "refusals"
    HITS = "hits"
    MISSES = "misses"
    INSERTIONS = "insertions"
    UPDATES = "updates"
    EVICTIONS = "evictions"
    CLEARED = "cleared"
    CARRIED = "carried"


COUNTS: Final = {Aspect(name): name for name in Counters._fields}
"""Single counters, for caches that do not have all seven; COUNTERS is all, and their reset."""
EVERYTHING: Final = frozenset(Aspect).difference(COUNTS)


@cache
def counts(reports: frozenset[Aspect]) -> frozenset[str]:
    """The names of the counters that are told."""
    if Aspect.COUNTERS in reports:
        return frozenset(Counters._fields)
    return frozenset([COUNTS[one] for one in reports if one in COUNTS])


ALWAYS_NEEDED = {
    "M6": Aspect.COUNTERS,
    "P8": Aspect.REFUSALS,
    "P9": Aspect.COUNTERS,
    "P10": Aspect.INSPECTION,
    "P12": Aspect.DEPARTURES,
    "R5": Aspect.RETENTION,
}
NEEDED_WITHOUT_STATE = {"P4": Aspect.SLOTS}
NEEDS_STATE = frozenset({"M6"})


def unjudged(reports: frozenset[Aspect], transparent: bool) -> frozenset[str]:
    """The laws of which a subject shows too little."""
    needs = ALWAYS_NEEDED if transparent else ALWAYS_NEEDED | NEEDED_WITHOUT_STATE
    if counts(reports):
        reports |= {Aspect.INSPECTION}  # looking tells something
    hidden = {code for code, aspect in needs.items() if aspect not in reports}
    return frozenset(hidden if transparent else hidden | NEEDS_STATE)


def visible(response: Response, reports: frozenset[Aspect]) -> Response:
    """The response with what the subject does not report blanked out."""
    if reports is EVERYTHING:
        return response
    match response:
        case Stored(slot, left):
            shown = slot if Aspect.SLOTS in reports else SlotId(0)
            return Stored(shown, visible_left(left, reports))
        case Cleared(left):
            return Cleared(visible_left(left, reports))
        case Census(keys, kept, copies, counters):
            retention = Aspect.RETENTION in reports
            return Census(
                keys if Aspect.INSPECTION in reports else frozenset(),
                kept if retention else frozenset(),
                copies if retention else 0,
                shown_counters(counters, reports),
            )
        case _:
            return response


def shown_counters(counters: Counters, reports: frozenset[Aspect]) -> Counters:
    """With 0 for what is not told."""
    if Aspect.COUNTERS in reports:
        return counters
    return Counters(**{name: getattr(counters, name) for name in counts(reports)})


def completed(observed: Response, expected: Response, reports: frozenset[Aspect]) -> Response:
    """What was observed, with what the subject does not report taken from the specification."""
    match observed, expected:
        case _ if observed == visible(expected, reports):
            return expected
        case Stored(slot, left), Stored():
            return Stored(
                slot if Aspect.SLOTS in reports else expected.slot,
                left if Aspect.DEPARTURES in reports else expected.left,
            )
        case Census(keys, kept, copies, counters), Census():
            retention = Aspect.RETENTION in reports
            told = {name: getattr(counters, name) for name in counts(reports)}
            return Census(
                keys if Aspect.INSPECTION in reports else expected.keys,
                kept if retention else expected.kept,
                copies if retention else expected.copies,
                expected.counters._replace(**told),
            )
        case _:
            return observed


def visible_left(left: tuple[Left, ...], reports: frozenset[Aspect]) -> tuple[Left, ...]:
    if Aspect.DEPARTURES not in reports:
        return ()
    if Aspect.SLOTS in reports:
        return left
    blank = (replace(one, slot=SlotId(0)) for one in left)
    return tuple(sorted(blank, key=lambda one: one.key))
