"""What turns window operations into calls, and what windows hold into the specification's."""

from typing import Final, Protocol, assert_never

import torch
from torch import Tensor

from spec.ops import Done, Refused, Response
from spec.window import (
    Clone,
    Fork,
    Part,
    Prune,
    RemoveNewest,
    Reset,
    Seal,
    Shelf,
    Token,
    Update,
    Window,
    WindowOp,
    step,
)
from stateful_models.subjects.journal import interrupted
from stateful_models.subjects.tokens import columns, rows

NO_MASK: Final = torch.tensor([0.5])  # what stands for a mask that must be refused


class LayerLike(Protocol):
    """K and V of one layer."""

    def get(self) -> tuple[Tensor, Tensor]: ...

    def update(self, k: Tensor, v: Tensor) -> None: ...


class WindowLike(Protocol):
    """What `WindowSubject` asks of a window unless its methods are overridden."""

    def __getitem__(self, layer: int) -> LayerLike: ...

    def prune(self, mask: Tensor) -> None: ...

    def reset(self) -> None: ...

    def remove_register_tokens(self, n: int) -> None: ...

    def clone(self) -> "WindowLike": ...


class Sealing(WindowLike, Protocol):
    """A window that can be sealed, and says how many tokens it has dropped."""

    @property
    def sealed(self) -> bool: ...

    @property
    def first(self) -> int: ...

    def seal(self) -> None: ...

    def fork(self) -> "WindowLike": ...


class WindowCalls(Protocol):
    """A client's windows, as an author writes them; `told` is what the specification holds."""

    capacity: int
    layers: int
    told: Shelf
    windows: list[WindowLike]
    error: BaseException | None

    @property
    def shape(self) -> tuple[int, int]: ...

    def update(self, window: WindowLike, layer: int, k: Tensor, v: Tensor) -> None: ...

    def get(self, window: WindowLike, layer: int) -> tuple[Tensor, Tensor]: ...

    def prune(self, window: WindowLike, mask: Tensor) -> None: ...

    def remove_newest(self, window: WindowLike, count: int) -> None: ...

    def reset(self, window: WindowLike) -> None: ...

    def clone(self, window: WindowLike) -> WindowLike: ...

    def seal(self, window: Sealing) -> None: ...

    def fork(self, window: Sealing) -> WindowLike: ...

    def first_of(self, window: WindowLike, part: int) -> int: ...

    def sealed(self, window: Sealing) -> bool: ...


def drive_windows(subject: WindowCalls, op: WindowOp) -> Response:
    """One operation; whatever the window raises is a refusal, kept in `error`."""
    subject.error = None
    subject.told, _ = step(subject.told, op)
    try:
        with torch.no_grad():
            call(subject, op)
    except BaseException as error:
        if interrupted(error):
            raise
        subject.error = error.with_traceback(None)
        return Refused()
    return Done()


def call(subject: WindowCalls, op: WindowOp) -> None:
    window = subject.windows[op.at]
    match op:
        case Update(_, k, v, layer):
            shape = subject.shape
            for number in range(subject.layers) if layer is None else (layer,):
                both = rows(k, 2 * number, *shape), rows(v, 2 * number + 1, *shape)
                append(subject, window, number, *both)
        case Prune(_, mask):
            subject.prune(window, NO_MASK if mask is None else torch.tensor(mask).bool())
        case RemoveNewest(_, count):
            subject.remove_newest(window, count)
        case Reset():
            subject.reset(window)
        case Seal():
            subject.seal(window)  # type: ignore[arg-type]  # what cannot seal is not asked to
        case Clone(_, to):
            subject.windows[to] = subject.clone(window)
        case Fork(_, to):
            subject.windows[to] = subject.fork(window)  # type: ignore[arg-type]  # likewise
        case _:
            assert_never(op)


def append(subject: WindowCalls, window: WindowLike, layer: int, k: Tensor, v: Tensor) -> None:
    """An update by a client that uses its own tensors again: they must be as they were, and
    what becomes of them afterwards must not matter."""
    mine = k.clone(), v.clone()
    subject.update(window, layer, k, v)
    if not (torch.equal(k, mine[0]) and torch.equal(v, mine[1])):
        raise ValueError("update wrote into the tensors that it was given")
    k.fill_(-1)
    v.fill_(-1)


def shelf_of(subject: WindowCalls, tells_first: bool, seals: bool) -> Shelf:
    """What the windows hold; what they do not tell is as the specification has it."""
    shown = []
    for window, told in zip(subject.windows, subject.told.windows, strict=True):
        sealed = seals and subject.sealed(window)  # type: ignore[arg-type]  # asked only if it can
        samples, parts = parts_of(subject, window, None if tells_first else told)
        shown.append(Window(subject.capacity, samples, parts, sealed))
    return subject.told._replace(windows=tuple(shown))


def parts_of(
    subject: WindowCalls, window: WindowLike, told: Window | None
) -> tuple[int, tuple[Part, ...]]:
    """How many samples, and each part; how many tokens it dropped, as it tells, or as `told`."""
    tensors = [part for layer in range(subject.layers) for part in subject.get(window, layer)]
    parts = []
    for number, tensor in enumerate(tensors):
        require_tensor(tensor)
        first = subject.first_of(window, number) if told is None else told.parts[number].first
        parts.append(Part(columns(shaped(subject, tensor), number), first))
    return tensors[0].shape[0], tuple(parts)


def require_tensor(tensor: object) -> None:
    """What `get` delivers is a tensor of four dimensions."""
    told = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
    if not isinstance(told, tuple) or len(told) != 4:
        due = "(samples, heads, tokens, head_dim)"
        raise TypeError(f"get must deliver K and V of shape {due}, not {told}")


def shaped(subject: WindowCalls, tensor: Tensor) -> Tensor:
    """The tensor; of other heads or another width, as many tokens that are nobody's."""
    heads, head_dim = subject.shape
    if tensor.shape[1::2] == (heads, head_dim):
        return tensor
    return torch.full((tensor.shape[0], heads, tensor.shape[2], head_dim), -1.0)


def takes(subject: WindowCalls, window: WindowLike, samples: int) -> bool:
    """Whether a new window takes tokens of the subject's heads and width; a wrong one may deliver
    others, but it does not refuse them, nor is its storage of one head of width one."""
    one = rows(((Token(1),) * samples,), 0, *subject.shape)
    try:
        with torch.no_grad():
            empty = subject.get(window, 0)
            subject.update(window, 0, one.clone(), one.clone())
            told = {tuple(part.shape[1::2]) for part in (*empty, *subject.get(window, 0))}
            return (1, 1) not in told - {subject.shape}
    except Exception:  # somebody's code: it takes others
        return False
