"""Windows under long random histories: many shapes and dtypes, every value bit for bit."""

from typing import ClassVar

import torch
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from torch import Tensor

from kvref import KVCacheError
from kvref.tensors import BatchBuffer, KeysValues, align, attention_mask, split
from spec.batch import Batch, Row, visible
from spec.batch import align as spec_align
from spec.ops import Done
from spec.window import (
    Clone,
    Columns,
    Fork,
    Place,
    Prune,
    RemoveNewest,
    Reset,
    Seal,
    Shelf,
    Token,
    Update,
    Window,
    WindowOp,
    even,
    new_shelf,
    step,
)
from stateful_models.subjects.window_driver import NO_MASK

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
PLACES = 4
HEAD_DIM = 2
PLACE = st.integers(0, PLACES - 1).map(Place)


class WindowMachine(RuleBasedStateMachine):
    """Four windows, what each part of them holds, and what aligning and splitting makes of them."""

    window_type: ClassVar[type[KeysValues]] = KeysValues
    device: ClassVar[str] = "cpu"

    shelf: Shelf
    windows: list[KeysValues]

    @initialize(
        samples=st.integers(1, 4),
        heads=st.integers(1, 4),
        capacity=st.integers(1, 12),
        layers=st.integers(1, 3),
        dtype=st.sampled_from(DTYPES),
        seed=st.integers(0, 2**32 - 1),
    )
    def begin(
        self, samples: int, heads: int, capacity: int, layers: int, dtype: torch.dtype, seed: int
    ) -> None:
        self.heads, self.layers, self.dtype = heads, layers, dtype
        self.shelf = new_shelf(capacity, samples, layers, PLACES)
        width = heads * HEAD_DIM
        self.windows = [
            self.window_type(samples, heads, capacity, width, layers, self.device, dtype=dtype)
            for _ in range(PLACES)
        ]
        self.random = torch.Generator().manual_seed(seed)
        self.values: list[Tensor] = []
        self.buffer = BatchBuffer(4 * PLACES, heads, 12, width, layers, self.device, dtype=dtype)

    def fresh(self, count: int, samples: int) -> Columns:
        """New tokens, and for each its random values: (parts, heads, head_dim)."""
        start = len(self.values)
        for _ in range(count * samples):
            shape = (2 * self.layers, self.heads, HEAD_DIM)
            value = torch.randn(shape, generator=self.random).to(self.dtype)
            self.values.append(value.to(self.device))
        numbers = range(start, start + count * samples)
        rows = [numbers[samples * at : samples * (at + 1)] for at in range(count)]
        return tuple(tuple(Token(n) for n in row) for row in rows)

    def expected(self, tokens: Columns, part: int, samples: int) -> Tensor:
        """(samples, heads, tokens, head_dim) of these tokens in this part."""
        shape = samples, self.heads, len(tokens), HEAD_DIM
        out = torch.zeros(shape, dtype=self.dtype, device=self.device)
        for at, column in enumerate(tokens):
            for sample, token in enumerate(column):
                out[sample, :, at] = self.values[token][part]
        return out

    def do(self, op: WindowOp) -> None:
        """One operation on both; the answers and all four windows agree afterwards."""
        note(repr(op))
        self.shelf, answer = step(self.shelf, op)
        try:
            with torch.no_grad():
                self.perform(op)
            done = True
        except KVCacheError as error:
            note(str(error))
            done = False
        assert done == isinstance(answer, Done)
        for window, known in zip(self.windows, self.shelf.windows, strict=True):
            self.compare(window, known)

    def perform(self, op: WindowOp) -> None:
        window, samples = self.windows[op.at], self.shelf.windows[op.at].samples
        match op:
            case Update(_, k, v, layer):
                for number in range(self.layers) if layer is None else (layer,):
                    window[number].update(
                        self.expected(k, 2 * number, samples),
                        self.expected(v, 2 * number + 1, samples),
                    )
            case Prune(_, mask):
                window.prune(NO_MASK if mask is None else torch.tensor(mask).bool())
            case RemoveNewest(_, count):
                window.remove_register_tokens(count)
            case Reset():
                window.reset()
            case Seal():
                window.seal()
            case Clone(_, to):
                self.windows[to] = window.clone()
            case Fork(_, to):
                self.windows[to] = window.fork()

    def compare(self, window: KeysValues, known: Window) -> None:
        assert window.sealed == known.sealed
        assert window.dtype == self.dtype
        for number, (tokens, first) in enumerate(known.parts):
            layer = window[number // 2]
            part = layer.get()[number % 2]
            assert layer.parts[number % 2].first == first
            assert part.dtype == self.dtype
            assert torch.equal(part, self.expected(tokens, number, known.samples))

    def fitting(self, at: Place) -> int:
        return self.shelf.windows[at].samples

    @rule(at=PLACE, count=st.integers(0, 13))
    def update(self, at: Place, count: int) -> None:
        new = self.fresh(count, self.fitting(at))
        self.do(Update(at, new, new))

    @rule(at=PLACE, count=st.integers(1, 3), layer=st.integers(0, 2))
    def update_one_layer(self, at: Place, count: int, layer: int) -> None:
        new = self.fresh(count, self.fitting(at))
        self.do(Update(at, new, new, layer % self.layers))

    @rule(at=PLACE, count=st.integers(1, 3))
    def update_unequally(self, at: Place, count: int) -> None:
        new = self.fresh(count, self.fitting(at))
        self.do(Update(at, new, new[1:], 0))

    @rule(at=PLACE, bits=st.integers(0, 15), wrong=st.booleans())
    def prune(self, at: Place, bits: int, wrong: bool) -> None:
        samples = self.fitting(at)
        mask = tuple(bool(bits >> n & 1) for n in range(samples))
        self.do(Prune(at, None if wrong else mask))

    @rule(at=PLACE, count=st.integers(-1, 4))
    def remove_newest(self, at: Place, count: int) -> None:
        self.do(RemoveNewest(at, count))

    @rule(at=PLACE)
    def reset(self, at: Place) -> None:
        self.do(Reset(at))

    @rule(at=PLACE)
    def seal(self, at: Place) -> None:
        self.do(Seal(at))

    @rule(at=PLACE, to=PLACE)
    def clone(self, at: Place, to: Place) -> None:
        self.do(Clone(at, to))

    @rule(at=PLACE, to=PLACE)
    def fork(self, at: Place, to: Place) -> None:
        self.do(Fork(at, to))

    @rule(places=st.lists(PLACE, min_size=1, max_size=PLACES), reuse=st.booleans())
    def align_and_split(self, places: list[Place], reuse: bool) -> None:
        """B1 to B4: the batch, its mask, and what comes back, against the specification."""
        known = [self.shelf.windows[at] for at in places]
        if not all(even(one) for one in known) or not any(one.samples for one in known):
            return
        windows = [self.windows[at] for at in places]
        batch, lengths = align(windows, self.buffer if reuse else None)
        by_part = [self.rows(known, part) for part in range(2 * self.layers)]
        told = spec_align(by_part[0])
        assert lengths == told.lengths
        for part, rows in enumerate(by_part):
            self.compare_batch(batch[part // 2].get()[part % 2], spec_align(rows), part)
        mask = attention_mask(lengths, 2, batch.size)
        for row in range(len(lengths)):
            seen = [frozenset(one.nonzero().flatten().tolist()) for one in mask[row, 0]]
            assert tuple(seen) == visible(told, row, 2)
        back = split(
            batch,
            lengths,
            firsts=[w.first for w, k in zip(windows, known, strict=True) for _ in range(k.samples)],
        )
        align(windows, self.buffer)  # what came back must not care
        for row, window in enumerate(back):
            assert window.size == lengths[row]
            for part, rows in enumerate(by_part):
                column = tuple((token,) for token in rows[row])
                got = window[part // 2].get()[part % 2]
                assert torch.equal(got, self.expected(column, part, 1))

    def rows(self, known: list[Window], part: int) -> tuple[Row, ...]:
        return tuple(
            tuple(column[sample] for column in one.parts[part].tokens)
            for one in known
            for sample in range(one.samples)
        )

    def compare_batch(self, got: Tensor, told: Batch, part: int) -> None:
        assert got.dtype == self.dtype
        for row, padded in enumerate(told.rows):
            for at, token in enumerate(padded):
                value = 0 * got[row, :, at] if token is None else self.values[token][part]
                assert torch.equal(got[row, :, at], value)
