"""Which node each row of a search expands: the tree knows, and does not pass it to the model."""

import sys
from collections.abc import Sequence
from importlib import import_module
from threading import local
from typing import ClassVar, Final, Protocol, cast

TREES: Final = ("lzero.mcts.tree_search.mcts_ctree", "lzero.mcts.tree_search.mcts_ptree")
NAME: Final = "tree_muzero"


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
    """The module that the search of UniZero takes its tree from, watched while anybody asks.

    Detached from by the last, it is as it was.
    """

    told: ClassVar[local] = local()
    watchers: ClassVar[int] = 0

    def watch(self) -> None:
        Tree.watchers += 1
        for name in TREES:
            if "lzero" in sys.modules and name not in sys.modules:
                import_module(name)  # where the model is, the tree is
            module = sys.modules.get(name)
            real = getattr(module, NAME, None)
            if real is not None and not isinstance(real, Watched):
                setattr(module, NAME, Watched(real))

    def leave(self) -> None:
        Tree.watchers -= 1
        if Tree.watchers:
            return
        for name in TREES:
            module = sys.modules.get(name)
            watched = getattr(module, NAME, None)
            if isinstance(watched, Watched):
                setattr(module, NAME, watched.real)

    def expanding(self) -> tuple[int, ...] | None:
        """Of each row, which of its search's nodes is being expanded, once: the root is 0, the
        child that the first simulation made 1, and so on; None if no tree has told."""
        told = cast("tuple[int, ...] | None", getattr(self.told, "expanding", None))
        self.told.expanding = None
        return told
