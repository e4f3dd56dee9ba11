"""What a subject can tell of itself, and how far its answers can be compared."""

from dataclasses import replace
from enum import Enum

from spec.ops import Census, Cleared, Counters, Left, Response, SlotId, Stored


class Aspect(Enum):
    """What a subject can tell beyond its answers to get, set and clear."""

    SLOTS = "slots"
    DEPARTURES = "departures"
    INSPECTION = "inspection"
    COUNTERS = "counters"
    RETENTION = "retention"
    REFUSALS = "refusals"


EVERYTHING = frozenset(Aspect)


ALWAYS_NEEDED = {
    "P8": Aspect.REFUSALS,
    "P10": Aspect.INSPECTION,
    "P12": Aspect.DEPARTURES,
    "R5": Aspect.RETENTION,
}
NEEDED_WITHOUT_STATE = {"P4": Aspect.SLOTS, "P9": Aspect.COUNTERS}
NEEDS_STATE = frozenset({"M6"})


def unjudged(reports: frozenset[Aspect], transparent: bool) -> frozenset[str]:
    """The laws of which a subject shows too little."""
    needs = ALWAYS_NEEDED if transparent else ALWAYS_NEEDED | NEEDED_WITHOUT_STATE
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
                counters if Aspect.COUNTERS in reports else Counters(),
            )
        case _:
            return response


def completed(observed: Response, expected: Response, reports: frozenset[Aspect]) -> Response:
    """What was observed, with what the subject does not report taken from the specification."""
    if observed == visible(expected, reports):
        return expected
    if not (isinstance(observed, Stored) and isinstance(expected, Stored)):
        return observed
    slot = observed.slot if Aspect.SLOTS in reports else expected.slot
    left = observed.left if Aspect.DEPARTURES in reports else expected.left
    return Stored(slot, left)


def visible_left(left: tuple[Left, ...], reports: frozenset[Aspect]) -> tuple[Left, ...]:
    if Aspect.DEPARTURES not in reports:
        return ()
    if Aspect.SLOTS in reports:
        return left
    blank = (replace(one, slot=SlotId(0)) for one in left)
    return tuple(sorted(blank, key=lambda one: one.key))
