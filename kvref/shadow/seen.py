"""What is kept of one operation until the other cache has performed it."""

from typing import Generic, NamedTuple, TypeVar

from kvref.arguments import as_key
from kvref.departures import Cause, Departure
from kvref.shadow.verdicts import Asked

V = TypeVar("V")


class Given(NamedTuple, Generic[V]):
    """A value that is to be set: what it holds, and what the other cache is to store."""

    contents: object
    copy: V


class Seen(NamedTuple):
    """What the cache that answers tells of a key and a pool, beside a value."""

    slot: int | None
    size: int | None


def asked(pool: str, key: int) -> Asked:
    return Asked(pool, as_key(key))


def evicted(departure: Departure[object]) -> bool:
    return departure.cause is Cause.EVICTED
