"""Windows under test: anything with the methods of `KeysValues`, driven by window operations.

A token's K and V are made from its identity, so that what a window holds can be read back: in part
p (K of layer 0, V of layer 0, ...) token t is the number 8 t + p.
"""

from typing import ClassVar, Protocol, assert_never

import torch
from torch import Tensor

from spec.ops import Done, Refused, Response
from spec.window import (
    Clone,
    Columns,
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
    new_shelf,
    step,
)
from spec.window_laws import EVERY
from stateful_models.subjects.aspects import EVERYTHING, Aspect

STRIDE = 8  # parts that can be told apart
NEEDED = {
    Prune: "prune",
    RemoveNewest: "remove_register_tokens",
    Reset: "reset",
    Clone: "clone",
    Seal: "seal",
    Fork: "fork",
}
NO_MASK = torch.tensor([0.5])  # what stands for a mask that must be refused


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


class WindowSubject:
    """Some windows of a client, all made alike. Override `make`, and what else is done otherwise.

    `operations` are those that the windows offer; leave out `Seal` and `Fork`, say, and they are
    not asked for. Without `tells_first` windows are not asked how many tokens they have dropped.
    """

    reports: frozenset[Aspect] = EVERYTHING
    operations: ClassVar[tuple[type, ...]] = EVERY
    tells_first: ClassVar[bool] = True

    def __init__(self, capacity: int, samples: int, layers: int, places: int) -> None:
        self.capacity = capacity
        self.layers = layers
        self.told = new_shelf(capacity, samples, layers, places)
        self.error: BaseException | None = None
        self.windows = [self.make(samples, capacity, layers) for _ in range(places)]
        for name in (NEEDED[op] for op in self.operations if op in NEEDED):
            self.require(name)

    def require(self, name: str) -> None:
        """A window has this method, unless the subject does otherwise."""
        here = "remove_newest" if name == "remove_register_tokens" else name
        if getattr(type(self), here) is getattr(WindowSubject, here) and not callable(
            getattr(self.windows[0], name, None)
        ):
            raise TypeError(f"what make() made has no {name}(): {self.windows[0]!r}")

    def make(self, samples: int, capacity: int, layers: int) -> WindowLike:
        """A window for so many samples, tokens and layers; heads and head_dim are one each."""
        raise NotImplementedError("say how a window is made")

    def update(self, window: WindowLike, layer: int, k: Tensor, v: Tensor) -> None:
        window[layer].update(k, v)

    def get(self, window: WindowLike, layer: int) -> tuple[Tensor, Tensor]:
        return window[layer].get()

    def prune(self, window: WindowLike, mask: Tensor) -> None:
        window.prune(mask)

    def remove_newest(self, window: WindowLike, count: int) -> None:
        window.remove_register_tokens(count)

    def reset(self, window: WindowLike) -> None:
        window.reset()

    def clone(self, window: WindowLike) -> WindowLike:
        return window.clone()

    def seal(self, window: Sealing) -> None:
        window.seal()

    def fork(self, window: Sealing) -> WindowLike:
        return window.fork()

    def first(self, window: Sealing) -> int:
        return window.first

    def sealed(self, window: Sealing) -> bool:
        return window.sealed

    def perform(self, op: WindowOp) -> Response:
        """One operation; whatever the window raises is a refusal, kept in `error`."""
        self.error = None
        self.told, _ = step(self.told, op)
        try:
            with torch.no_grad():
                self.do(op)
        except Exception as error:
            self.error = error.with_traceback(None)
            return Refused()
        return Done()

    def do(self, op: WindowOp) -> None:
        window = self.windows[op.at]
        match op:
            case Update(_, k, v, layer):
                for number in range(self.layers) if layer is None else (layer,):
                    self.append(window, number, rows(k, 2 * number), rows(v, 2 * number + 1))
            case Prune(_, mask):
                self.prune(window, NO_MASK if mask is None else torch.tensor(mask).bool())
            case RemoveNewest(_, count):
                self.remove_newest(window, count)
            case Reset():
                self.reset(window)
            case Seal():
                self.seal(window)  # type: ignore[arg-type]  # what cannot seal is not asked to
            case Clone(_, to):
                self.windows[to] = self.clone(window)
            case Fork(_, to):
                self.windows[to] = self.fork(window)  # type: ignore[arg-type]  # likewise
            case _:
                assert_never(op)

    def append(self, window: WindowLike, layer: int, k: Tensor, v: Tensor) -> None:
        """An update by a client that uses its own tensors again: they must be as they were, and
        what becomes of them afterwards must not matter."""
        mine = k.clone(), v.clone()
        self.update(window, layer, k, v)
        if not (torch.equal(k, mine[0]) and torch.equal(v, mine[1])):
            raise ValueError("update wrote into the tensors that it was given")
        k.fill_(-1)
        v.fill_(-1)

    def abstract(self) -> Shelf:
        """What the windows hold; what they do not tell is as the specification has it."""
        every = zip(self.windows, self.told.windows, strict=True)
        return self.told._replace(windows=tuple(self.abstract_window(*both) for both in every))

    def abstract_window(self, window: WindowLike, told: Window) -> Window:
        tensors = [part for layer in range(self.layers) for part in self.get(window, layer)]
        for tensor in tensors:
            require_shape(tensor)
        known = [part.first for part in told.parts]
        firsts = (
            [self.first_of(window, number) for number in range(len(known))]
            if self.tells_first
            else known
        )
        parts = tuple(
            Part(columns(tensor, number), first)
            for number, (tensor, first) in enumerate(zip(tensors, firsts, strict=True))
        )
        sealed = Seal in self.operations and self.sealed(window)  # type: ignore[arg-type]  # asked only if it can
        return Window(self.capacity, tensors[0].shape[0], parts, sealed)

    def first_of(self, window: WindowLike, part: int) -> int:
        """How many tokens a part has dropped."""
        return self.first(window)  # type: ignore[arg-type]  # asked only if it can


def require_shape(tensor: object) -> None:
    """What `get` delivers is a tensor, of one head of width one."""
    told = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
    if not isinstance(told, tuple) or len(told) != 4 or told[1::2] != (1, 1):
        raise TypeError(f"get must deliver K and V of shape (samples, 1, tokens, 1), not {told}")


def rows(tokens: Columns, part: int) -> Tensor:
    """Tokens as K or V: (samples, 1, tokens, 1)."""
    samples = len(tokens[0]) if tokens else 1
    values = torch.tensor(tokens, dtype=torch.float32).reshape(len(tokens), samples)
    return (values.T * STRIDE + part)[:, None, :, None]


def columns(tensor: Tensor, part: int) -> Columns:
    """What `rows` was made from; -1 for what no token of this part can be."""
    numbers = (tensor[:, 0, :, 0].T - part) / STRIDE
    return tuple(
        tuple(Token(int(n)) if float(n).is_integer() and n >= 0 else Token(-1) for n in column)
        for column in numbers.tolist()
    )
