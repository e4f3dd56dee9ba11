"""What a guard does with each call: the ledger takes the same step, and answers are compared."""

import logging
from collections.abc import Callable
from typing import Final, assert_never
from weakref import ref as weak

from kvref.arguments import as_size
from kvref.ranks import Priority, Rank, as_rank
from kvref.shadow.course import Course
from kvref.shadow.journal import Journal
from kvref.shadow.verdicts import Asked, Emptied, Put
from spec.profile import Ownership, Profile, copies
from stateful_models.runtime.breach import Breach, BreachError, OnBreach, Saw, Sight, breach_of
from stateful_models.runtime.calls import (
    UNTOLD,
    Asks,
    Call,
    Counts,
    Empties,
    Finds,
    Guarding,
    Loses,
    Peeks,
    Stores,
)
from stateful_models.runtime.followed import Followed, plain, weakly
from stateful_models.runtime.oracle import Due, Oracle

logger = logging.getLogger(__name__)

Snapshot = Callable[[object], object]
NOBODYS: Final = -1


class Judging:
    """Every pool of one cache. `changed` is told when a pool is followed no more, or again."""

    def __init__(
        self,
        profile: Profile,
        guarding: Guarding,
        sample: int,
        longest: int,
        snapshot: Snapshot | None,
        on_breach: OnBreach,
    ) -> None:
        self.profile = profile
        self.on_breach = on_breach
        self.snapshot = None if profile.ownership is Ownership.REFERENCE else snapshot
        self.identical = not copies(profile)
        self.simple = self.identical and self.snapshot is None
        self.slots = guarding.slots
        self.changed: Callable[[], None] = lambda: None
        self.every, most = as_size(sample, "sample"), as_size(longest, "longest")
        self.pools = {
            name: Followed(
                name, Oracle(profile, as_size(room, "capacity")), Course(self.every, most)
            )
            for name, room in guarding.capacities.items()
        }
        for name in guarding.filled:
            self.pools[name].course.stop()
        self.journal = Journal(most)
        self.sets = self.calls = self.breaches = 0
        self.first: Breach | None = None

    def judge(self, call: Call, answer: object, contents: object) -> None:
        """Behind a call that did not raise."""
        self.calls += 1
        kind = type(call)
        if kind is Asks:  # the commonest first: this is a hot path
            self.asked(call, answer)  # type: ignore[arg-type]  # that is its kind
        elif kind is Stores:
            self.stored(call, answer, contents)  # type: ignore[arg-type]  # likewise
        elif kind is Peeks:
            self.peeked(call, answer)  # type: ignore[arg-type]  # likewise
        elif kind is Empties:
            self.emptied(call.pools)  # type: ignore[union-attr]  # likewise
        else:
            self.looked(call, answer)

    def looked(self, call: Call, answer: object) -> None:
        match call:
            case Finds(name, key):
                self.found(self.pools[name], plain(key), bool(answer))
            case Counts(name):
                self.counted(self.pools[name], answer)
            case Loses(name):
                self.lose(self.pools[name])
            case Asks() | Stores() | Peeks() | Empties():
                raise AssertionError("they are taken above")
            case _:
                assert_never(call)

    def goes_on(self, pool: Followed) -> bool:
        """Whether one more operation on it is followed."""
        if not pool.course.follows:
            return False
        if self.every == 1 or pool.course.goes_on():
            return True
        self.lose(pool)
        return False

    def lose(self, pool: Followed) -> None:
        """Follow it no more until it is cleared."""
        pool.course.stop()
        pool.oracle.clear()
        self.changed()

    def asked(self, call: Asks, answer: object) -> None:
        """P6, R1, R4, M3: the first of these pools that has the key answers; the ledgers are asked
        likewise. A pool that is not followed is taken at its word."""
        names, given, told = call
        key = given if type(given) is int else plain(given)
        if told is not UNTOLD:
            answer = told
        for place, name in enumerate(names):
            pool = self.pools[name]
            if not self.goes_on(pool):
                if answer is not None and not self.later(names[place + 1 :], key, answer):
                    return
                continue
            self.journal.add(Asked(name, key))
            due = pool.oracle.get(key)
            if due is not None and due.value is answer and self.simple:
                return
            if due is not None or place == len(names) - 1:
                self.compare(pool, key, due, answer, names[place + 1 :])
                return

    def later(self, names: tuple[str, ...], key: int, answer: object) -> bool:
        """Whether an answer came from one of these pools, and not from one that nobody follows.

        Where copies are delivered that cannot be told: those pools are followed no more.
        """
        holding = [self.pools[name] for name in names if key in self.pools[name].oracle.entries]
        if self.identical:
            return any(pool.oracle.entries[key].value is answer for pool in holding)
        for pool in holding:
            if pool.oracle.refreshes:
                self.lose(pool)
        return False

    def compare(
        self,
        pool: Followed,
        key: int,
        due: Due[object] | None,
        answer: object,
        rest: tuple[str, ...] = (),
        looked: bool = False,
    ) -> None:
        """What came against what is due."""
        if due is None:
            if answer is not None:
                self.differs(Saw.PRESENCE, pool, key, "a miss", answer, looked=looked)
        elif answer is None:
            told = due.value if self.identical else "a copy"
            self.differs(Saw.PRESENCE, pool, key, told, None, looked=looked)
        elif self.identical and answer is not due.value:
            others = [self.pools[name].oracle.entries.get(key) for name in rest]
            crossed = any(one is not None and one.value is answer for one in others)
            laws = ("M3",) if crossed else ()
            self.differs(Saw.VALUE, pool, key, due.value, answer, laws, looked)
        elif not self.identical and isinstance(due.value, weak) and due.value() is answer:
            self.differs(Saw.VALUE, pool, key, "a copy", answer, (), looked)
        elif self.snapshot is not None:
            came = self.snapshot(answer)
            if came != due.contents:
                self.differs(Saw.CONTENTS, pool, key, due.contents, answer, (), looked)

    def stored(self, call: Stores, answer: object, contents: object) -> None:
        """P3 to P5 by the slot, if it is told; P8: what must be refused was not."""
        pool = self.pools[call.pool]
        if not self.goes_on(pool):
            return
        rank = self.rank(call.rank)
        if call.value is None or rank is None:
            self.tell(pool, Sight(Saw.TAKEN, pool.name, "refused", answer))
            return
        key, value = plain(call.key), call.value if self.identical else weakly(call.value)
        old = pool.oracle.entries.get(key)
        if old is not None and self.held(old) is call.value:
            number = old.number  # the same object replaces nothing (P12)
        else:
            number = self.sets = self.sets + 1
        self.journal.add(Put(pool.name, key, number, rank))
        slot = pool.oracle.put(key, number, value, contents, rank)
        if self.slots and type(answer) is int and answer != slot:
            self.tell(pool, Sight(Saw.SLOT, pool.name, slot, answer))

    def rank(self, given: Priority | None) -> Rank | None:
        """As the policy compares it; None for what is no number."""
        if given is None or type(given) is int:
            return given or 0
        try:
            return as_rank(given)
        except (TypeError, ValueError):
            return None

    def peeked(self, call: Peeks, answer: object) -> None:
        """P10, M3: the first of these pools that has the key."""
        names, given = call
        key = given if type(given) is int else plain(given)
        for place, name in enumerate(names):
            pool = self.pools[name]
            if not pool.course.follows:
                return
            due = pool.oracle.entries.get(key)
            if due is not None and due.value is answer and self.simple:
                return
            if due is not None or place == len(names) - 1:
                self.compare(pool, key, due, answer, rest=names[place + 1 :], looked=True)
                return

    def found(self, pool: Followed, key: int, answer: bool) -> None:
        """P10: `in` tells the truth."""
        due = pool.oracle.entries.get(key)
        if pool.course.follows and answer != (due is not None):
            sight = Sight(Saw.PRESENCE, pool.name, due is not None, answer, None, key, ("P10",))
            self.tell(pool, sight._replace(number=NOBODYS if answer else None))

    def counted(self, pool: Followed, answer: object) -> None:
        """P1, P10: `len` tells the truth."""
        due = len(pool.oracle.entries)
        if pool.course.follows and answer != due:
            over = isinstance(answer, int) and answer > pool.oracle.capacity
            laws = ("P1",) if over else ("P10",)
            self.tell(pool, Sight(Saw.SIZE, pool.name, due, answer, laws=laws))

    def emptied(self, names: tuple[str, ...]) -> None:
        """P7: the next history of each begins."""
        gone = list[object]()
        for name in names:
            pool = self.pools[name]
            course = pool.course
            before = course.follows
            course.begins()
            if before or course.follows:
                self.journal.add(Emptied(name))
                gone.append(pool.oracle.clear())
            if course.follows is not before:
                self.changed()

    def differs(
        self,
        saw: Saw,
        pool: Followed,
        key: int,
        due: object,
        came: object,
        laws: tuple[str, ...] = (),
        looked: bool = False,
    ) -> None:
        number = None if came is None else self.number_of(came)
        if saw is Saw.CONTENTS and number is not None:
            number = pool.oracle.entries[key].number
        told = "a miss" if came is None else came
        self.tell(pool, Sight(saw, pool.name, due, told, number, key if looked else None, laws))

    def number_of(self, value: object) -> int:
        """Which set stored this value, of those that are still there."""
        entries = [due for pool in self.pools.values() for due in pool.oracle.entries.values()]
        known = [due for due in entries if self.held(due) is value]
        return known[0].number if known else NOBODYS

    def held(self, due: Due[object]) -> object:
        """The client's object that was stored, if it is still known."""
        return due.value() if isinstance(due.value, weak) and not self.identical else due.value

    def tell(self, pool: Followed, sight: Sight) -> None:
        """Count a breach, and say so as is asked; this history is followed no further."""
        self.breaches += 1
        room, journal = pool.oracle.capacity, self.journal
        breach = None
        if self.first is None or self.on_breach is not OnBreach.COUNT:
            breach = breach_of(self.profile, room, journal, sight)
            self.first = self.first or breach
        self.lose(pool)
        if breach is None or self.on_breach is OnBreach.COUNT:
            return
        if self.on_breach is OnBreach.RAISE:
            raise BreachError(breach)
        logger.warning("%s", breach)
