"""What two caches were found to differ in: counted, the first of each kept, told as is asked."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from kvref.errors import KVCacheError, KVCacheValueError, show
from kvref.shadow.journal import Journal
from kvref.shadow.verdicts import Divergence, OnDivergence, Verdict

DELIVERED: Final = (Verdict.MISSING, Verdict.CONTENTS)
"""Where the primary's answer is contents."""
logger = logging.getLogger(__name__)


class DivergenceError(KVCacheError, RuntimeError):
    """The two caches differ (`OnDivergence.RAISE`); the operation itself has happened."""

    def __init__(self, divergence: Divergence) -> None:
        super().__init__(str(divergence))
        self.divergence = divergence


class Difference(NamedTuple):
    """What the two tell that they should tell alike."""

    verdict: Verdict
    primary: object = None
    candidate: object = None


class Place(NamedTuple):
    """Where: a pool, a key unless it is a clear, and what that key was set to, if known."""

    pool: str
    key: int | None
    due: object


class Findings:
    """Every difference so far."""

    def __init__(
        self, on_divergence: OnDivergence, same: Callable[[object, object], object]
    ) -> None:
        if not isinstance(on_divergence, OnDivergence):
            raise KVCacheValueError(f"{show(on_divergence)} is no OnDivergence")
        self._on_divergence, self._same = on_divergence, same
        self._counts = Counter[Verdict]()
        self._firsts: dict[Verdict, Divergence] = {}

    @property
    def counts(self) -> Mapping[Verdict, int]:
        return MappingProxyType({verdict: self._counts[verdict] for verdict in Verdict})

    @property
    def firsts(self) -> Mapping[Verdict, Divergence]:
        return MappingProxyType(self._firsts)

    def __str__(self) -> str:
        return "".join(
            f"\n  {self._counts[verdict]} {verdict.value}; the first: {first}"
            for verdict, first in self._firsts.items()
        )

    def tell(
        self, found: Sequence[Difference], place: Place, journal: Journal, error: str | None
    ) -> None:
        """Count all of them; then log, the first of each as a warning, or raise the first of them
        that nobody raised."""
        asked = self._on_divergence
        logs = asked is not OnDivergence.COUNT
        raising = list[Divergence]()
        for one in found:
            self._counts[one.verdict] += 1
            new = one.verdict not in self._firsts
            keeps = new or asked is OnDivergence.RAISE
            if not keeps and not (logs and logger.isEnabledFor(logging.DEBUG)):
                continue
            steps = journal.steps() if keeps else ()
            whole = keeps and journal.whole
            divergence = Divergence(*one, *place, steps, whole, error, self._last(one, place.due))
            self._firsts.setdefault(one.verdict, divergence)
            if logs:
                logger.log(logging.WARNING if new else logging.DEBUG, "%s", divergence)
            if asked is OnDivergence.RAISE and one.verdict is not Verdict.RAISED:
                raising.append(divergence)
        if raising:
            raise DivergenceError(raising[0])

    def _last(self, one: Difference, due: object) -> bool | None:
        """Whether the primary delivered what was stored last, as far as that can be said."""
        if due is None or one.primary is None or one.verdict not in DELIVERED:
            return None
        try:
            return bool(self._same(due, one.primary))
        except Exception:  # a foreign `same` may compare no contents of other shapes
            return None


def differ(verdict: Verdict, told: Sequence[object]) -> Iterator[Difference]:
    """Whether two numbers differ that both caches told."""
    primary, candidate = told
    if primary is not None and candidate is not None and primary != candidate:
        yield Difference(verdict, primary, candidate)


def told(error: BaseException) -> str:
    """What was raised, in a line; whatever its text does."""
    try:
        text = str(error)
    except Exception:  # a foreign __str__ may raise anything
        text = "<no text>"
    return f"{type(error).__name__}: {text}"
