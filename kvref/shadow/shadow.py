"""One cache answers, another is told the same, and what it would have answered is compared."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final, Generic, TypeVar

from kvref.arguments import as_flag, as_key, as_size
from kvref.errors import KVCacheValueError, show
from kvref.fixed import Fixed
from kvref.observing import Cleared, Event, Got, LookedUp, Stored
from kvref.ranks import Priority, as_rank
from kvref.shadow.contents import alike, copied, snapshot
from kvref.shadow.course import Course
from kvref.shadow.findings import Difference, Findings, Place, differ, told
from kvref.shadow.journal import Journal
from kvref.shadow.seen import Given, Seen, asked, evicted
from kvref.shadow.sides import Side
from kvref.shadow.verdicts import (
    Asked,
    Divergence,
    Emptied,
    Mode,
    OnDivergence,
    Put,
    Step,
    Verdict,
)

V = TypeVar("V")
T = TypeVar("T")

ALONE: Final = (Mode.OFF, Mode.SWITCH)
PRIMARY_ANSWERS: Final = (Mode.OFF, Mode.SHADOW, Mode.COMPARE)


class Shadow(Generic[V]):
    """Both caches, behind the methods of either: a `Side` itself, and an `Observer`.

    The one that answers is given what the caller gives and gives what the caller gets; the other
    is told afterwards, stores copies, and may raise, hang on to them or write into them. A get
    that raises, and a set that is refused, are not passed on. Both caches start empty.

    Where the program goes on calling a pool or manager of kvref itself, let the shadow observe it
    (`manager.observe(shadow)`) in mode SHADOW or COMPARE, LOG or COUNT.

    Args:
        primary: the cache that there is.
        candidate: the one that is to replace it.
        mode: who answers, and what the other is for.
        snapshot: of a value: what it holds, immutable.
        same: whether two snapshots are the same contents; `kvref.tensors.close` knows tolerance.
        copy: of a value: what the cache that does not answer stores.
        on_divergence: what happens when they differ, besides counting.
        every: one history in so many of each pool is followed, a history ending with a clear.
        longest: the most steps that are remembered; also, if `every` is more than 1, the most of
            one history that are followed.
        resumes: whether a cache that raised is told again from the pool's next clear on.
    """

    mode = Fixed[Mode]()

    def __init__(
        self,
        primary: Side[V],
        candidate: Side[V],
        mode: Mode = Mode.SHADOW,
        *,
        snapshot: Callable[[V], object] = snapshot,
        same: Callable[[object, object], object] = alike,
        copy: Callable[[V], V] = copied,
        on_divergence: OnDivergence = OnDivergence.LOG,
        every: int = 1,
        longest: int = 4096,
        resumes: bool = True,
    ) -> None:
        if not isinstance(mode, Mode):
            raise KVCacheValueError(f"{show(mode)} is no Mode")
        self._mode = mode
        self._forward = mode in PRIMARY_ANSWERS
        self._compares = mode in (Mode.COMPARE, Mode.SERVE)
        both = (primary, candidate) if self._forward else (candidate, primary)
        self._leader, self._follower = both
        self._snapshot, self._same, self._copy = snapshot, same, copy
        self._every, self._longest = as_size(every, "every"), as_size(longest, "longest")
        self._resumes = as_flag(resumes, "resumes")
        self._dismissed = mode in ALONE
        self._courses: dict[str, Course] = {}
        self._journal = Journal(self._longest)
        self._puts = self._compared = 0
        self._sizes = Counter[str]()
        self._findings = Findings(on_divergence, same)

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """How often they differed, in which way."""
        return self._findings.counts

    @property
    def firsts(self) -> Mapping[Verdict, Divergence]:
        """The first occurrence of each verdict."""
        return self._findings.firsts

    @property
    def compared(self) -> int:
        """How many gets were compared."""
        return self._compared

    def summary(self) -> str:
        """What was compared and found, for people."""
        return f"{self._mode.value}: {self._compared} gets compared{self._findings}"

    def __repr__(self) -> str:
        differing = sum(self._findings.counts.values())
        return f"Shadow({self._mode.name}, {self._compared} compared, {differing} differ)"

    def get(self, pool: str, key: int) -> V | None:
        """What the cache that answers holds under `key`, or None."""
        value = self._leader.get(pool, key)
        if self._follows(pool):
            self._got(pool, key, value)
        return value

    def first(self, pools: Iterable[str], key: int) -> V | None:
        """What the first of these pools has that has any, as a hierarchical lookup asks them."""
        for pool in pools:
            value = self.get(pool, key)
            if value is not None:
                return value
        return None

    def set(self, pool: str, key: int, value: V, priority: Priority | None = None) -> int | None:
        """Store in both; returns the slot in the cache that answers."""
        if not self._follows(pool):
            return self._leader.set(pool, key, value, priority)
        given = self._given(value)
        slot = self._leader.set(pool, key, value, priority)
        self._put(pool, key, given, slot, priority)
        return slot

    def clear(self, *pools: str) -> None:
        """Empty these pools in both."""
        for pool in pools:
            self._leader.clear(pool)
            if not self._dismissed:
                self._emptied(pool)

    def size(self, pool: str) -> int | None:
        return self._leader.size(pool)

    def slot(self, pool: str, key: int) -> int | None:
        return self._leader.slot(pool, key)

    def __call__(self, event: Event[V], /) -> None:
        """What an observed primary did, the candidate does."""
        if self._mode not in (Mode.SHADOW, Mode.COMPARE):
            raise KVCacheValueError(f"what is observed answers itself: that is no {self._mode}")
        match event:
            case Got(pool, key, value, slot) if self._follows(pool):
                self._got(pool, key, value, Seen(slot, self._sizes[pool]))
            case Stored():
                self._sizes[event.pool] += event.new - sum(map(evicted, event.left))
                if self._follows(event.pool):
                    given = self._given(event.given)
                    self._put(event.pool, event.key, given, event.slot, event.rank)
            case Cleared(pool):
                self._sizes[pool] = 0
                if not self._dismissed:
                    self._emptied(pool)
            case Got() | LookedUp():
                pass  # a lookup is told of as the gets that it is

    def _follows(self, pool: str) -> bool:
        """Whether the other cache is told of this pool's operations; counts them."""
        return not self._dismissed and self._course(pool).goes_on()

    def _course(self, pool: str) -> Course:
        """Where the pool's present history is."""
        course = self._courses.get(pool)
        if course is None:
            course = self._courses[pool] = Course(self._every, self._longest)
        return course

    def _given(self, value: V) -> Given[V] | BaseException:
        """Before anybody stores the value; or what making it raised."""
        try:
            contents = self._snapshot(value) if self._compares else None
            return Given(contents, self._copy(value))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            return error.with_traceback(None)

    def _got(self, pool: str, key: int, value: V | None, seen: Seen | None = None) -> None:
        step = partial(asked, pool, key)
        self._attend(pool, key, step, partial(self._ask, pool, value, seen))

    def _put(
        self,
        pool: str,
        key: int,
        given: Given[V] | BaseException,
        slot: int | None,
        priority: Priority | None,
    ) -> None:
        self._puts += 1
        number = self._puts

        def step() -> Put:
            rank = None if priority is None else as_rank(priority)
            return Put(pool, as_key(key), number, rank)

        self._attend(pool, key, step, partial(self._store, given, slot, priority))

    def _emptied(self, pool: str) -> None:
        """The next history begins, with the other cache empty in this pool, too."""
        course = self._course(pool)
        self._journal.add(Emptied(pool))
        if course.told or self._every == 1:
            self._attend(pool, None, lambda: None, lambda step: self._empty(pool))
        if not self._dismissed and not course.told:
            course.begins()

    def _attend(
        self,
        pool: str,
        key: int | None,
        step: Callable[[], Step | None],
        work: Callable[[Step], Iterable[Difference]],
    ) -> None:
        """Have the other cache take a step; what it raises ends its history here."""
        error, found = None, tuple[Difference, ...]()
        try:
            taken = step()
            if taken is not None:
                self._journal.add(taken)
            found = tuple(work(taken or Emptied(pool)))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:
            error = told(raised)
        if error is not None:
            self._dismissed = not self._resumes
            self._courses[pool].stop()
            found = (Difference(Verdict.RAISED),)
        if found:
            due = None if key is None else self._courses[pool].due(key)
            self._findings.tell(found, Place(pool, key, due), self._journal, error)

    def _ask(
        self, pool: str, value: V | None, seen: Seen | None, step: Step
    ) -> Iterator[Difference]:
        assert isinstance(step, Asked), "it is a get that is compared"
        found = self._follower.get(pool, step.key)
        if not self._compares:
            return
        self._compared += 1
        primary, candidate = self._ordered(value, found)
        yield from self._presence(primary, candidate)
        mine = seen or Seen(self._leader.slot(pool, step.key), self._leader.size(pool))
        its = Seen(self._follower.slot(pool, step.key), self._follower.size(pool))
        slots, sizes = zip(*self._ordered(mine, its), strict=True)
        if primary is not None and candidate is not None:
            yield from differ(Verdict.SLOT, slots)
        yield from differ(Verdict.SIZE, sizes)

    def _ordered(self, leading: T, following: T) -> tuple[T, T]:
        """The primary's, then the candidate's."""
        return (leading, following) if self._forward else (following, leading)

    def _presence(self, primary: V | None, candidate: V | None) -> Iterator[Difference]:
        """Whether both have something, or neither, and if both, the same."""
        told = [None if one is None else self._snapshot(one) for one in (primary, candidate)]
        if primary is None and candidate is None:
            return
        if candidate is None:
            yield Difference(Verdict.MISSING, *told)
        elif primary is None:
            yield Difference(Verdict.UNEXPECTED, *told)
        elif not bool(self._same(*told)):
            yield Difference(Verdict.CONTENTS, *told)

    def _store(
        self,
        given: Given[V] | BaseException,
        slot: int | None,
        priority: Priority | None,
        step: Step,
    ) -> Iterator[Difference]:
        assert isinstance(step, Put), "it is a set that is passed on"
        if isinstance(given, BaseException):
            raise given
        if self._compares:
            self._courses[step.pool].remember(step.key, given.contents)
        taken = self._follower.set(step.pool, step.key, given.copy, priority)
        if self._compares:
            yield from differ(Verdict.SLOT, self._ordered(slot, taken))

    def _empty(self, pool: str) -> tuple[Difference, ...]:
        self._follower.clear(pool)
        self._courses[pool].told = False
        return ()
