"""Alignments: windows of every combination of lengths, aligned, masked, split again."""

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Final

import torch

from kvref.tensors import KeysValues
from spec.batch import Alignment, Batch, Padded, Row
from spec.laws import batch_broken
from spec.window import Token
from stateful_models.subjects.batches import BatchSubject
from stateful_models.subjects.journal import driven
from stateful_models.subjects.tokens import columns, rows

DTYPES: Final = (torch.float32, torch.float64)
NEW: Final = 2  # tokens that the mask is asked for


def window(tokens: Row, dtype: torch.dtype, device: str, layers: int = 2) -> KeysValues:
    """One sample, one head; token t is 8 t + p in part p."""
    made = KeysValues(1, 1, max(4, len(tokens)), 1, layers, device, dtype=dtype)
    with torch.no_grad():
        for number, layer in enumerate(made):
            k, v = (rows(tuple((t,) for t in tokens), 2 * number + n) for n in (0, 1))
            if tokens:
                layer.update(k.to(device, dtype), v.to(device, dtype))
    return made


def tokens_of(kv: KeysValues) -> tuple[Padded, ...]:
    """What each row holds: a token, None for zeros in every part, -1 for anything else."""
    parts = [part for layer in kv for part in layer.get()]
    told = [columns(part.float().cpu(), number) for number, part in enumerate(parts)]
    blank = (torch.stack([part.float().cpu()[:, 0, :, 0] for part in parts]) == 0).all(0)
    return tuple(
        tuple(
            None if blank[row, at] else agreed([one[at][row] for one in told])
            for at in range(kv.size)
        )
        for row in range(kv.num_samples)
    )


def agreed(tokens: list[Token]) -> Token:
    return tokens[0] if len(set(tokens)) == 1 else Token(-1)


def kind(kv: KeysValues) -> str:
    """The dtype and device of what a window delivers."""
    k, _ = kv[0].get()
    return f"{k.dtype} {k.device}".removeprefix("torch.")


def observe(
    subject: BatchSubject, windows: tuple[Row, ...], dtype: torch.dtype, device: str = "cpu"
) -> Alignment:
    """Align, split and mask these windows; align each alone; use the buffer again; then look."""
    made = [window(row, dtype, device) for row in windows]
    aligned = subject.align(made)
    seen = Batch(tokens_of(aligned.batch), aligned.lengths)
    kinds = [kind(made[0]), kind(aligned.batch)]
    back = subject.split(aligned)
    mask = subject.mask(aligned.lengths, NEW)
    masks = tuple(
        tuple(frozenset(one.nonzero().flatten().tolist()) for one in row[0]) for row in mask.cpu()
    )
    alone = []
    for one in made:
        single = subject.align([one])
        alone.append(Batch(tokens_of(single.batch), single.lengths))
    subject.align([window((Token(99),) * 4, dtype, device) for _ in windows])
    told = tuple(tuple(t for t in row if t is not None) for kv in back for row in tokens_of(kv))
    kinds.append(kind(back[0]))
    return Alignment(windows, seen, tuple(alone), told, masks, tuple(kinds))


def every_alignment(rows: int, longest: int) -> Iterator[tuple[Row, ...]]:
    """Up to so many windows of up to so many tokens, in every combination of lengths."""
    for count in range(1, rows + 1):
        for lengths in product(range(longest + 1), repeat=count):
            starts = [1 + 10 * row for row in range(count)]
            yield tuple(
                tuple(Token(start + n) for n in range(length))
                for start, length in zip(starts, lengths, strict=True)
            )


def misaligned(
    make: Callable[[], BatchSubject], given: Iterable[tuple[Row, ...]]
) -> tuple[tuple[str, ...], Alignment] | None:
    """The first alignment that breaks a law, and which; each dtype by one subject."""
    tried = list(given)
    for dtype in DTYPES:
        aligning = make()
        for windows in tried:
            with driven(f"aligning {windows} in {dtype}"):
                seen = observe(aligning, windows, dtype)
            laws = batch_broken(seen)
            if laws:
                return laws, seen
    return None
