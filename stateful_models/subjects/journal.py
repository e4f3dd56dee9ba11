"""What a process is having a subject do, in memory that another process can read.

Whoever drives somebody else's subject in a process of its own opens a journal there; the process
that watches reads it, and knows after a crash or in a hang which history led there. Where no
journal is open nothing is written.
"""

import os
import pickle
import sys
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from mmap import mmap
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple, TypeVar

from stateful_models.subjects.pool_of_manager import tier_of

T = TypeVar("T")


class Doing(IntEnum):
    """What a process is about. Of what is not `IDLE` somebody else's code decides how long."""

    IDLE = 0
    IMPORTING = 1
    MAKING = 2
    PERFORMING = 3
    SHOWING = 4
    DONE = 5
    """It has said its last: its exit status stands beside."""
    LOST = 6
    """One of its workers ended without saying why; beside it that one's exit status, if known."""


HEAD: Final = Struct("<QBiIII")  # turn, doing, status, operations, about, build
TURN: Final = Struct("<QB")
PLACE: Final = Struct("<I")
MOST: Final = 1 << 14
"""Operations of a history that find room."""
HISTORY: Final = 64
PLANS: Final = HISTORY + PLACE.size * MOST
TABLE: Final = PLANS + (1 << 16)
SIZE: Final = 1 << 19
OTHERS: Final = 8
"""Subjects whose histories are remembered, should they be driven by turns."""
UNKNOWN: Final = 0xFFFFFFFF


class Entry(NamedTuple):
    """A journal as it was found, values pickled.

    `about`: the scope, and which of a manager's pools it is; `build` makes the subject. The last
    of the operations is the one that was being performed, if one was.
    """

    turn: int
    doing: Doing
    status: int
    about: bytes
    build: bytes
    operations: tuple[bytes, ...]
    whole: bool


class Journal:
    """One process's own. Operations are written once and then referred to by their place."""

    def __init__(self, path: Path) -> None:
        fresh = path.with_suffix(".new")
        with open(fresh, "w+b") as file:
            file.truncate(SIZE)
            self.memory = mmap(file.fileno(), SIZE)
        fresh.replace(path)  # nobody reads a half of it
        self.turn, self.present, self.history = 0, 0, array("I")
        self.others: dict[int, array[int]] = {}
        self.plan: tuple[object, object] = (None, None)
        self.forget_operations()

    def forget_operations(self) -> None:
        self.known: dict[int, int] = {}
        self.held: list[object] = []
        self.places: dict[bytes, int] = {}
        self.free = TABLE

    def write(self, doing: Doing, status: int = 0) -> None:
        self.turn += 1
        lengths = self.lengths if self.plan[0] is not None else (0, 0)
        HEAD.pack_into(self.memory, 0, self.turn, doing, status, len(self.history), *lengths)

    def making(self, about: object, build: object) -> None:
        """A new subject is about to be made."""
        if self.plan[0] is not about or self.plan[1] is not build:
            self.planned(about, build)
        if self.free > (TABLE + SIZE) // 2:
            self.forget_operations()
            self.others.clear()
        self.present, self.history = 0, array("I")
        self.write(Doing.MAKING)

    def planned(self, about: object, build: object) -> None:
        told, making = pickled((about, tier_of(build))), pickled(build)
        if len(told) + len(making) > TABLE - PLANS:
            making = b""
        self.memory[PLANS : PLANS + len(told) + len(making)] = told + making
        self.plan, self.lengths = (about, build), (len(told), len(making))

    def made(self, subject: object) -> None:
        self.present = id(subject)
        self.others.pop(self.present, None)
        while len(self.others) >= OTHERS:
            del self.others[next(iter(self.others))]
        self.others[self.present] = self.history
        self.idle()

    def performing(self, subject: object, op: object) -> None:
        """An operation is about to be performed."""
        if id(subject) != self.present:
            self.turn_to(subject)
        place = self.known.get(id(op))
        if place is None:
            place = self.place(op)
        count = len(self.history)
        self.history.append(place)
        if count < MOST:
            PLACE.pack_into(self.memory, HISTORY + PLACE.size * count, place)
        self.write(Doing.PERFORMING)

    def turn_to(self, subject: object) -> None:
        """Another subject is driven on."""
        self.present = id(subject)
        self.history = self.others.setdefault(self.present, array("I", [UNKNOWN]))
        written = self.history[:MOST].tobytes()
        self.memory[HISTORY : HISTORY + len(written)] = written

    def place(self, op: object) -> int:
        """Where the operation stands in the table; it is entered if it is new."""
        told = pickled(op)
        place = self.places.get(told)
        if place is None:
            if self.free + PLACE.size + len(told) > SIZE:
                return UNKNOWN
            place = self.free
            PLACE.pack_into(self.memory, place, len(told))
            self.memory[place + PLACE.size : place + PLACE.size + len(told)] = told
            self.places[told] = place
            self.free += PLACE.size + len(told)
        if len(self.held) > MOST:
            self.known.clear()
            self.held.clear()
        self.known[id(op)] = place
        self.held.append(op)
        return place

    def idle(self) -> None:
        """Somebody else's code has returned."""
        self.turn += 1
        TURN.pack_into(self.memory, 0, self.turn, Doing.IDLE)


def pickled(value: object) -> bytes:
    """Nothing for what cannot travel."""
    try:
        return pickle.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError):
        return b""


class Journals:
    """The journal of this process, if it has one."""

    open: Journal | None = None
    folder: Path | None = None


def open_journal(folder: Path) -> Journal:
    """From now on this process writes down what it has subjects do."""
    Journals.folder = folder
    Journals.open = Journal(folder / f"{os.getpid()}.journal")
    return Journals.open


def read(path: Path) -> Entry:
    """What a process has written, dead or alive."""
    told = path.read_bytes()
    turn, doing, status, count, about, build = HEAD.unpack_from(told)
    places = [PLACE.unpack_from(told, HISTORY + PLACE.size * n)[0] for n in range(min(count, MOST))]
    whole = count <= MOST and UNKNOWN not in places
    return Entry(
        turn,
        Doing(doing),
        status,
        told[PLANS : PLANS + about],
        told[PLANS + about : PLANS + about + build],
        tuple(entered(told, place) for place in places if place != UNKNOWN),
        whole,
    )


def written(entry: Entry) -> bytes:
    """A journal that reads as this."""
    memory, place, places = bytearray(SIZE), TABLE, array("I")
    for op in entry.operations:
        PLACE.pack_into(memory, place, len(op))
        memory[place + PLACE.size : place + PLACE.size + len(op)] = op
        places.append(place)
        place += PLACE.size + len(op)
    HEAD.pack_into(
        memory, 0, entry.turn, entry.doing, entry.status,
        len(places), len(entry.about), len(entry.build),
    )  # fmt: skip
    memory[HISTORY : HISTORY + len(places) * PLACE.size] = places.tobytes()
    plan = entry.about + entry.build
    memory[PLANS : PLANS + len(plan)] = plan
    return bytes(memory)


def entered(told: bytes, place: int) -> bytes:
    (length,) = PLACE.unpack_from(told, place)
    start = place + PLACE.size
    return told[start : start + length]


def turn_of(path: Path) -> tuple[int, Doing, int]:
    """Only how far a process is."""
    with open(path, "rb") as file:
        turn, doing, status, *_ = HEAD.unpack(file.read(HEAD.size))
    return turn, Doing(doing), status


def made(about: object, build: Callable[[], T]) -> T:
    """A new subject for what it is about to be driven in; it may not move the process elsewhere."""
    journal = Journals.open
    if journal is None:
        return build()
    here, path = os.getcwd(), sys.path[:]
    journal.making(about, build)
    try:
        subject = build()
    finally:
        journal.idle()
        if sys.path != path:
            sys.path[:] = [*path, *(one for one in sys.path if one not in path)]
        if os.getcwd() != here:
            os.chdir(here)
    journal.made(subject)
    return subject


@contextmanager
def driven(words: str) -> Iterator[None]:
    """Somebody else's code is at work where no operation says what on."""
    journal = Journals.open
    if journal is not None:
        journal.history = array("I")
        journal.planned(words, None)
        journal.write(Doing.PERFORMING)
    try:
        yield
    finally:
        if journal is not None:
            journal.idle()


def interrupted(error: BaseException) -> bool:
    """Whether somebody wants the run to end; where a journal is open, only its watcher can."""
    return isinstance(error, KeyboardInterrupt) and Journals.open is None
