"""W1 to W6: windows, exhaustively within small scopes; exhibits that must be rejected."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from kvref.tensors import KeysValues
from spec.window import Clone, Fork, Prune, RemoveNewest, Reset, Seal, Update, WindowOp, drop
from spec.window_laws import EVERY, WINDOW
from stateful_models import check
from stateful_models.bugs.tensors import WINDOWS, WindowExhibit
from stateful_models.bugs.tensors.plain import (
    PlainLayer,
    PlainWindow,
    PlainWindows,
    windows_of,
)
from stateful_models.engines import windows
from stateful_models.engines.explore import Exploration, Explorer
from stateful_models.engines.sample import sample
from stateful_models.engines.windows import beyond, counterexample, explained, sampled, scopes
from stateful_models.reference.windows import KvrefWindows
from stateful_models.scopes.windows import WindowScope
from stateful_models.subjects.protocol import SubjectError
from stateful_models.subjects.window_driver import WindowLike
from stateful_models.subjects.windows import WindowSubject
from tests.support.night import NIGHT
from tests.support.paths import ROOT

ALONE = tuple(op for op in EVERY if op not in (Clone, Fork))
KIN = (Update, Seal, Clone, Fork)
UNPRUNED = tuple(op for op in EVERY if op is not Prune)


def explore(
    scope: WindowScope, subject: type[WindowSubject] = KvrefWindows
) -> Exploration[object, WindowOp]:
    return Explorer(scope, partial(scope.build, subject)).run()


SIZES = [(capacity, samples) for capacity in range(1, 7) for samples in (1, 2)]
BY_DAY = [(1, 2), (2, 1), (3, 2), (4, 1), (6, 1)]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """By day one window of two tokens and two that are kin, and of random histories the first."""

    def some(offered: tuple[type, ...]) -> list[WindowScope]:
        _, two, *_, kin = scopes(offered)
        return [two, replace(kin, most=1)]

    if not NIGHT:
        monkeypatch.setattr(windows, "scopes", some)
        monkeypatch.setattr(windows, "HISTORIES", 1)


@pytest.mark.parametrize(("capacity", "samples"), SIZES if NIGHT else BY_DAY)
def test_window_refines_the_specification(capacity: int, samples: int) -> None:
    """Updates of 1 to 7 tokens. A state is a size, a phase, sealed or not, so many samples.

    Sizes 0 to capacity; phase 1 is reached by filling the window when it holds one token, and by
    removing tokens every size has it; pruning leads from `samples` down to none.
    """
    report = explore(WindowScope(capacity, samples, operations=ALONE))
    assert report.divergence is None
    assert report.states == (capacity + 1) * 2 * 2 * (samples + 1)
    impossible = {"R3"} if samples == 2 else {"R3", "W5"}
    impossible |= {"W1"} if capacity < 3 else set()
    impossible |= {"W2"} if capacity < 2 else set()
    assert report.missing == impossible


def test_layers_one_by_one() -> None:
    """Uneven layers, K and V of unequal length: refused where they must be."""
    report = explore(WindowScope(2, 1, 2, most=2, by_layer=True, operations=ALONE))
    assert report.divergence is None


def test_families_of_windows() -> None:
    """Clones and forks of one another, both of them written: nobody sees the other's tokens."""
    most, operations = (3, UNPRUNED) if NIGHT else (1, KIN)
    report = explore(WindowScope(2, places=2, most=most, operations=operations))
    assert report.divergence is None
    assert "R3" not in report.missing


def test_larger_families_sampled() -> None:
    scope = WindowScope(5, samples=2, layers=2, places=3, most=6)
    assert sample(scope, partial(scope.build, KvrefWindows), 120 if NIGHT else 10) is None


def test_every_law_occurs_somewhere() -> None:
    one = explore(WindowScope(3, 2, operations=ALONE)).missing
    two = explore(WindowScope(1, places=2, most=1, operations=(Update, Seal, Clone))).missing
    assert one & two == frozenset()
    assert {law.code for law in WINDOW} == {"W1", "W2", "W3", "W4", "W5", "W6", "R3", "R4"}


@pytest.mark.parametrize("exhibit", WINDOWS, ids=lambda e: e.subject.__name__)
def test_exhibit_is_rejected(exhibit: WindowExhibit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs of windows are explored for R3, which alone speaks of pairs; by night for all."""

    def fitting(offered: tuple[type, ...]) -> list[WindowScope]:
        pairs = 2 if exhibit.law == "R3" else 1
        largest_first = sorted(scopes(offered), key=lambda one: -one.capacity)
        return [one for one in largest_first if one.places == pairs]

    if not NIGHT:
        monkeypatch.setattr("stateful_models.engines.windows.scopes", fitting)
    found = counterexample(exhibit.subject)
    assert found is not None
    assert len(found.history) == exhibit.operations, exhibit.why
    assert exhibit.law in found.laws


def test_the_plain_design_done_right_is_accepted() -> None:
    """In every scope by night; always one window of two tokens, and two that are kin."""
    if NIGHT:
        assert counterexample(PlainWindows) is None
    for scope in (
        WindowScope(2, 2, operations=ALONE),
        WindowScope(2, places=2, most=1, operations=KIN),
    ):
        assert Explorer(scope, partial(scope.build, PlainWindows)).run().divergence is None


class Reticent(PlainWindows):
    """Windows that cannot be sealed nor forked, and do not say what they dropped."""

    operations = (Update, Prune, RemoveNewest, Reset, Clone)
    tells_first = False

    def first(self, window: object) -> int:
        raise AssertionError("asked nevertheless")


@pytest.mark.usefixtures("few")
def test_windows_are_not_asked_what_they_do_not_offer() -> None:
    assert counterexample(Reticent) is None


def test_a_counterexample_is_explained() -> None:
    broken = next(one for one in WINDOWS if one.law == "W2")
    found = counterexample(broken.subject)
    assert found is not None
    told = explained(found).splitlines()
    assert told[0] == "breaks W2, W6:"
    assert told[1] == "  1. Update(at=0, k=((0,), (1,)), v=((0,), (1,)), layer=None)"
    four = "((2,), (3,), (4,), (5,))"
    assert told[2] == f"  2. Update(at=0, k={four}, v={four}, layer=None)"
    assert told[3].startswith("  expected Done(), Shelf(")
    assert told[4].startswith("  came     Done(), Shelf(")
    assert "\n".join(told[:3]) in (ROOT / "stateful_models" / "README.md").read_text()


class Flipped(PlainLayer):
    """Delivers the heads in reverse."""

    def get(self) -> tuple[torch.Tensor, torch.Tensor]:
        k, v = super().get()
        return k.flip(1), v.flip(1)


class Backwards(PlainLayer):
    """Delivers each head back to front."""

    def get(self) -> tuple[torch.Tensor, torch.Tensor]:
        k, v = super().get()
        return k, v.flip(3)


class Turned(PlainLayer):
    """Takes samples for heads."""

    def get(self) -> tuple[torch.Tensor, torch.Tensor]:
        k, v = super().get()
        samples, heads = k.shape[:2]
        turned = k.transpose(0, 1).reshape(samples, heads, *k.shape[2:])
        return turned, v


class FirstHeadOnly(PlainLayer):
    """Shifts the first head only: the others keep their oldest tokens."""

    def shift(self, dropped: int) -> None:
        kept = self.store[:, :, 1:].clone()
        super().shift(dropped)
        self.store[:, :, 1:] = kept


class Wider(PlainLayer):
    """Delivers heads for widths."""

    def get(self) -> tuple[torch.Tensor, torch.Tensor]:
        k, v = super().get()
        return k.transpose(1, 3), v.transpose(1, 3)


@pytest.mark.parametrize("kind", [Flipped, Backwards, Turned, FirstHeadOnly, Wider])
def test_mix_ups_of_heads_rows_and_width_are_found(kind: type[PlainLayer]) -> None:
    found = explore(WindowScope(3, 2, most=2, operations=ALONE), windows_of(kind, "Mixed"))
    assert found.divergence is not None
    assert {"W1", "W4"} & set(found.divergence.laws)


class OneHead(KvrefWindows):
    """Windows that have but one head of width one, and do not tell what they dropped."""

    operations = (Update, RemoveNewest, Reset)
    tells_first = False

    def make(self, samples: int, capacity: int, layers: int) -> WindowLike:
        return KeysValues(samples, 1, capacity, 1, layers)


class FourHeads(KvrefWindows):
    heads, head_dim = 4, 2

    def make(self, samples: int, capacity: int, layers: int) -> WindowLike:
        return KeysValues(samples, 4, capacity, 8, layers)


def test_windows_are_given_what_they_take() -> None:
    """Two heads of width three; what the class says; one of width one, where no other is taken."""
    for subject, shape in ((KvrefWindows, (2, 3)), (FourHeads, (4, 2)), (OneHead, (1, 1))):
        assert subject(3, 2, 1, 1).shape == shape
    assert KvrefWindows(3, 1, 1, 1).shape == (1, 1)
    assert FourHeads(3, 1, 1, 1).shape == (4, 2)


@pytest.mark.usefixtures("few")
def test_what_windows_do_not_tell_is_said() -> None:
    report = check(OneHead)
    assert report.conforms
    assert "heads and width are one each: mix-ups of heads" in report.statement
    assert "these windows do not tell `first`" in report.statement
    assert "do not offer it: Prune, Seal, Clone, Fork." in report.statement
    assert "random histories of 160 operations" in report.statement
    told = check(FourHeads, WindowScope(2, 2, most=2)).statement
    assert "K and V of 4 heads, 2 wide" in told
    assert "do not" not in told


class Worn(PlainWindow):
    """Keeps what it dropped before its third reset."""

    resets = 0

    def reset(self) -> None:
        super().reset()
        self.resets += 1
        for layer in self.layers:
            layer.first = int(self.resets > 3)


class Pruned(PlainWindow):
    """The eleventh prune takes a token with it."""

    prunes = 0

    def prune(self, mask: torch.Tensor) -> None:
        super().prune(mask)
        self.prunes += 1
        if self.prunes > 10:
            self.remove_register_tokens(min(1, self.layers[0].size))


@pytest.mark.parametrize(("kind", "law", "most"), [(Worn, "W6", 4), (Pruned, "W5", 14)])
def test_faults_that_take_a_long_life_are_found(
    kind: type[PlainWindow], law: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each of the larger scopes by night, by day in the first."""
    if not NIGHT:
        monkeypatch.setattr(windows, "beyond", lambda offered: beyond(offered)[:1])
    found = sampled(type("Long", (PlainWindows,), {"window_type": kind}))
    assert found is not None
    assert law in found.laws
    assert len(found.history) <= most


@pytest.mark.usefixtures("few")
def test_right_windows_live_long() -> None:
    assert sampled(KvrefWindows) is None
    assert sampled(PlainWindows) is None


class WritesItsInput(PlainLayer):
    def update(self, k: torch.Tensor, v: torch.Tensor) -> None:
        super().update(k, v)
        k.zero_()


class Keeps(PlainWindows):
    """Windows that hand out numpy arrays."""

    def get(self, window: object, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        k, v = super().get(window, layer)  # type: ignore[arg-type]  # a PlainWindow
        return k.numpy(), v.numpy()  # type: ignore[return-value]  # wrong on purpose


class NoPrune(PlainWindows):
    def make(self, samples: int, capacity: int, layers: int) -> WindowLike:
        made = super().make(samples, capacity, layers)
        made.prune = None  # type: ignore[method-assign,assignment]  # wrong on purpose
        return made


class Misspelt(PlainWindows):
    operations = ("Update",)  # type: ignore[assignment]  # wrong on purpose


class Nothing(PlainWindows):
    operations = ()


def test_a_window_that_writes_into_its_input_is_rejected() -> None:
    found = counterexample(windows_of(WritesItsInput, "WritesItsInput"))
    assert found is not None
    assert "wrote into the tensors" in str(found.error)


@pytest.mark.parametrize(
    ("subject", "word"),
    [
        (Keeps, "ndarray"),
        (NoPrune, "has no prune"),
        (Misspelt, "unknown: .'Update'"),
        (Nothing, "Update is missing"),
    ],
)
def test_what_cannot_be_judged_is_refused(subject: type[WindowSubject], word: str) -> None:
    with pytest.raises(SubjectError, match=word):
        counterexample(subject)


def test_every_law_has_an_exhibit() -> None:
    assert {exhibit.law for exhibit in WINDOWS} == {law.code for law in WINDOW}


def test_drop_by_hand() -> None:
    """W2, from its words: (capacity, size, new) -> dropped."""
    table = {(4, 4, 1): 2, (4, 3, 1): 0, (4, 3, 2): 2, (4, 4, 4): 4, (5, 5, 5): 5, (3, 1, 3): 1}
    table |= {(20, 20, 2): 2, (20, 19, 2): 2, (20, 18, 2): 0, (3, 3, 3): 3, (1, 1, 1): 1}
    assert {case: drop(*case) for case in table} == table
