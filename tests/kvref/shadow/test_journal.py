"""What is remembered of histories, and what is forgotten."""

from kvref.shadow import Asked, Emptied
from kvref.shadow.course import Course
from kvref.shadow.journal import Journal


def test_where_there_is_no_room_what_was_cleared_goes_first() -> None:
    journal = Journal(4)
    for pool in ("a", "b", "a"):
        journal.add(Asked(pool, 1))
    journal.add(Emptied("a"))
    assert len(journal.steps()) == 4
    journal.add(Asked("a", 2))
    assert journal.steps() == (Asked("b", 1), Asked("a", 2))
    assert journal.whole
    for key in range(3, 5):
        journal.add(Asked("a", key))
    journal.add(Asked("b", 9))
    assert not journal.whole
    assert journal.steps()[-1] == Asked("a", 4)
    journal.add(Emptied("b"))
    assert journal.whole
    assert journal.steps() == (Asked("a", 2), Asked("a", 3), Asked("a", 4))


def test_when_every_pool_is_empty_a_history_begins() -> None:
    journal = Journal(9)
    journal.add(Asked("a", 1))
    journal.add(Asked("b", 1))
    journal.add(Emptied("a"))
    assert len(journal.steps()) == 3
    journal.add(Emptied("b"))
    assert journal.steps() == ()


def test_what_was_set_long_ago_is_forgotten() -> None:
    course = Course(1, 2)
    for key in (1, 2, 1, 3):
        course.remember(key, f"contents {key}")
    assert [course.due(key) for key in (1, 2, 3)] == ["contents 1", None, "contents 3"]
    course.begins()
    assert course.due(1) is None
