"""Claims about list, tuple and dict that are known to be true or false: CrossHair's own test.

They run before the conditions. Where this release of CrossHair is known to be wrong, `trap` says
what the conditions must therefore not depend on.
"""

from typing import Final, NamedTuple
from unittest import TestCase

from stateful_models.engines.contracts.condition import Theorem
from stateful_models.engines.contracts.symbolic import Judgement, Verdict, judged


class Canary(NamedTuple):
    """`told`: what CrossHair must say; `trap`: where that is not the truth, why it is harmless."""

    name: str
    claim: Theorem
    told: Verdict
    trap: str | None = None


def list_append(items: list[int], new: int) -> None:
    assert len(items) <= 3
    longer = [*items, new]
    assert longer[-1] == new
    assert len(longer) == len(items) + 1


def list_sorted_is_the_same(items: list[int]) -> None:
    assert len(items) <= 3
    ordered = sorted(items)
    assert ordered == items


def tuple_cut(items: tuple[int, ...], at: int) -> None:
    assert len(items) <= 3
    assert 0 <= at <= len(items)
    joined = items[:at] + items[at:]
    assert joined == items


def tuple_has_no_twins(items: tuple[int, ...]) -> None:
    assert len(items) <= 3
    twins = [a for n, a in enumerate(items) for b in items[:n] if a == b]
    assert not twins


def tuple_least(items: tuple[int, ...]) -> None:
    assert 0 < len(items) <= 3
    least = min(items)
    assert least in items
    assert all(least <= item for item in items)


def tuple_first_is_least(items: tuple[int, ...]) -> None:
    assert 0 < len(items) <= 3
    least = min(items)
    assert least == items[0]


def dict_set_is_got(known: dict[int, int], key: int, value: int) -> None:
    assert len(known) <= 2
    known[key] = value
    assert known[key] == value


def dict_set_leaves_others(known: dict[int, int], key: int, value: int) -> None:
    assert len(known) <= 2
    before = len(known)
    known[key] = value
    assert len(known) == before + 1


def dict_set_keeps_place(known: dict[int, int], value: int) -> None:
    assert len(known) == 2
    first = next(iter(known))
    known[first] = value
    assert next(iter(known)) == first


def dict_set_moves_to_the_end(known: dict[int, int], value: int) -> None:
    assert len(known) == 2
    first = next(iter(known))
    known[first] = value
    assert next(iter(known)) != first


def unmeetable(number: int) -> None:
    assert number < 0 < number
    absurd = number * 0 + 1
    assert absurd == 2


def crash(items: tuple[int, ...]) -> None:
    assert len(items) <= 2
    first = items[0]
    assert first == first + 0


def somebody_elses_assert(number: int) -> None:
    assert number >= 0
    TestCase().assertNotEqual(number, 2)  # noqa: PT009 - an assert in another file
    assert number == number + 0


ORDER: Final = "dict order is modelled wrongly: nothing that is confirmed depends on it"
CANARIES: Final = (
    Canary("list: appending adds one at the end", list_append, Verdict.CONFIRMED),
    Canary("list: every list is sorted", list_sorted_is_the_same, Verdict.REFUTED),
    Canary("tuple: cut in two and joined", tuple_cut, Verdict.CONFIRMED),
    Canary("tuple: all items differ", tuple_has_no_twins, Verdict.REFUTED),
    Canary("tuple: min is the least", tuple_least, Verdict.CONFIRMED),
    Canary("tuple: the first is the least", tuple_first_is_least, Verdict.REFUTED),
    Canary("dict: what is set is got", dict_set_is_got, Verdict.CONFIRMED),
    Canary("dict: a set always adds a key", dict_set_leaves_others, Verdict.REFUTED),
    Canary("dict: a set keeps the key's place", dict_set_keeps_place, Verdict.REFUTED, ORDER),
    Canary(
        "dict: a set moves the key to the end", dict_set_moves_to_the_end, Verdict.CONFIRMED, ORDER
    ),
    Canary(
        "given what cannot be, anything follows",
        unmeetable,
        Verdict.CONFIRMED,
        "so each condition has a planted fault, whose counterexample meets what is given",
    ),
    Canary("an exception is no counterexample", crash, Verdict.CRASHED),
    Canary("nor is an assert that fails elsewhere", somebody_elses_assert, Verdict.CRASHED),
)


def sing(number: int) -> Judgement:
    """What CrossHair says of one of them."""
    return judged(CANARIES[number].claim, 30.0)


def false_notes(said: tuple[Judgement, ...]) -> tuple[str, ...]:
    """Where CrossHair said something else than it must; one line each."""
    return tuple(
        f"CrossHair says {judgement.verdict.value} of {canary.name!r}, not {canary.told.value}: "
        "what it confirms cannot be relied on"
        for canary, judgement in zip(CANARIES, said, strict=True)
        if judgement.verdict is not canary.told
    )
