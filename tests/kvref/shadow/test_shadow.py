"""`kvref.shadow`: what answers is not disturbed, and every way to differ is told."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import cast

import pytest

from kvref import EvictionStrategy, KVCacheError, KVCacheManager, KVCachePool, KVCacheValueError
from kvref.shadow import (
    Asked,
    Divergence,
    DivergenceError,
    Emptied,
    ManagerSide,
    Mode,
    OnDivergence,
    PoolSide,
    Put,
    Shadow,
    Side,
    Verdict,
)
from tests.support.sides import DictAndRing, Meddling, Odd, kvref_side, run

Lists = list[int]
COUNT = OnDivergence.COUNT


def found(shadow: Shadow[Lists]) -> dict[Verdict, int]:
    return {verdict: count for verdict, count in shadow.counts.items() if count}


def wreck(what: str, value: Lists | None) -> None:
    if value is not None:
        value[:] = [-1]


def fail(kind: type[BaseException], at: str) -> Callable[[str, Lists | None], None]:
    def meddle(what: str, value: Lists | None) -> None:
        if what == at:
            raise kind("no")

    return meddle


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("mends", [True, False])
def test_what_answers_is_not_disturbed(mode: Mode, mends: bool) -> None:
    """Answers, identities and contents are those of a run without the other."""
    for seed in range(5):
        ring, kvref = DictAndRing[Lists](3, mends), kvref_side(3)
        alone = kvref if mode in (Mode.SERVE, Mode.SWITCH) else ring
        expected = run(alone, seed)
        alone.clear("pool")
        shadow: Shadow[Lists] = Shadow(ring, kvref, mode, on_divergence=COUNT)
        assert run(shadow, seed) == expected
        compares = mode in (Mode.COMPARE, Mode.SERVE)
        assert (shadow.compared > 100) == compares
        assert set(found(shadow)) <= ({Verdict.MISSING, Verdict.UNEXPECTED, Verdict.CONTENTS})
        assert bool(found(shadow)) == (compares and not mends)


MEDDLERS = {
    "writes into what it is given": wreck,
    "raises in get": fail(RuntimeError, "get"),
    "raises in set": fail(Odd, "set"),
    "raises in clear": fail(OSError, "clear"),
}


@pytest.mark.parametrize("meddle", MEDDLERS.values(), ids=MEDDLERS)
@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.COMPARE])
@pytest.mark.parametrize("resumes", [True, False])
def test_an_ill_behaved_candidate_disturbs_nobody(
    meddle: Callable[[str, Lists | None], object], mode: Mode, resumes: bool
) -> None:
    for seed in range(5):
        expected = run(kvref_side(3), seed)
        shadow: Shadow[Lists] = Shadow(
            kvref_side(3), Meddling(3, meddle), mode, on_divergence=COUNT, resumes=resumes
        )
        assert run(shadow, seed) == expected
        if meddle is not wreck:
            assert shadow.counts[Verdict.RAISED] >= 1
            assert shadow.counts[Verdict.RAISED] == 1 or resumes
            assert shadow.firsts[Verdict.RAISED].error in (
                "RuntimeError: no",
                "Odd: no",
                "OSError: no",
            )
        elif mode is Mode.COMPARE:
            assert found(shadow).keys() == {Verdict.CONTENTS}


def test_without_copies_a_candidate_would_disturb() -> None:
    """What the tests above must be able to see."""
    expected = run(kvref_side(3), 1)
    meddling = Meddling(3, wreck)
    assert run(Shadow(kvref_side(3), meddling, copy=lambda value: value), 1) != expected


def test_garbage_from_the_candidate_is_a_difference() -> None:
    class Garbage(PoolSide[Lists]):
        def get(self, pool: str, key: int) -> Lists | None:
            return cast(Lists, "garbage")

    expected = run(kvref_side(3), 1)
    pool = KVCachePool[Lists](3, name="pool")
    shadow: Shadow[Lists] = Shadow(kvref_side(3), Garbage(pool), Mode.COMPARE, on_divergence=COUNT)
    assert run(shadow, 1) == expected
    assert found(shadow).keys() == {Verdict.CONTENTS, Verdict.UNEXPECTED}


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_whoever_wants_to_end_the_program_does(end: type[BaseException]) -> None:
    shadow: Shadow[Lists] = Shadow(kvref_side(2), Meddling(2, fail(end, "get")))
    with pytest.raises(end):
        shadow.get("pool", 1)


def compared(candidate: Side[Lists], resumes: bool = True) -> Shadow[Lists]:
    return Shadow(kvref_side(2), candidate, Mode.COMPARE, on_divergence=COUNT, resumes=resumes)


class Answers(PoolSide[Lists]):
    """kvref, but for what it is made to tell."""

    def __init__(self, **told: object) -> None:
        super().__init__(KVCachePool[Lists](2, name="pool"))
        self.told = told

    def get(self, pool: str, key: int) -> Lists | None:
        return cast(Lists | None, self.told.get("get", super().get(pool, key)))

    def size(self, pool: str) -> int:
        return cast(int, self.told.get("size", super().size(pool)))

    def slot(self, pool: str, key: int) -> int | None:
        return cast(int | None, self.told.get("slot", super().slot(pool, key)))


@pytest.mark.parametrize(
    ("told", "key", "verdict", "primary", "candidate"),
    [
        ({"get": None}, 1, Verdict.MISSING, [7], None),
        ({"get": [8]}, 2, Verdict.UNEXPECTED, None, [8]),
        ({"get": [8]}, 1, Verdict.CONTENTS, [7], [8]),
        ({"size": 5}, 1, Verdict.SIZE, 1, 5),
        ({"size": 5}, 2, Verdict.SIZE, 1, 5),
        ({"slot": 1}, 1, Verdict.SLOT, 0, 1),
    ],
)
def test_every_way_to_differ(
    told: dict[str, object], key: int, verdict: Verdict, primary: object, candidate: object
) -> None:
    shadow = compared(Answers(**told))
    shadow.set("pool", 1, [7])
    for _ in range(3):
        shadow.get("pool", key)
    assert found(shadow) == {verdict: 3}
    first = shadow.firsts[verdict]
    assert (first.primary, first.candidate, first.key) == (primary, candidate, key)
    assert first.history == (Put("pool", 1, 1, None), Asked("pool", key))
    assert first.whole
    assert first.due == ([7] if key == 1 else None)
    assert verdict.value in shadow.summary()
    assert "3 differ" in repr(shadow)


@pytest.mark.parametrize("told", [{"size": None}, {"slot": None}, {}])
def test_what_is_not_told_is_not_compared(told: dict[str, object]) -> None:
    shadow = compared(Answers(**told))
    shadow.set("pool", 1, [7])
    shadow.get("pool", 1)
    assert not found(shadow)
    assert shadow.compared == 1


def test_slots_of_sets_are_compared() -> None:
    class Last(PoolSide[Lists]):
        def set(self, pool: str, key: int, value: Lists, priority: object = None) -> int:
            return 1

    shadow = compared(Last(KVCachePool[Lists](2, name="pool")))
    shadow.set("pool", 1, [7])
    assert found(shadow) == {Verdict.SLOT: 1}


def test_where_nothing_is_compared_nothing_is_told_to_differ() -> None:
    shadow: Shadow[Lists] = Shadow(kvref_side(2), Answers(get=[9], size=7), on_divergence=COUNT)
    shadow.set("pool", 1, [7])
    shadow.set("pool", 2, [7])
    assert shadow.get("pool", 1) == [7]
    assert not found(shadow)
    last: Shadow[Lists] = Shadow(kvref_side(1), kvref_side(2), on_divergence=COUNT)
    last.set("pool", 1, [7])
    last.set("pool", 2, [7])  # in slots 0 and 1
    assert not found(last)
    assert last.compared == 0


def test_whoever_answers_the_candidate_is_measured_by_the_primary() -> None:
    shadow: Shadow[Lists] = Shadow(
        kvref_side(2), Answers(get=None, size=4), Mode.SERVE, on_divergence=COUNT
    )
    shadow.set("pool", 1, [7])
    assert shadow.get("pool", 1) is None
    assert found(shadow) == {Verdict.MISSING: 1, Verdict.SIZE: 1}
    assert (shadow.firsts[Verdict.SIZE].primary, shadow.firsts[Verdict.SIZE].candidate) == (1, 4)


def test_the_first_stays_the_first() -> None:
    for asked in (OnDivergence.COUNT, OnDivergence.LOG):
        shadow: Shadow[Lists] = Shadow(
            kvref_side(2), Answers(get=None), Mode.COMPARE, on_divergence=asked
        )
        for key in (1, 2):
            shadow.set("pool", key, [key])
            shadow.get("pool", key)
        assert shadow.firsts[Verdict.MISSING].key == 1
        assert found(shadow) == {Verdict.MISSING: 2}


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
@pytest.mark.parametrize("asked", OnDivergence)
def test_the_first_of_each_verdict_is_a_warning_and_later_ones_are_not(
    asked: OnDivergence, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    shadow: Shadow[Lists] = Shadow(
        kvref_side(2), Answers(get=None, size=3), Mode.COMPARE, on_divergence=asked
    )
    shadow.set("pool", 1, [7])
    with caplog.at_level(level, "kvref.shadow"):
        for _ in range(3):
            with pytest.raises(DivergenceError) if asked is OnDivergence.RAISE else nullcontext():
                shadow.get("pool", 1)
    told = [(one.levelno, one.getMessage().split(":")[1].strip()) for one in caplog.records]
    firsts = [(logging.WARNING, "missing"), (logging.WARNING, "size")]
    later = [(logging.DEBUG, "missing"), (logging.DEBUG, "size")] * 2
    if asked is OnDivergence.COUNT:
        assert not told
    else:
        assert told == (firsts + later if level == logging.DEBUG else firsts)
    assert found(shadow) == {Verdict.MISSING: 3, Verdict.SIZE: 3}


NOT_LAST, LAST = "(not what was stored last under it)", "(what was stored last under it)"


class Stale(PoolSide[Lists]):
    """Whatever is asked, it has this."""

    def __init__(self, answer: Lists | None) -> None:
        super().__init__(KVCachePool[Lists](2, name="pool"))
        self.answer = answer

    def get(self, pool: str, key: int) -> Lists | None:
        return self.answer


@pytest.mark.parametrize(
    ("primary", "candidate", "key", "text"),
    [
        ([8], None, 1, f"missing: primary [8] (list) {NOT_LAST}, candidate None (NoneType)"),
        ([7], None, 1, f"missing: primary [7] (list) {LAST}, candidate None (NoneType)"),
        ([8], [7], 1, f"contents: primary [8] (list) {NOT_LAST}, candidate [7] (list)"),
        ([7], [8], 1, f"contents: primary [7] (list) {LAST}, candidate [8] (list)"),
        ([8], None, 2, "missing: primary [8] (list), candidate None (NoneType)"),
        (None, [7], 1, "unexpected: primary None (NoneType), candidate [7] (list)"),
    ],
)
@pytest.mark.parametrize("mode", [Mode.COMPARE, Mode.SERVE])
def test_a_divergence_says_whether_the_primary_delivers_what_was_stored_last(
    primary: Lists | None, candidate: Lists | None, key: int, text: str, mode: Mode
) -> None:
    shadow: Shadow[Lists] = Shadow(Stale(primary), Stale(candidate), mode, on_divergence=COUNT)
    shadow.set("pool", 1, [7])
    shadow.get("pool", key)
    (first,) = shadow.firsts.values()
    assert str(first) == f"pool, key {key}: {text}"


def test_contents_that_cannot_be_compared_are_said_to_be_nothing() -> None:
    def same(one: object, other: object) -> bool:
        raise RuntimeError("of another shape")

    shadow: Shadow[Lists] = Shadow(
        Stale([8]), Stale(None), Mode.COMPARE, same=same, on_divergence=COUNT
    )
    shadow.set("pool", 1, [7])
    shadow.get("pool", 1)
    assert str(shadow.firsts[Verdict.MISSING]).endswith(
        "primary [8] (list), candidate None (NoneType)"
    )
    assert found(shadow) == {Verdict.MISSING: 1}


def test_a_clear_that_raises_is_no_new_beginning() -> None:
    failing = [True]

    def meddle(what: str, value: Lists | None) -> None:
        if what == "clear" and failing[0]:
            raise OSError("not now")

    candidate = Meddling(2, meddle)
    shadow = compared(candidate)
    shadow.set("pool", 1, [7])
    shadow.clear("pool")
    assert shadow.get("pool", 1) is None  # the candidate still has it, and is not asked
    assert found(shadow) == {Verdict.RAISED: 1}
    failing[0] = False
    shadow.clear("pool")
    shadow.get("pool", 1)
    assert found(shadow) == {Verdict.RAISED: 1}
    assert shadow.compared == 1


def test_contents_are_those_at_the_set_whatever_is_written_later() -> None:
    """The primary stores the object itself, which its client writes into; the snapshot tells."""
    shadow, value = compared(kvref_side(2)), [7]
    shadow.set("pool", 1, value)
    value.append(8)
    assert shadow.get("pool", 1) is value
    first = shadow.firsts[Verdict.CONTENTS]
    assert (first.primary, first.candidate, first.due) == ([7, 8], [7], [7])


def test_the_first_of_each_is_kept_and_raising_says_which() -> None:
    shadow: Shadow[Lists] = Shadow(
        kvref_side(2), Answers(get=None, size=3), Mode.COMPARE, on_divergence=OnDivergence.RAISE
    )
    shadow.set("pool", 1, [7])
    with pytest.raises(DivergenceError, match=r"pool, key 1: missing: primary \[7\]") as caught:
        shadow.get("pool", 1)
    assert isinstance(caught.value, KVCacheError)
    assert caught.value.divergence is shadow.firsts[Verdict.MISSING]
    assert found(shadow) == {Verdict.MISSING: 1, Verdict.SIZE: 1}  # all are counted
    with pytest.raises(DivergenceError) as again:
        shadow.get("pool", 1)
    assert len(again.value.divergence.history) == 3


def test_raising_never_raises_what_the_candidate_raised(caplog: pytest.LogCaptureFixture) -> None:
    shadow: Shadow[Lists] = Shadow(
        kvref_side(2),
        Meddling(2, fail(ValueError, "get")),
        Mode.COMPARE,
        on_divergence=OnDivergence.RAISE,
    )
    with caplog.at_level(logging.WARNING, "kvref.shadow"):
        assert shadow.get("pool", 1) is None
    assert "ValueError: no" in caplog.text


def test_one_that_raised_is_told_again_from_the_next_clear_on() -> None:
    """If it resumes; and not before."""
    for resumes in (True, False):
        failing = [True]

        def meddle(what: str, value: Lists | None, failing: list[bool] = failing) -> None:
            if what == "set" and failing[0]:
                raise ValueError("today")

        candidate = Meddling(2, meddle)
        shadow = compared(candidate, resumes=resumes)
        shadow.set("pool", 1, [7])
        failing[0] = False
        shadow.set("pool", 2, [7])
        shadow.get("pool", 1)
        assert found(shadow) == {Verdict.RAISED: 1}
        assert candidate.size("pool") == 0
        shadow.clear("pool")
        shadow.set("pool", 2, [7])
        assert candidate.size("pool") == (1 if resumes else 0)


@pytest.mark.parametrize(("every", "longest"), [(1, 4096), (3, 4096), (7, 4096), (3, 4)])
def test_one_history_in_so_many_is_followed(every: int, longest: int) -> None:
    calls = list[str]()
    candidate = Meddling(2, lambda what, value: calls.append(what))
    shadow: Shadow[Lists] = Shadow(
        kvref_side(2), candidate, Mode.COMPARE, on_divergence=OnDivergence.RAISE, every=every,
        longest=longest,
    )  # fmt: skip
    for number in range(21):
        for step in range(4):
            shadow.set("pool", step % 3, [number])
            shadow.get("pool", step % 2)
        shadow.clear("pool")
    followed = -(-21 // every)
    assert calls.count("set") == calls.count("get") == followed * min(8, longest) // 2
    assert calls.count("clear") == followed
    assert not found(shadow)


def test_a_journal_is_bounded_and_says_what_it_lacks() -> None:
    shadow: Shadow[Lists] = Shadow(
        kvref_side(2), Answers(get=[9]), Mode.COMPARE, on_divergence=OnDivergence.RAISE, longest=4
    )

    def history(key: int) -> Divergence:
        with pytest.raises(DivergenceError) as caught:
            shadow.get("pool", key)
        return caught.value.divergence

    for key in range(3):
        shadow.set("pool", key, [key])
    assert history(5).whole
    assert not history(5).whole
    assert len(history(5).history) == 4
    shadow.clear("pool")
    assert history(5).history == (Asked("pool", 5),)
    assert history(5).whole


def test_a_clear_of_one_pool_is_in_the_history_of_the_others() -> None:
    config = SimpleNamespace(game_segment_length=2, num_simulations=2)
    old, new = (KVCacheManager[Lists](config, 1) for _ in range(2))
    shadow: Shadow[Lists] = Shadow(
        ManagerSide(old), ManagerSide(new), Mode.COMPARE, on_divergence=COUNT
    )
    shadow.set("init:0", 1, [1])
    shadow.set("recur", 2, [2])
    shadow.clear("recur")
    assert shadow.first(("init:0", "recur"), 1) == [1]
    assert not found(shadow)
    new.init_pools[0].clear()
    shadow.get("init:0", 1)
    assert shadow.firsts[Verdict.MISSING].history == (
        Put("init:0", 1, 1, None),
        Put("recur", 2, 2, None),
        Emptied("recur"),
        Asked("init:0", 1),
        Asked("init:0", 1),
    )


def test_a_shadow_that_observes_a_manager() -> None:
    """The program goes on calling the manager; the candidate is told the same."""
    config = SimpleNamespace(game_segment_length=2, num_simulations=2)
    manager: KVCacheManager[Lists] = KVCacheManager(config, 1)
    fifo, lru = (
        KVCacheManager[Lists](config, 1, eviction_strategy=strategy)
        for strategy in (EvictionStrategy.FIFO, EvictionStrategy.LRU)
    )
    same = Shadow(ManagerSide(manager), ManagerSide(fifo), Mode.COMPARE, on_divergence=COUNT)
    other = Shadow(ManagerSide(manager), ManagerSide(lru), Mode.COMPARE, on_divergence=COUNT)
    manager.observe(same)
    manager.observe(other)
    for key in (1, 2):
        manager.set_recur_cache(key, [key])
    manager.hierarchical_get(0, 1)
    manager.set_recur_cache(3, [3])  # FIFO forgets 1, LRU forgets 2
    manager.hierarchical_get(0, 1)
    assert not found(same)
    assert found(other) == {Verdict.UNEXPECTED: 1, Verdict.SLOT: 1}
    manager.clear_all()
    manager.get_recur_cache(2)
    assert found(other) == {Verdict.UNEXPECTED: 1, Verdict.SLOT: 1}
    assert (same.compared, other.compared) == (5, 5)


def test_what_is_observed_answers_itself(caplog: pytest.LogCaptureFixture) -> None:
    pool = KVCachePool[Lists](2, name="pool")
    pool.observe(Shadow(PoolSide(pool), kvref_side(2), Mode.SERVE))
    pool.get(1)
    assert "that is no Mode.SERVE" in caplog.text


def test_a_shadow_is_a_side_itself() -> None:
    inner = compared(kvref_side(2))
    outer: Shadow[Lists] = Shadow(inner, kvref_side(2), Mode.COMPARE, on_divergence=COUNT)
    run(outer, 2)
    assert not found(outer)
    assert not found(inner)
    assert outer.slot("pool", 1) == inner.slot("pool", 1)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Shadow(kvref_side(2), kvref_side(2), cast(Mode, "compare")), "'compare'.*no Mode"),
        (
            lambda: Shadow(kvref_side(2), kvref_side(2), on_divergence=cast(OnDivergence, "log")),
            "no OnDivergence",
        ),
        (lambda: Shadow(kvref_side(2), kvref_side(2), every=0), "every must be at least 1"),
        (lambda: Shadow(kvref_side(2), kvref_side(2), longest=0), "longest must be at least 1"),
        (lambda: PoolSide(), "names of their own"),
        (lambda: PoolSide(KVCachePool[Lists](1), KVCachePool[Lists](1)), "names of their own"),
        (lambda: kvref_side(2).get("recur", 1), "no pool is named 'recur'"),
    ],
)
def test_bad_input_is_refused(make: Callable[[], object], told: str) -> None:
    with pytest.raises(KVCacheValueError, match=told):
        make()


def test_the_mode_is_fixed() -> None:
    with pytest.raises(KVCacheError, match="mode of a Shadow is fixed"):
        compared(kvref_side(2)).mode = Mode.OFF


def test_what_the_answering_cache_refuses_is_not_passed_on() -> None:
    calls = list[str]()
    shadow = compared(Meddling(2, lambda what, value: calls.append(what)))
    with pytest.raises(KVCacheError):
        shadow.set("pool", cast(int, "one"), [1])
    with pytest.raises(KVCacheError):
        shadow.get("pool", cast(int, None))
    assert not calls
    assert not found(shadow)


def test_priorities_reach_both() -> None:
    def ranked() -> PoolSide[Lists]:
        return PoolSide(KVCachePool[Lists](2, EvictionStrategy.PRIORITY, name="pool"))

    shadow: Shadow[Lists] = Shadow(
        ranked(), ranked(), Mode.COMPARE, on_divergence=OnDivergence.RAISE
    )
    for key, rank in ((1, 5), (2, 1), (3, 2)):
        shadow.set("pool", key, [key], rank)
    assert [shadow.get("pool", key) for key in (1, 2, 3)] == [[1], None, [3]]
