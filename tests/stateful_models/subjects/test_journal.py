"""What a process writes down of its subjects, and what somebody else reads of it."""

import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from spec.ops import Clear, Get, Key, Op, Ref, Set, Tier
from spec.profile import FIFO_REFERENCE
from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import KvrefPool
from stateful_models.reports.ended import course, value
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.asking import ask
from stateful_models.subjects.journal import (
    MOST,
    Doing,
    Entry,
    Journal,
    Journals,
    driven,
    made,
    open_journal,
    read,
    turn_of,
    written,
)
from stateful_models.subjects.pool_of_manager import pool_of_manager

SCOPE = PoolScope(FIFO_REFERENCE, 2, 3, 2)
BUILD = partial(SCOPE.build, KvrefPool)
GIVE: Op = Set(Key(0), Ref(1))
LOOK: Op = Get(Key(0))


class Opened:
    def __init__(self, folder: Path) -> None:
        self.journal = open_journal(folder)
        (self.file,) = folder.glob("*.journal")

    @property
    def entry(self) -> Entry:
        return read(self.file)

    def history(self) -> list[object]:
        return [pickle.loads(op) for op in self.entry.operations]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    yield Opened(tmp_path)
    Journals.open = Journals.folder = None


def test_a_history_is_what_the_present_subject_has_performed(opened: Opened) -> None:
    one = made(SCOPE, BUILD)
    ask(one, GIVE)
    ask(one, LOOK)
    assert opened.history() == [GIVE, LOOK]
    other = made(SCOPE, BUILD)
    assert opened.history() == []
    ask(other, LOOK)
    ask(one, Clear())
    assert opened.history() == [GIVE, LOOK, Clear()], "driven by turns, each has its own"
    ask(other, GIVE)
    assert opened.history() == [LOOK, GIVE]
    assert opened.entry.whole


def test_operations_that_are_equal_but_not_of_one_kind_are_told_apart(opened: Opened) -> None:
    subject = made(SCOPE, BUILD)
    for op in (Get(Key(1)), Get(Key(True)), Set(Key(1), Ref(0)), Get(Key(1))):
        ask(subject, op)
    assert [repr(op) for op in opened.history()] == [
        "Get(key=1)", "Get(key=True)", "Set(key=1, ref=0, priority=0)", "Get(key=1)"
    ]  # fmt: skip


def test_what_is_done_is_written_while_it_is_done(opened: Opened) -> None:
    seen = list[Doing]()

    class Looking(KvrefPool):
        def __init__(self, *arguments: object) -> None:
            seen.append(opened.entry.doing)
            super().__init__(*arguments)  # type: ignore[arg-type]  # as the scope passes them

        def perform(self, op: Op) -> object:  # type: ignore[override]  # as the pool answers
            seen.append(opened.entry.doing)
            return super().perform(op)

    subject = made(SCOPE, partial(SCOPE.build, Looking))  # type: ignore[arg-type]  # as above
    ask(subject, LOOK)
    seen.append(opened.entry.doing)
    with driven("aligning"):
        seen.append(opened.entry.doing)
    assert seen == [Doing.MAKING, Doing.PERFORMING, Doing.IDLE, Doing.PERFORMING]


def test_every_change_is_a_turn(opened: Opened) -> None:
    turns = [turn_of(opened.file)[0]]
    subject = made(SCOPE, BUILD)
    for _ in range(3):
        ask(subject, LOOK)
        turns.append(turn_of(opened.file)[0])
    assert turns == sorted(set(turns))


def test_a_history_that_finds_no_room_is_not_whole(opened: Opened) -> None:
    subject = made(SCOPE, BUILD)
    for _ in range(MOST):
        ask(subject, LOOK)
    assert opened.entry.whole
    ask(subject, LOOK)
    assert not opened.entry.whole
    assert len(opened.history()) == MOST


def test_operations_that_find_no_room_leave_a_gap(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "1.journal")
    journal.making(None, None)
    journal.made(self := object())
    for number in range(20):
        journal.performing(self, str(number) * 30_000)
    told = read(tmp_path / "1.journal")
    assert not told.whole
    assert 0 < len(told.operations) < 20
    journal.making(None, None)
    journal.made(self)
    journal.performing(self, "again")
    assert read(tmp_path / "1.journal").whole, "with a new subject there is room again"


def test_an_entry_is_written_as_it_is_read(opened: Opened, tmp_path: Path) -> None:
    subject = made(SCOPE, BUILD)
    ask(subject, GIVE)
    ask(subject, LOOK)
    (tmp_path / "copy").write_bytes(written(opened.entry))
    assert read(tmp_path / "copy") == opened.entry


@pytest.mark.parametrize("tier", list(Tier))
def test_which_of_a_managers_pools_is_known(tier: Tier, opened: Opened) -> None:
    build = partial(SCOPE.build, pool_of_manager(KvrefManager, tier))
    ask(made(SCOPE, build), LOOK)
    told = course(opened.entry, "did not return", None)
    assert told.scope == SCOPE
    assert told.kind == f"{tier.value} pool"
    assert told.history == (LOOK,)


def test_only_kvrefs_own_values_are_read() -> None:
    assert value(pickle.dumps(LOOK)) == LOOK
    assert value(pickle.dumps(print)) is None
    assert value(b"damaged") is None


def test_without_a_journal_nothing_is_written() -> None:
    assert Journals.open is None
    subject = made(SCOPE, BUILD)
    with driven("nothing"):
        ask(subject, LOOK)
    assert Journals.folder is None
