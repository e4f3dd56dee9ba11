"""Which node each row of a search expands: the tree knows, and does not pass it to the model."""

import sys
from collections.abc import Sequence
from importlib import import_module
from threading import local
from typing import ClassVar, Final, Protocol, cast
from weakref import WeakSet, finalize

SEARCHES: Final = "lzero.mcts.tree_search"
TREES: Final = (
    (f"{SEARCHES}.mcts_ctree", "tree_muzero"),
    (f"{SEARCHES}.mcts_ctree_sampled", "tree_sampled_muzero"),
)
"""Of UniZero and of Sampled UniZero; there is none in Python."""


class Traverses(Protocol):
    def batch_traverse(self, *args: object) -> Sequence[Sequence[int]]: ...


class Watched:
    """A tree's module, whose `batch_traverse` is told of."""

    def __init__(self, real: object) -> None:
        self.real = real

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)

    def batch_traverse(self, *args: object) -> Sequence[Sequence[int]]:
        result = cast(Traverses, self.real).batch_traverse(*args)
        Tree.told.expanding = tuple(int(one) for one in result[0])
        return result


class Tree:
    """The modules that the searches of UniZero take their trees from, watched while anybody asks.

    Detached from by the last, or when nobody holds it any longer, they are as they were.
    """

    told: ClassVar[local] = local()
    watchers: ClassVar["WeakSet[Tree]"] = WeakSet()

    def watch(self) -> None:
        Tree.watchers.add(self)
        finalize(self, unwatched).atexit = False
        for module, name in TREES:
            if "lzero" in sys.modules and module not in sys.modules:
                import_module(module)  # where the model is, the tree is
            holder = sys.modules.get(module)
            real = getattr(holder, name, None)
            if real is not None and not isinstance(real, Watched):
                setattr(holder, name, Watched(real))

    def leave(self) -> None:
        Tree.watchers.discard(self)
        unwatched()

    def expanding(self) -> tuple[int, ...] | None:
        """Of each row, which of its search's nodes is being expanded, once: the root is 0, the
        child that the first simulation made 1, and so on; None if no tree has told."""
        told = cast("tuple[int, ...] | None", getattr(self.told, "expanding", None))
        self.told.expanding = None
        return told


def unwatched() -> None:
    """As they were, if nobody asks any longer."""
    if any(True for _ in Tree.watchers):
        return
    for module, name in TREES:
        holder = sys.modules.get(module)
        watched = getattr(holder, name, None)
        if isinstance(watched, Watched):
            setattr(holder, name, watched.real)
