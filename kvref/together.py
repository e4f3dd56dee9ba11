"""Operations on several pools, of which all happen or none."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from kvref.departures import Departure
from kvref.observing import Audience, Cleared, Held

if TYPE_CHECKING:
    from kvref.books import Saved
    from kvref.pool import KVCachePool

V = TypeVar("V")


@contextmanager
def undone_on_error(
    saved: Sequence[tuple["KVCachePool[V]", "Saved[V]"]],
) -> Iterator[dict[Audience, Held]]:
    """Put these pools back where they were if the block raises; observers hear of it at its end."""
    marks = {audience: audience.hold() for audience in {pool._audience: None for pool, _ in saved}}
    undone, instead = frozenset[str](), list[object]()
    try:
        yield marks
    except BaseException:
        undone = frozenset([pool.name for pool, _ in saved])
        instead = [pool._restore(before) for pool, before in saved]
        raise
    finally:
        for audience, mark in marks.items():
            audience.release(mark, undone)
        instead.clear()  # what is let go here finds every pool as it was


def all_or_nothing(
    pools: Iterable["KVCachePool[V]"],
) -> AbstractContextManager[dict[Audience, Held]]:
    """A block after which either all operations on these pools have happened, or none."""
    return undone_on_error([(pool, pool._saved()) for pool in pools])


def clear_together(pools: Iterable["KVCachePool[V]"]) -> list[object]:
    """Clear all of these pools or, if an `on_evict` raises, none.

    All are empty before the first departure is announced: what an `on_evict` stores in them
    meanwhile is no part of the clear and stays. Returns what they held, which a caller that has
    more to do lets go at its end.
    """
    pools = tuple(pools)
    for pool in pools:
        pool._refuse_if_busy()
    emptied = [(pool, pool._empty()) for pool in pools]
    left: list[tuple[Departure[V], ...]] = []
    with undone_on_error(emptied) as marks:
        for pool, before in emptied:
            left.append(pool._departures(before))
            pool._announce(left[-1])
        for (pool, _), gone in zip(reversed(emptied), reversed(left), strict=True):
            if pool._heard:
                pool._audience.insert(
                    marks[pool._audience],
                    cast(Cleared[object], Cleared(pool.name, gone)),
                    pool.name,
                )
    return [before for _, before in emptied]
