"""Scopes of a client's windows."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import product
from typing import cast

from spec import window
from spec.laws import window_broken
from spec.ops import Ref, Response
from spec.window import (
    Clone,
    Columns,
    Fork,
    Part,
    Place,
    Prune,
    RemoveNewest,
    Reset,
    Seal,
    Shelf,
    Token,
    Update,
    WindowOp,
    WindowResponse,
    new_shelf,
)
from spec.window_laws import EVERY, WINDOW, WindowTransition
from stateful_models.scopes.scope import Reports
from stateful_models.subjects.protocol import Subject, WindowFactory


@dataclass(frozen=True, slots=True)
class WindowScope:
    """So many windows: updates of up to `most` tokens, each token never seen before.

    `by_layer`: layers are also updated one by one, and K and V with unequal numbers of tokens.
    """

    capacity: int
    samples: int = 1
    layers: int = 1
    places: int = 1
    most: int = 7
    by_layer: bool = False
    operations: tuple[type, ...] = EVERY

    @property
    def label(self) -> str:
        told = f"capacity {self.capacity}, {self.samples} samples, {self.layers} layers"
        return f"windows, {told}, {self.places} of them, updates of 1 to {self.most} tokens"

    @property
    def capacities(self) -> str:
        return str(self.capacity)

    def initial(self) -> Shelf:
        return new_shelf(self.capacity, self.samples, self.layers, self.places)

    def alphabet(self, reports: Reports) -> tuple[WindowOp, ...]:
        every = [Place(place) for place in range(self.places)]
        ops: list[WindowOp] = []
        for at in every:
            ops += [Reset(at), Seal(at), Prune(at, None)]
            ops += [RemoveNewest(at, count) for count in range(-1, self.capacity + 2)]
            counts = range(self.samples + 1)
            ops += [Prune(at, m) for n in counts for m in product((False, True), repeat=n)]
            ops += [Clone(at, to) for to in every] + [Fork(at, to) for to in every]
        return tuple(op for op in ops if type(op) in self.operations)

    def writes(self, state: Shelf) -> tuple[WindowOp, ...]:
        return tuple(
            op
            for at, one in enumerate(state.windows)
            for n in range(1, self.most + 1)
            for op in self.updates(Place(at), fresh(state.made, n, one.samples))
        )

    def updates(self, at: Place, new: Columns) -> list[WindowOp]:
        ops: list[WindowOp] = [Update(at, new, new)]
        if self.by_layer:
            ops += [Update(at, new, new, layer) for layer in range(self.layers)]
            ops += [Update(at, new[1:], new, 0), Update(at, new, new[1:])]
        return ops

    def aftermath(self, response: Response) -> WindowOp | None:
        return None

    def retained(self, state: Shelf) -> tuple[frozenset[Ref], int]:
        return frozenset(), 0

    def probes(self, reports: Reports) -> tuple[WindowOp, ...]:
        return ()

    def trail(self, op: WindowOp, after: Shelf) -> Hashable:
        return type(op).__name__, op.at

    def step(self, state: Shelf, op: WindowOp) -> tuple[Shelf, Response]:
        return window.step(state, op)

    def same_but_counters(self, one: Shelf, other: Shelf) -> bool:
        return one.windows == other.windows and one.kin == other.kin

    def completed(self, shown: Shelf, due: Shelf, reports: Reports) -> Shelf:
        return shown

    def flushes(self, reports: Reports) -> tuple[tuple[WindowOp, ...], ...]:
        return ()

    def broken(
        self, before: Shelf, op: WindowOp, response: Response, after: Shelf
    ) -> tuple[str, ...]:
        return window_broken(transition(before, op, response, after))

    def unsound(self, state: Shelf) -> tuple[str, ...]:
        return ()

    def situations(self) -> dict[str, Callable[[Shelf, WindowOp, Response, Shelf], bool]]:
        return {law.code: lambda *t, law=law: law.occurs(transition(*t)) for law in WINDOW}

    def canonical(self, state: Shelf, symmetric: bool) -> tuple[Hashable, int]:
        """Tokens and kin in the order in which they are met; of `first` the parity, its phase."""
        names: dict[Token, int] = {}
        kin: dict[int, int] = {}

        def named(part: Part) -> Hashable:
            tokens = tuple(tuple(names.setdefault(t, len(names)) for t in c) for c in part.tokens)
            return tokens, part.first % 2

        told = tuple((one.samples, one.sealed, *map(named, one.parts)) for one in state.windows)
        return (told, tuple(kin.setdefault(number, len(kin)) for number in state.kin)), 1

    def build(self, factory: WindowFactory) -> Subject[WindowOp]:
        return factory(self.capacity, self.samples, self.layers, self.places)


@dataclass(frozen=True, slots=True)
class LongLife(WindowScope):
    """For random histories: windows that are updated, and pruned so that nearly all samples stay.

    An operation is as likely as it is often in the alphabet. Windows that are sealed come back as
    clones and forks of each other.
    """

    def alphabet(self, reports: Reports) -> tuple[WindowOp, ...]:
        every = [Place(place) for place in range(self.places)]
        stay = range(max(1, self.samples - 1), self.samples + 1)
        ops: list[WindowOp] = []
        for at in every:
            ops += [Reset(at)] * 2 + [Seal(at)]
            ops += [RemoveNewest(at, count) for count in (0, 1, 2, self.capacity // 2)]
            ops += [Prune(at, (True,) * n) for n in stay for _ in range(3)]
            ops += [Prune(at, (True,) * (self.samples - 1) + (False,))] if self.samples > 1 else []
            ops += [one(at, to) for to in every for one in (Clone, Fork)]
        return tuple(op for op in ops if type(op) in self.operations)

    def writes(self, state: Shelf) -> tuple[WindowOp, ...]:
        return super(LongLife, self).writes(state) * 2


def transition(before: Shelf, op: WindowOp, response: Response, after: Shelf) -> WindowTransition:
    return WindowTransition(before, op, cast(WindowResponse, response), after)


def fresh(made: int, count: int, samples: int) -> Columns:
    """So many tokens that were never seen before, one for each sample in each column."""
    numbers = [[made + samples * n + s for s in range(samples)] for n in range(count)]
    return tuple(tuple(Token(number) for number in column) for column in numbers)
