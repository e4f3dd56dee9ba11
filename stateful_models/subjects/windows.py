"""Windows under test: anything with the methods of `KeysValues`; what an adapter's author writes.

K and V are made from the specification's tokens (`subjects.tokens`), with two heads of width three
if there are several samples and the windows take such, else with one of width one.
"""

from typing import ClassVar, Final

from torch import Tensor

from spec.ops import Response
from spec.window import (
    Clone,
    Fork,
    Prune,
    RemoveNewest,
    Reset,
    Seal,
    Shelf,
    WindowOp,
    new_shelf,
)
from spec.window_laws import EVERY
from stateful_models.subjects.aspects import EVERYTHING, Aspect
from stateful_models.subjects.window_driver import (
    Sealing,
    WindowLike,
    drive_windows,
    shelf_of,
    takes,
)

NEEDED: Final = {
    Prune: "prune",
    RemoveNewest: "remove_register_tokens",
    Reset: "reset",
    Clone: "clone",
    Seal: "seal",
    Fork: "fork",
}


class WindowSubject:
    """Some windows of a client, all made alike. Override `make`, and what else is done otherwise.

    K and V of several samples have `heads` heads of width `head_dim`: those of the class if `make`
    makes windows that take them, else one of width one, and then a mix-up of heads is not seen.

    `operations` are those that the windows offer; leave out `Seal` and `Fork`, say, and they are
    not asked for. Without `tells_first` windows are not asked how many tokens they have dropped.
    """

    reports: frozenset[Aspect] = EVERYTHING
    operations: ClassVar[tuple[type, ...]] = EVERY
    tells_first: ClassVar[bool] = True
    heads: int = 2
    head_dim: int = 3
    _taken: ClassVar[dict[int, tuple[int, int]]]

    def __init__(self, capacity: int, samples: int, layers: int, places: int) -> None:
        self.capacity = capacity
        self.layers = layers
        self.told = new_shelf(capacity, samples, layers, places)
        self.error: BaseException | None = None
        self.heads, self.head_dim = self.shape_taken(samples)
        self.windows = [self.make(samples, capacity, layers) for _ in range(places)]
        for name in (NEEDED[op] for op in self.operations if op in NEEDED):
            self.require(name)

    def shape_taken(self, samples: int) -> tuple[int, int]:
        """Heads and width of what these windows take; found out once for each class.

        One sample has one head of width one, if it may: what copies overlapping tokens fails there.
        """
        known = vars(type(self)).get("_taken")
        if known is None:
            known = type(self)._taken = {}
        if samples not in known:
            wide, narrow = (self.heads, self.head_dim), (1, 1)
            tried = (narrow, wide) if samples == 1 else (wide, narrow)
            known[samples] = next((one for one in tried if self.fits(samples, *one)), narrow)
        return known[samples]

    def fits(self, samples: int, heads: int, head_dim: int) -> bool:
        """Whether windows can be made that take so many heads, so wide."""
        self.heads, self.head_dim = heads, head_dim
        try:
            window = self.make(samples, 2, 1)
        except Exception:  # somebody's code: what `make` cannot do at all, it will say again
            return False
        return takes(self, window, samples)

    @property
    def shape(self) -> tuple[int, int]:
        """Heads, and width of each, of the tokens that these windows are given."""
        return self.heads, self.head_dim

    def require(self, name: str) -> None:
        """A window has this method, unless the subject does otherwise."""
        here = "remove_newest" if name == "remove_register_tokens" else name
        if getattr(type(self), here) is getattr(WindowSubject, here) and not callable(
            getattr(self.windows[0], name, None)
        ):
            raise TypeError(f"what make() made has no {name}(): {self.windows[0]!r}")

    def make(self, samples: int, capacity: int, layers: int) -> WindowLike:
        """A window for so many samples, tokens and layers, `self.heads` heads of `self.head_dim`.

        One that has but one head of width one is checked with that.
        """
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

    def first_of(self, window: WindowLike, part: int) -> int:
        """How many tokens a part has dropped."""
        return self.first(window)  # type: ignore[arg-type]  # asked only if it can

    def perform(self, op: WindowOp) -> Response:
        """For the engines: one operation, by way of the methods above."""
        return drive_windows(self, op)

    def abstract(self) -> Shelf:
        """For the engines: what the windows hold."""
        return shelf_of(self, self.tells_first, Seal in self.operations)
